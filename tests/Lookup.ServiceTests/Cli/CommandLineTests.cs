using System.CommandLine;
using System.CommandLine.Parsing;
using Lookup.Cli.Commands;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.V1;
using Duration = Google.Protobuf.WellKnownTypes.Duration;

namespace Lookup.ServiceTests.Cli;

public class CommandLineTests
{
    public static TheoryData<string> CommandPaths => [.. Paths(Root(), "")];

    public static TheoryData<string> Examples =>
        [.. Commands(Root()).OfType<CliCommand>().SelectMany(command => command.Examples)];

    [Theory]
    [MemberData(nameof(CommandPaths))]
    public async Task Help_OfEveryCommand_HasDescriptionAndExamples(string path)
    {
        var run = await CliRun.Async([.. path.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("Description:", run.Output, StringComparison.Ordinal);
        // The tool's own name is that of the process, here the tests'.
        Assert.Matches($"Usage:\n  [^ ]+ {path}", run.Output.ReplaceLineEndings("\n"));
        var command = path.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Aggregate((Command)Root(), (parent, name) => parent.Subcommands.Single(child => child.Name == name));
        Assert.Equal(command.Subcommands.Count == 0, run.Output.Contains("Examples:\n  ", StringComparison.Ordinal));
        Assert.Equal("", run.Error);
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void Example_OfHelp_IsAValidCommandLine(string example)
    {
        var line = example.Split("&&")[0].Split('|')[^1].Trim();
        Assert.StartsWith("lookup ", line, StringComparison.Ordinal);

        var parsed = Root().Parse(CommandLineParser.SplitCommandLine(line.Replace('\'', '"')).Skip(1).ToArray());

        Assert.Empty(parsed.Errors);
    }

    [Theory]
    [InlineData("check", "NUMBER and --org are missing. See 'lookup check --help'.")]
    [InlineData("chek +31612345678 --org a", "Unknown command 'chek'; did you mean 'check'? See 'lookup --help'.")]
    [InlineData("cehck", "Unknown command 'cehck'; did you mean 'check'? See 'lookup --help'.")]
    [InlineData("frobnicate --now", "Unknown command 'frobnicate'. See 'lookup --help'.")]
    [InlineData("org putt", "Unknown command 'putt'; did you mean 'put'? See 'lookup org --help'.")]
    [InlineData("check +31612345678 --orgg a", "Unknown option '--orgg'; did you mean '--org'? See 'lookup check --help'.")]
    [InlineData("check +31612345678 --org a --jsno", "Unknown option '--jsno'; did you mean '--json'? See 'lookup check --help'.")]
    [InlineData("check +31612345678 612 --org a --purpose survey", "Unexpected argument '612'. See 'lookup check --help'.")]
    [InlineData("preview x --org a --purpose survey --sample some", "--sample 'some' is not a number. See 'lookup preview --help'.")]
    [InlineData("record objection +31612345678", "--org: the organisation is missing; '*' means all. See 'lookup record --help'.")]
    [InlineData("record registration +31612345678", "--register: the register is missing. See 'lookup record --help'.")]
    [InlineData("doctor --redis redis://127.0.0.1:6379", "--redis must not be a URL; write host:port")]
    [InlineData("serve --set MaxCheckStreams=0", "--set MaxCheckStreams: 0 is out of range; must be 1 to 1024 streams. See 'lookup serve --help'.")]
    [InlineData("check 1 --org a --purpose fun", "--purpose 'fun' is not valid; use one of commercial, charity, political, survey, service. See 'lookup check --help'.")]
    [InlineData("check 1 --org a", "--purpose is missing: commercial, charity, political, survey, service. See 'lookup check --help'.")]
    [InlineData("check 1 --org a --purpose survey --at noon", "--at 'noon' is not a time; write it like 2024-03-12T14:00:00+01:00. See 'lookup check --help'.")]
    [InlineData("check 1 --org a --purpose survey --at 2024-03-12", "--at '2024-03-12' has no offset; write it like 2024-03-12T14:00:00+01:00. See 'lookup check --help'.")]
    [InlineData("check 1 --org a --purpose survey --without law", "--without law: only code and policy can be left out. See 'lookup check --help'.")]
    [InlineData("check 1 --org a --purpose survey --exact --token x", "--exact and --token exclude each other: drop one. See 'lookup check --help'.")]
    [InlineData("check 1 --org a --purpose survey --timeout 0", "--timeout 0 is out of range: 0.001 to 600 seconds. See 'lookup check --help'.")]
    [InlineData("check 1 --org a --purpose survey --timeout soon", "--timeout 'soon' is not a number. See 'lookup check --help'.")]
    [InlineData("check 1 --org a --purpose survey --address ftp://x", "--address 'ftp://x' is not an http:// or https:// address; write it like http://127.0.0.1:7500. See 'lookup check --help'.")]
    [InlineData("serve --fake --data x", "--fake cannot be combined with --data, --redis, --key-file, --receipts, --regimes or --shadow-regimes. See 'lookup serve --help'.")]
    [InlineData("serve --fake --redis x", "--fake cannot be combined with --data, --redis, --key-file, --receipts, --regimes or --shadow-regimes. See 'lookup serve --help'.")]
    [InlineData("serve --fake --shadow-regimes x", "--fake cannot be combined with --data,")]
    [InlineData("serve --fake --key-file x", "--fake cannot be combined with --data, --redis, --key-file, --receipts, --regimes or --shadow-regimes. See 'lookup serve --help'.")]
    [InlineData("record complaint 1", "KIND: 'complaint' is not a kind of fact; use one of registration,")]
    [InlineData("record objection 1 --org a --register x", "--register: an objection has no field 'register'; leave it empty. See 'lookup record --help'.")]
    [InlineData("record relation 1 --org a", "--relation: the relation is missing; use one of customer,")]
    [InlineData("record consent 1 --org a --since tomorrow --purposes fun", "--since: 'tomorrow' is not a time; write it like 2024-03-12T14:00:00+01:00; --purposes: 'fun' is not a purpose;")]
    [InlineData("erase +31612345678", "Erasure cannot be undone: confirm it with --yes. See 'lookup erase --help'.")]
    [InlineData("register snapshot nl-bmnr --date 2015-03-01", "--date '2015-03-01' has no offset;")]
    public async Task CommandLine_Wrong_IsOneSentenceAndExitCode2(string line, string expected)
    {
        var run = await CliRun.Async(line.Split(' '));

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("lookup: " + expected, run.Error, StringComparison.Ordinal);
        Assert.Single(run.Error.TrimEnd().Split('\n'));
        Assert.Equal("", run.Output);
    }

    [Theory]
    [InlineData("")]
    [InlineData("org")]
    [InlineData("register")]
    public async Task Group_WithoutCommand_ShowsWhatThereIsAndFails(string line)
    {
        var run = await CliRun.Async(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("Commands:", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("help", "--help")]
    [InlineData("help check", "check --help")]
    [InlineData("help key create", "key create --help")]
    public async Task Help_AsACommand_IsThatOfTheOption(string line, string option)
    {
        var run = await CliRun.Async(line.Split(' '));

        Assert.Equal(await CliRun.Async(option.Split(' ')), run);
        Assert.Equal(0, run.ExitCode);
    }

    [Fact]
    public async Task Service_NotThere_IsOneSentenceThatSaysWhatToDo()
    {
        // Port 1 of the own machine: nothing listens there.
        var run = await CliRun.Async("check", "+31612345678", "--org", "acme", "--purpose", "commercial", "--address", "http://127.0.0.1:1");

        Assert.Equal(1, run.ExitCode);
        Assert.Equal(
            "lookup: No service is reachable at http://127.0.0.1:1/. Start one with 'lookup serve', or set its address with --address.",
            run.Error.TrimEnd());
    }

    [Fact]
    public async Task Error_WithJson_IsAnObject()
    {
        var run = await CliRun.Async("check", "1", "--org", "acme", "--json");

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("""{"error":"--purpose is missing:""", run.Error, StringComparison.Ordinal);
        Assert.EndsWith("\"exit_code\":2}", run.Error.TrimEnd(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Verdict.Allow, 13)]
    [InlineData(Verdict.Deny, 10)]
    [InlineData(Verdict.Unknown, 11)]
    [InlineData(Verdict.NotCovered, 12)]
    [InlineData(Verdict.Unspecified, 11)]
    [InlineData((Verdict)99, 11)]
    public void ExitCode_OfVerdict_IsZeroOnlyForAnAllowThatPermitsTheCall(Verdict verdict, int without)
    {
        var permitted = new Decision { Verdict = verdict, ReusableFor = new Duration { Seconds = 3600 } };
        Assert.Equal(verdict == Verdict.Allow ? 0 : without, Code(permitted));
        Assert.Equal(without, Code(new Decision(permitted) { Hypothetical = true }));
        Assert.Equal(without, Code(new Decision(permitted) { ReusableFor = null }));

        static int Code(Decision decision) =>
            CheckCommand.ExitCode(CheckResult.Answered(new CheckResponse { Number = "+31612345678", Decision = decision }, Moment.Now(TimeProvider.System)));
    }

    private static RootCommand Root() => CliApp.Build(new Shell(TextWriter.Null, TextWriter.Null, Stream.Null, TimeProvider.System));

    private static IEnumerable<Command> Commands(Command command) =>
        command.Subcommands.Concat(command.Subcommands.SelectMany(Commands));

    private static IEnumerable<string> Paths(Command command, string path) =>
        command.Subcommands.SelectMany(child => Paths(child, $"{path} {child.Name}".Trim())).Prepend(path);
}
