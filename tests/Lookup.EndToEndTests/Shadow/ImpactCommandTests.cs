using System.Text.Json.Nodes;
using Lookup.Core.Regimes;

namespace Lookup.EndToEndTests.Shadow;

/// <summary>lookup impact, lookup regimes, and lookup serve with regimes from folders.</summary>
public sealed class ImpactCommandTests : IDisposable
{
    private static readonly string[] Question = ["--org", "acme", "--purpose", "commercial", "--at", "2024-03-12T14:00:00+01:00"];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Version => (string)JsonNode.Parse(RegimeSet.BuiltInFiles().Single(f => f.Key == "nl.json").Value.Span)!["version"]!;

    [Fact]
    public async Task List_OnAnEmbeddedStore_ShowsWhatWouldChangeByReason()
    {
        var data = await StoreAsync();
        var next = Next().Hours("nl.json", "NL-2", "15:00-22:00").WriteTo(_folder.PathOf("next"));
        var list = _folder.Write("leads.csv", "name,phone\nA,+31612345670\nB,+31612345671\nC,nobody\nD,+31612345672\n\nE,+31\nF,+33612345678\n");

        var run = await CliRun.Async(["impact", list, "--regimes", next, "--data", data, .. Question, "--json"]);

        Assert.Equal((5, ""), (run.ExitCode, run.Error));
        var json = JsonNode.Parse(run.Output)!;
        Assert.Equal((6, 4, 3, 0, 1), (Int(json, "lines"), Int(json, "compared"), Int(json, "changed"), Int(json, "newly_permitted"), Int(json, "no_longer_permitted")));
        Assert.Equal(1, Int(json, "blank"));
        Assert.Equal("2024-03-12T13:00:00Z", (string)json["call_time"]!);
        Assert.Equal(
            ["allow deny outside_hours came NL-2 1 line 2 +31612345670", "deny deny outside_hours came NL-2 2 line 3 +31612345671 line 5 +31612345672"],
            Changes(json));
        Assert.Equal(["letters: 4", "too_short: 7"], Faults(json));
        Assert.Equal("allow 1 0, deny 2 3, unknown 0 0, not_covered 1 1", Verdicts(json));
        Assert.Contains(json["regimes"]!.AsArray(), r => (string)r!["from"]! == "NL-2" && (string)r["from_version"]! == Version && (string)r["to_version"]! == "next");
    }

