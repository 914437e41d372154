using System.Text.RegularExpressions;

namespace Lookup.EndToEndTests.Docs;

/// <summary>The commands of pages that <see cref="DocCommandTests"/> does not run, each with the reason. Every other command runs.</summary>
internal static class NotRun
{
    private static readonly (string Pattern, string Reason)[] List =
    [
        (@"^(docker|kubectl|helm) ", "requires a container engine or a cluster; ComposeTests and ChartTests check what it starts"),
        (@"^deploy/compose/setup\.sh |^cd deploy$|^cat > secrets/", "writes secrets into the checkout for compose; ComposeTests runs the script"),
        (@"^dotnet (build|test|format|publish|pack|tool|nuget|add) ", "builds the checkout, which would build the running tests, or changes the settings of the machine"),
        (@"^dotnet run .*--project (benchmarks|samples/dotnet|src/Lookup\.Cli)", "builds the checkout; SampleTests and DemoTests run the sample and the demo, and a benchmark takes minutes"),
        (@"^LOOKUP_WRITE_DOCS=1 dotnet test ", "changes the pages"),
        (@"^npm --prefix ", "downloads packages; OtherLanguageTests and SampleTests run what they are for"),
        (@"^protos/openapi\.py ", "writes the document into the checkout; OpenApiTests compares it with the contract"),
        (@"^\.ci/run$", "installs programs and runs every test"),
        (@"^python3 samples/", "requires the packages of grpc; SampleTests and WatchSampleTests run the samples"),
        (@"^mysql ", "requires a database of VICIdial; SampleFormTests reads an export"),
        (@"^lookup (doctor .*--former-numbers|import former\.ndjson)", "requires a store with numbers of no plan; FormerNumberTests writes and imports them"),
        (@"^tests/stores/write\.py ", "writes the stores of a release into the checkout; UpgradeTests reads them"),
        (@"^python3 -m http\.server ", "serves the dashboard until it is stopped; the dashboard's tests open the page"),
        (@"^lookup (agi|sip)( |$)", "listens until it is stopped; AgiCommandTests and SipCommandTests run it"),
        (@"^sipp ", "calls a gate that runs; SipCommandTests runs it"),
        (@"^redis-cli --cluster |^redis-cli cluster ", "requires a Redis Cluster; ClusterTests moves slots"),
    ];

    /// <summary>The reason why a command does not run; null: it runs.</summary>
    public static string? ReasonFor(string command) =>
        List.FirstOrDefault(entry => Regex.IsMatch(command, entry.Pattern)).Reason;

    /// <summary>The entries that match none of the commands.</summary>
    public static IEnumerable<string> Unused(IReadOnlyCollection<string> commands) =>
        List.Select(entry => entry.Pattern).Where(pattern => !commands.Any(command => Regex.IsMatch(command, pattern)));
}
