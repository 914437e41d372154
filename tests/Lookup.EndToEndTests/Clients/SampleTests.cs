using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Lookup.Cli.Commands;
using Lookup.Cli.Hosting;
using Lookup.Cli.Output;
using Lookup.Client.Testing;
using Lookup.Server;
using static Lookup.Testing.Clients.Programs;

namespace Lookup.EndToEndTests.Clients;

/// <summary>The samples against the fake service, and against none.</summary>
public sealed partial class SampleTests : IAsyncLifetime
{
    private const string Nowhere = "127.0.0.1:1";
    private FakeService _service = null!;

    public async ValueTask InitializeAsync() => _service = await FakeService.StartAsync(
        new LookupServerOptions { GrpcPort = 0, JsonPort = 0 },
        TestContext.Current.CancellationToken,
        // Permitted for as long as the slowest machine takes.
        new FakeLookup().On(MagicNumbers.Allow, FakeAnswer.Allow() with { ReusableFor = TimeSpan.FromMinutes(5) }));

    public async ValueTask DisposeAsync() => await _service.EndAsync();

    [Theory]
    [InlineData("dotnet")]
    [InlineData("node")]
    [InlineData("python")]
    public async Task Dialer_List_DialsWhatIsAllowed(string language)
    {
        var (code, output, error) = await DialAsync(
            language, _service.GrpcAddress.Authority, MagicNumbers.Allow, MagicNumbers.DenyByObjection, MagicNumbers.Unknown, MagicNumbers.NotCovered, MagicNumbers.UnheardOf, "call me");

        Assert.Equal([$"DIAL {MagicNumbers.Allow}"], Dialled(output));
        Assert.Equal(6, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.True(code == 0, error);
    }

    public static TheoryData<string> Samples => ["dotnet", "node", "python", "curl", "perl", "asterisk", "tool"];

    /// <summary>The numbers that docs/guide/testing-your-dialer.md tells every dialer to survive.</summary>
    private static string[] Traps()
    {
        var text = File.ReadAllText(Path.Combine(Root(), "docs/guide/testing-your-dialer.md"));
        var section = text[text.IndexOf("## What a dialer must survive", StringComparison.Ordinal)..text.IndexOf("## Magic numbers", StringComparison.Ordinal)];
        string[] traps = [.. Trap().Matches(section).Select(m => MagicNumbers.Prefix + m.Groups["digits"].Value)];
        Assert.Equal(11, traps.Length);
        Assert.Superset(
            new HashSet<string>([MagicNumbers.Hypothetical, MagicNumbers.Expired, MagicNumbers.UnheardOf, MagicNumbers.TimesOut]), traps.ToHashSet());
        return traps;
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public async Task Sample_EveryTrapOfTheDocs_DialsNothing(string sample)
    {
        // Some wait for an answer that never comes. More at a time would end by the samples' own time limit, whatever the answer.
        foreach (var traps in Traps().Chunk(4))
        {
            var dialled = await Task.WhenAll(traps.Select(trap => DialsAsync(sample, trap)));
            Assert.All(traps.Zip(dialled), trap => Assert.True(trap.Second is null, $"{sample} dialled {trap.First}."));
        }
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public async Task Sample_Allowed_DialsWhatWasDecidedUntilSomebodyObjects(string sample)
    {
        // Asterisk has the digits alone, and the tool dials nothing itself.
        var plain = sample == "asterisk" ? MagicNumbers.Allow[1..] : MagicNumbers.Allow;
        Assert.Equal(plain, await DialsAsync(sample, sample is "asterisk" or "tool" ? MagicNumbers.Allow : "+44 7700 900001"));

        using var http = new HttpClient { BaseAddress = _service.JsonAddress };
        using var objection = new StringContent(
            $$$"""{"facts": [{"number": "{{{MagicNumbers.Allow}}}", "source": "call", "objection": {"organisation": "acme"}}]}""", Encoding.UTF8, "application/json");
        using var recorded = await http.PostAsync("v1/facts", objection, TestContext.Current.CancellationToken);
        Assert.True(recorded.IsSuccessStatusCode);
        Assert.Null(await DialsAsync(sample, MagicNumbers.Allow));
    }

    [Fact]
    public async Task Tool_AllowThatPermitsNothing_SaysWhyAndHasACodeOfItsOwn()
    {
        string[] rest = ["--org", "acme", "--purpose", "commercial", "--address", _service.GrpcAddress.ToString()];
        var hypothetical = await CliRun.Async(["check", MagicNumbers.Hypothetical, .. rest]);
        var expired = await CliRun.Async(["check", MagicNumbers.Expired, .. rest]);
        var explained = await CliRun.Async(["explain", MagicNumbers.Expired, .. rest]);
        var later = await CliRun.Async(["check", MagicNumbers.Allow, .. rest, "--at", "2024-03-12T14:00:00+01:00"]);

        Assert.Equal((13, 13, 13, 13), (hypothetical.ExitCode, expired.ExitCode, explained.ExitCode, later.ExitCode));
        Assert.StartsWith($"ALLOW  {MagicNumbers.Hypothetical}  (what-if answer, not a permission to call now)", hypothetical.Output, StringComparison.Ordinal);
        Assert.StartsWith($"ALLOW  {MagicNumbers.Expired}  (expired, not a permission to call now)", expired.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tool_AllowThatExpiresWhileItIsPrinted_SaysSo()
    {
        await using var service = await FakeService.StartAsync(
            new LookupServerOptions { GrpcPort = 0, JsonPort = 0 },
            TestContext.Current.CancellationToken,
            new FakeLookup().On(MagicNumbers.Allow, FakeAnswer.Allow() with { ReusableFor = SlowOutput.Wait / 2 }));
        using var output = new SlowOutput();
        using var error = new StringWriter();

        var code = await CliApp.RunAsync(
            ["check", MagicNumbers.Allow, "--org", "acme", "--purpose", "commercial", "--json", "--address", service.GrpcAddress.ToString()],
            new Shell(output, error, Stream.Null, TimeProvider.System),
            TestContext.Current.CancellationToken);

        Assert.Equal(13, code);
        Assert.Contains("VERDICT_ALLOW", output.ToString(), StringComparison.Ordinal);
        Assert.StartsWith("lookup: the answer expired while it was printed (exit code 13)", error.ToString(), StringComparison.Ordinal);
    }

    private sealed class SlowOutput : StringWriter
    {
        public static readonly TimeSpan Wait = TimeSpan.FromSeconds(4);

        public override void WriteLine(string? value)
        {
            Thread.Sleep(Wait);
            base.WriteLine(value);
        }
    }

    [Theory]
    [InlineData("dotnet")]
    [InlineData("node")]
    [InlineData("python")]
    public async Task Dialer_ServiceAway_DialsNothing(string language)
    {
        var (code, output, _) = await DialAsync(language, Nowhere, MagicNumbers.Allow, MagicNumbers.AllowByConsent);

        Assert.Empty(Dialled(output));
        Assert.Equal(2, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal(1, code);
    }

    [Theory]
    [InlineData("dotnet")]
    [InlineData("node")]
    [InlineData("python")]
    public async Task Dialer_ServiceThatFails_DialsNothing(string language)
    {
        var (code, output, _) = await DialAsync(language, _service.GrpcAddress.Authority, MagicNumbers.Unavailable);

        Assert.StartsWith($"SKIP {MagicNumbers.Unavailable} ", output, StringComparison.Ordinal);
        Assert.Equal(1, code);
    }

    [Theory]
    [InlineData(MagicNumbers.Allow, true)]
    [InlineData(MagicNumbers.DenyByObjection, false)]
    [InlineData(MagicNumbers.Unknown, false)]
    [InlineData(MagicNumbers.Unavailable, false)]
    [InlineData("call me", false)]
    public async Task Curl_Number_DialsWhatIsAllowed(string number, bool dials)
    {
        Require("sh", "curl");

        var (code, output, _) = await RunAsync("sh", Sample("curl/dial.sh"), _service.JsonAddress.ToString().TrimEnd('/'), "acme", number);

        Assert.Equal((dials ? 0 : 1, $"{(dials ? "DIAL" : "SKIP")} {number}\n"), (code, output));
    }

    [Fact]
    public async Task Curl_AnswerThatTookLongerThanItPermits_DialsNothing()
    {
        Require("sh", "curl");
        await using var slow = await FakeService.StartAsync(
            new LookupServerOptions { GrpcPort = 0, JsonPort = 0 },
            TestContext.Current.CancellationToken,
            new FakeLookup().On(MagicNumbers.Allow, FakeAnswer.Allow().After(TimeSpan.FromSeconds(1)) with { ReusableFor = TimeSpan.FromMilliseconds(900) }));

        var (code, output, _) = await RunAsync("sh", Sample("curl/dial.sh"), slow.JsonAddress.ToString().TrimEnd('/'), "acme", MagicNumbers.Allow);

        Assert.Equal((1, $"SKIP {MagicNumbers.Allow}\n"), (code, output));
    }

    [Fact]
    public async Task Curl_ServiceAway_DialsNothing()
    {
        Require("sh", "curl");

        var (code, output, _) = await RunAsync("sh", Sample("curl/dial.sh"), "http://" + Nowhere, "acme", MagicNumbers.Allow);

        Assert.Equal((1, $"SKIP {MagicNumbers.Allow}\n"), (code, output));
    }

    [Fact]
    public void Asterisk_Dialplan_ReachesDialOnlyOverAllow()
    {
        var lines = File.ReadAllLines(Sample("asterisk/extensions.conf")).Where(l => l.Contains("=>", StringComparison.Ordinal)).ToList();
        var gate = lines.FindIndex(l => l.Contains("""GotoIf($["${VERDICT}"="VERDICT_ALLOW" & """, StringComparison.Ordinal));
        var dial = lines.FindIndex(l => l.Contains("Dial(", StringComparison.Ordinal));

        Assert.InRange(gate, 0, dial);
        // What falls through the gate hangs up before it comes to the call.
        Assert.Contains("(skip)", lines[gate + 1], StringComparison.Ordinal);
        Assert.Contains("Hangup(", lines[dial - 1], StringComparison.Ordinal);
        Assert.Contains("n(call),Dial(${LOOKUP_TRUNK}/${DECIDED})", lines[dial], StringComparison.Ordinal);
        Assert.Single(lines, l => l.Contains("Dial(", StringComparison.Ordinal));
        Assert.Single(lines, l => l.Contains("Goto", StringComparison.Ordinal));
        Assert.All(["Set(VERDICT=)", "Set(DECIDED=)"], reset => Assert.Contains(lines.Take(gate), l => l.EndsWith(reset, StringComparison.Ordinal)));
    }

    /// <summary>What a sample dials; null: nothing.</summary>
    private async Task<string?> DialsAsync(string sample, string number)
    {
        switch (sample)
        {
            case "curl":
                Require("sh", "curl");
                return Only(await RunAsync("sh", Sample("curl/dial.sh"), _service.JsonAddress.ToString().TrimEnd('/'), "acme", number));
            case "perl":
                Require("perl");
                Assert.SkipUnless((await RunAsync("perl", "-MHTTP::Tiny", "-MJSON::PP", "-e", "1")).Code == 0, "The modules of perl are not installed.");
                return Only(await RunAsync("perl", Sample("perl/dial.pl"), _service.JsonAddress.ToString().TrimEnd('/'), "acme", number));
            case "asterisk":
                return await DialplanAsync(number);
            case "tool":
                var run = await CliRun.Async(
                    "check", number, "--org", "acme", "--purpose", "commercial", "--address", _service.GrpcAddress.ToString(), "--timeout", number == MagicNumbers.TimesOut ? "1" : "60");
                return run.ExitCode == 0 ? number : null;
            default:
                return Only(await DialAsync(sample, _service.GrpcAddress.Authority, number));
        }

        string? Only((int Code, string Output, string Error) run) => Dialled(run.Output).Select(line => line["DIAL ".Length..]).SingleOrDefault();
    }

    // Sends the request of the dialplan and goes its way: an interpreter of the few functions that it uses.
    private async Task<string?> DialplanAsync(string number)
    {
        var plan = await File.ReadAllTextAsync(Sample("asterisk/extensions.conf"), TestContext.Current.CancellationToken);
        var header = Header().Match(plan).Groups;
        var curl = Curl().Match(plan).Groups;
        using var http = new HttpClient { Timeout = number == MagicNumbers.TimesOut ? TimeSpan.FromSeconds(1) : TimeSpan.FromMinutes(1) };
        using var request = new HttpRequestMessage(HttpMethod.Post, Substituted(curl["url"].Value, number));
        request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(Substituted(curl["body"].Value, number)));
        request.Content.Headers.Add(header["name"].Value, header["value"].Value);
        var sent = System.Diagnostics.Stopwatch.StartNew();
        var answer = "";
        try
        {
            using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
            answer = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        }
        catch (TaskCanceledException)
        {
            // CURL() gives nothing.
        }

        var verdict = Decode("VERDICT");
        var decided = string.Concat(Decode("DECIDED").Where(char.IsAsciiDigit));
        var reusable = double.Parse("0" + string.Concat(Decode("REUSABLE").Where(c => char.IsAsciiDigit(c) || c == '.')), System.Globalization.CultureInfo.InvariantCulture);
        Assert.Contains("""$["${VERDICT}"="VERDICT_ALLOW" & "${DECIDED}"!="" & ${TOOK} >= 0 & ${TOOK} < ${REUSABLE} * 1000]""", plan, StringComparison.Ordinal);
        return verdict == "VERDICT_ALLOW" && decided.Length > 0 && sent.Elapsed.TotalSeconds < reusable ? decided : null;

        string Decode(string variable)
        {
            var path = Decoded().Matches(plan).Single(m => m.Groups["variable"].Value == variable).Groups["path"].Value;
            JsonNode? node;
            try
            {
                node = JsonNode.Parse(answer);
            }
            catch (JsonException)
            {
                return "";
            }

            foreach (var name in path.Split('.'))
            {
                node = (node as JsonObject)?[name];
            }

            return node?.ToString() ?? "";
        }
    }

    private string Substituted(string text, string number) => text
        .Replace("${LOOKUP_URL}", _service.JsonAddress.ToString().TrimEnd('/'), StringComparison.Ordinal)
        .Replace("${LOOKUP_ORG}", "acme", StringComparison.Ordinal)
        .Replace("${NUMBER}", number[1..], StringComparison.Ordinal);

    private static async Task<(int Code, string Output, string Error)> DialAsync(string language, string address, params string[] numbers)
    {
        switch (language)
        {
            case "dotnet":
                return await RunAsync("dotnet", [Path.Combine(AppContext.BaseDirectory, "DialerLoop.dll"), "http://" + address, "acme", .. numbers]);
            case "node":
                await ClientPackages.TypeScriptAsync();
                return await RunAsync("node", [Sample("node/dial.mjs"), address, "acme", .. numbers]);
            default:
                var (python, wheel) = await ClientPackages.PythonAsync();
                return await RunAsync("env", [$"PYTHONPATH={wheel}", python, Sample("python/dial.py"), address, "acme", .. numbers]);
        }
    }

    private static IEnumerable<string> Dialled(string output) =>
        output.Split('\n').Where(l => l.StartsWith("DIAL", StringComparison.Ordinal)).Select(l => string.Join(' ', l.Split(' ').Take(2)));

    private static string Sample(string path) => Path.Combine(Root(), "samples", path);

    [GeneratedRegex(@"CURLOPT\(httpheader\)=(?<name>[\w-]+): (?<value>[^)]+)\)")]
    private static partial Regex Header();

    [GeneratedRegex(@"Set\(ANSWER=\$\{CURL\((?<url>[^,]+),(?<body>.*)\)\}\)")]
    private static partial Regex Curl();

    [GeneratedRegex(@"(?<digits>\d{3}) \(")]
    private static partial Regex Trap();

    [GeneratedRegex(@"Set\((?<variable>\w+)=.*JSON_DECODE\(ANSWER,(?<path>[\w.]+)\)")]
    private static partial Regex Decoded();
}