    [Fact]
    public async Task List_ForPeople_NamesCountsExamplesAndBadLines()
    {
        var data = await StoreAsync();
        var next = Next().Remove("nl.json", "NL-2", "permission").WriteTo(_folder.PathOf("next"));
        var list = _folder.Write("leads.txt", "+31612345670\n+31612345671\n+31612345672\nx\n");

        var run = await CliRun.Async(["impact", list, "--regimes", next, "--data", data, "--examples", "1", .. Question]);

        Assert.Equal(5, run.ExitCode);
        Assert.Contains("leads.txt: 4 lines.", run.Output, StringComparison.Ordinal);
        Assert.Contains($"NL-2 version {Version} -> NL-2 version next", run.Output, StringComparison.Ordinal);
        Assert.Contains("3 of 3 answers would change (100.0 %)", run.Output, StringComparison.Ordinal);
        Assert.Contains("2 calls would become permitted.", run.Output, StringComparison.Ordinal);
        Assert.Contains("no_consent removed", run.Output, StringComparison.Ordinal);
        Assert.Contains("line 2: +31612345671", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("+31612345672", run.Output, StringComparison.Ordinal);
        Assert.Contains("allow 1 -> 3, deny 2 -> 0", run.Output, StringComparison.Ordinal);
        Assert.Contains("Not compared, letters: 1 (", run.Output, StringComparison.Ordinal);
        Assert.Contains("(line 4):", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_AgainstAnotherFolderOrTheSame_ComparesThoseTwo()
    {
        var data = await StoreAsync();
        var (now, next) = (Next().Hours("nl.json", "NL-2", "15:00-22:00").WriteTo(_folder.PathOf("now")), Next().WriteTo(_folder.PathOf("next")));
        var list = _folder.Write("leads.ndjson", "{\"contact\":{\"phone\":\"0612345670\"}}\n{\"contact\":{\"phone\":\"0612345671\"}}\n");
        string[] read = [list, "--column", "contact.phone", "--region", "NL", "--data", data, .. Question, "--json"];

        var back = await CliRun.Async(["impact", .. read, "--regimes", next, "--against", now]);
        var same = await CliRun.Async(["impact", .. read, "--regimes", next]);
        var invalid = await CliRun.Async(["impact", _folder.Write("bad.txt", "+31612345670\n+31612345671\n+31612345672\nx\n"), "--data", data, .. Question, "--regimes", next]);

        Assert.Equal((5, ""), (back.ExitCode, back.Error));
        Assert.Equal(
            ["deny allow outside_hours went NL-2 1 line 1 +31612345670", "deny deny outside_hours went NL-2 1 line 2 +31612345671"],
            Changes(JsonNode.Parse(back.Output)!));
        Assert.Equal((0, 0), (same.ExitCode, Int(JsonNode.Parse(same.Output)!, "changed")));
        Assert.Equal(3, invalid.ExitCode);
        Assert.Contains("Nothing would change. Compared numbers: 3.", invalid.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_OnRedisBesideTheService_ReadsWhatOnlyTheNewVersionAsks()
    {
        await using var redis = await RedisServer.StartAsync();
        string[] store = ["--redis", $"127.0.0.1:{redis.Port}", "--key-file", _folder.PathOf("number.key")];
        Assert.Equal(0, (await CliRun.Async(["init", .. store, "--new-key"])).ExitCode);
        var registered = _folder.Write("register.csv", "number\n+31612345670\n");
        using var serve = ToolProcess.Start(["serve", .. store, "--listen", "127.0.0.1:0", "--json-port", "0", "--json"]);
        await serve.UntilAsync(() => serve.Output.Contains('\n', StringComparison.Ordinal));
        var address = (string)JsonNode.Parse(serve.Output)!["grpc"]!;
        var import = await CliRun.Async(
            "import", registered, "--register", "nl-bmnr", "--snapshot", "2024-03-01", "--accept-change", "--timezone", "Europe/Amsterdam", "--address", address);
        Assert.True(import.ExitCode == 0, import.Error);
        var next = Next().Remove("nl.json", "NL-2", "permission").Add("nl.json", "NL-2", RegimeVariant.Register("nl-bmnr")).WriteTo(_folder.PathOf("next"));
        var list = _folder.Write("leads.txt", "+31612345670\n+31612345671\n");

        var run = await CliRun.Async(["impact", list, "--regimes", next, .. store, .. Question, "--json"]);
        serve.Interrupt();
        await serve.EndAsync();

        Assert.Equal((5, ""), (run.ExitCode, run.Error));
        Assert.Equal(
            ["deny allow no_consent went NL-2 1 line 2 +31612345671", "deny deny registered came NL-2 1 line 1 +31612345670"],
            Changes(JsonNode.Parse(run.Output)!));
    }

    [Theory]
    [InlineData("--regimes nowhere", "Folder '{0}nowhere' does not exist; 'lookup regimes export {0}nowhere' creates it")]
    [InlineData("--regimes broken", "{0}broken: 3 fault(s) in the regime files:\n  nl.json.regimes[1].rules[6].windows")]
    [InlineData("--regimes empty", "{0}empty: 1 fault(s) in the regime files:\n  no regime file was given")]
    [InlineData("--regimes moved", "{0}moved: 1 fault(s) in the regime files:\n  registers: the categories of \"nl-bmnr\" must begin with")]
    public async Task Folder_Faulty_IsRefusedAlikeByImpactAndServe(string option, string expected)
    {
        Next().Change("nl.json", "NL-2", "hours", rule => rule["windows"] = new JsonObject()).WriteTo(_folder.PathOf("broken"));
        Next().Change("nl.json", nl => nl["registers"]![0]!["categories"]!.AsArray().Insert(0, "another")).WriteTo(_folder.PathOf("moved"));
        Directory.CreateDirectory(_folder.PathOf("empty"));
        var folder = _folder.PathOf(option.Split(' ')[1]);
        var list = _folder.Write("leads.txt", "+31612345670\n");
        var message = "lookup: " + expected.Replace("{0}", _folder.Path + Path.DirectorySeparatorChar, StringComparison.Ordinal);

        var impact = await CliRun.Async(["impact", list, "--regimes", folder, "--data", await StoreAsync(), .. Question]);
        var shadow = await CliRun.Async("serve", "--shadow-regimes", folder, "--data", _folder.PathOf("new"), "--listen", "127.0.0.1:0");
        var force = await CliRun.Async("serve", "--regimes", folder, "--data", _folder.PathOf("new"), "--listen", "127.0.0.1:0");

        foreach (var run in (CliRun[])[impact, shadow, force])
        {
            Assert.Equal(1, run.ExitCode);
            Assert.StartsWith(message, run.Error, StringComparison.Ordinal);
        }

        Assert.False(Directory.Exists(_folder.PathOf("new")));
    }

    [Fact]
    public async Task Impact_OnNoStore_MakesNone()
    {
        var next = Next().WriteTo(_folder.PathOf("next"));
        var run = await CliRun.Async(["impact", _folder.Write("leads.txt", "+31612345670\n"), "--regimes", next, "--data", _folder.PathOf("nothing"), .. Question]);

        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith($"lookup: There is no store in {_folder.PathOf("nothing")}: correct the path, or ", run.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder.PathOf("nothing")));
    }

    [Fact]
    public async Task Regimes_Exported_AreThoseOfTheProgram()
    {
        var next = _folder.PathOf("next");
        var export = await CliRun.Async("regimes", "export", next);
        var again = await CliRun.Async("regimes", "export", next);
        var run = await CliRun.Async(["impact", _folder.Write("leads.txt", "+31612345670\n"), "--regimes", next, "--data", await StoreAsync(), .. Question]);

        Assert.Equal((0, RegimeSet.BuiltInFiles().Count()), (export.ExitCode, Directory.GetFiles(next).Length));
        Assert.Equal((1, $"lookup: Folder '{next}' is not empty: name a new one.\n"), (again.ExitCode, again.Error));
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
    }

    [Fact]
    public async Task Serve_WithRegimesAndShadow_DecidesByTheFirstAndCountsTheSecond()
    {
        // Any day, any hour: calls to consumers are free in one version and never permitted in the other.
        var free = Next().Change("de.json", "DE", "hours", rule => rule["kinds"] = new JsonArray("research"))
            .Remove("de.json", "DE", "permission").WriteTo(_folder.PathOf("free"));
        var strict = Next().Change("de.json", "DE", "hours", rule => rule["kinds"] = new JsonArray("research")).WriteTo(_folder.PathOf("strict"));
        using var serve = ToolProcess.Start(
            "serve", "--data", _folder.PathOf("data"), "--regimes", free, "--shadow-regimes", strict, "--listen", "127.0.0.1:0", "--json",
            "--set", "FreshnessBoundMs=30000");
        await serve.UntilAsync(() => serve.Output.Contains('\n', StringComparison.Ordinal));
        var address = JsonNode.Parse(serve.Output)!;

        var check = await CliRun.Async("check", "+4915112345678", "--org", "acme", "--purpose", "commercial", "--address", (string)address["grpc"]!);
        using var http = new HttpClient { BaseAddress = new Uri((string)address["json"]!) };
        var metrics = await http.GetStringAsync("metrics", TestContext.Current.CancellationToken);
        serve.Interrupt();
        await serve.EndAsync();

        Assert.Equal(0, check.ExitCode);
        Assert.Contains(
            "lookup_shadow_differences_total{way=\"check\",from=\"allow\",to=\"deny\",reason=\"no_consent\",change=\"came\"} 1\n", metrics, StringComparison.Ordinal);
    }

    private static RegimeVariant Next() => new();

    private static int Int(JsonNode json, string name) => (int)json[name]!;

    private static string[] Changes(JsonNode json) =>
    [
        .. json["changes"]!.AsArray().Select(c =>
            $"{c!["from"]} {c["to"]} {c["reason"]} {c["change"]} {c["regime"]} {c["lines"]} " + string.Join(' ', c["examples"]!.AsArray().Select(e => $"line {e!["line"]} {e["number"]}"))),
    ];

    private static string[] Faults(JsonNode json) =>
        [.. json["invalid"]!.AsArray().Select(f => $"{f!["reason"]}: {string.Join(' ', f["examples"]!.AsArray().Select(e => (string)e!["line"]!.ToString()))}").Order()];

    private static string Verdicts(JsonNode json) =>
        string.Join(", ", json["verdicts"]!.AsObject().Select(v => $"{v.Key} {v.Value!["from"]} {v.Value["to"]}"));

    /// <summary>A store in a folder: of the first number a consent is known.</summary>
    private async Task<string> StoreAsync()
    {
        var data = await _folder.StoreAsync();
        var consents = _folder.Write("consents.csv", "number\n+31612345670\n");
        var import = await CliRun.Async(
            "import", consents, "--set", "kind=consent", "--set", "organisation=acme", "--set", "purposes=commercial", "--set", "captured=2024-03-01T00:00:00Z",
            "--set", "evidence=rec-1", "--set", "source=web", "--data", data);
        Assert.True(import.ExitCode == 0, import.Error + import.Output);
        return data;
    }
}
