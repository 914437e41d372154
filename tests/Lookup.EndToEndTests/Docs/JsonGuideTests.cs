using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Lookup.Server.Receipts;

namespace Lookup.EndToEndTests.Docs;

/// <summary>docs/guide/json.md: each command of the page is run, and its output has what the page shows below it.</summary>
public sealed partial class JsonGuideTests : IAsyncLifetime
{
    private const string Page = "docs/guide/json.md";

    // Later than every time on the page, within hours in the Netherlands.
    private static readonly DateTimeOffset Now = new(2026, 3, 3, 14, 0, 0, TimeSpan.FromHours(1));

    private readonly TempFolder _temp = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private ReceiptLog _log = null!;
    private LookupServer _server = null!;

    private static string Text => File.ReadAllText(Path.Combine(Programs.Root(), Page)).ReplaceLineEndings("\n");

    public async ValueTask InitializeAsync()
    {
        var clock = new ShiftedClock(Now);
        _log = ReceiptLog.Open(_temp.PathOf("receipts"), _key, TimeProvider.System, 8_192);
        _server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), receipts: _log, clock: clock);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _log.Dispose();
        _key.Dispose();
        _temp.Dispose();
    }

    [Fact]
    public async Task Page_EachCommand_GivesWhatThePageShows()
    {
        Programs.Require("bash", "curl", "sed", "head");
        var examples = Example().Matches(Text).Where(example => !example.Groups["command"].Value.StartsWith("lookup ", StringComparison.Ordinal)).ToList();
        Assert.True(examples.Count > 20);
        foreach (var example in examples)
        {
            var command = example.Groups["command"].Value;
            var script = $"cd '{_temp.PathOf("")}'\ncurl() {{ command curl --noproxy '*' \"$@\"; }}\n"
                + command.Replace("127.0.0.1:7501", _server.Host.JsonAddress.Authority, StringComparison.Ordinal);
            var (code, output, error) = await Programs.RunAsync("bash", "-c", script);
            Assert.True(code == 0, $"{command}\nexit code {code}\n{output}{error}");

            if (!example.Groups["answer"].Success)
            {
                continue;
            }

            var shown = Values(example.Groups["answer"].Value);
            var printed = Values(output);
            Assert.True(shown.Count == printed.Count, $"{command}\n{output}");
            for (var i = 0; i < shown.Count; i++)
            {
                var difference = JsonShape.Difference(shown[i], printed[i]);
                Assert.True(difference is null, $"{command}\n{difference}\n{output}");
            }
        }
    }

    [Fact]
    public void Page_EveryCallInJson_HasACommand()
    {
        var text = Text;
        List<(HttpMethod Verb, string Path)> calls = [.. AnyCall.Methods.Select(AnyCall.Route).OfType<(HttpMethod, string)>(), (HttpMethod.Post, "/v1/gate"), (HttpMethod.Get, "/openapi.json")];
        Assert.True(calls.Count > 20);
        Assert.All(calls, call => Assert.Contains(
            $"127.0.0.1:7501{call.Path.Replace("/x", "/$id", StringComparison.Ordinal)}{(call.Verb == HttpMethod.Post ? " --json" : "")}", text, StringComparison.Ordinal));
    }

    // Several values may follow each other.
    private static List<JsonNode?> Values(string text)
    {
        var values = new List<JsonNode?>();
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(text), new JsonReaderOptions { AllowMultipleValues = true });
        while (reader.Read())
        {
            values.Add(JsonNode.Parse(ref reader));
        }

        return values;
    }

    [GeneratedRegex("^```bash\n(?<command>(?:(?!```).*\n)+)```\n(?:```json\n(?<answer>(?:(?!```).*\n)+)```\n)?", RegexOptions.Multiline)]
    private static partial Regex Example();
}
