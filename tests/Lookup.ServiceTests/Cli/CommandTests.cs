using System.Text.Json.Nodes;

namespace Lookup.ServiceTests.Cli;

/// <summary>Commands against the real service.</summary>
public sealed class CommandTests(RunningService service) : IClassFixture<RunningService>, IDisposable
{
    private const string At = "2024-03-12T14:00:00+01:00";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("record objection 0612345678 --org acme", "or set --region, for example --region NL.")]
    [InlineData("dossier 0612345678", "or set --region, for example --region NL.")]
    [InlineData("grant add no-such-key acme", "'lookup key list' lists them.")]
    [InlineData("watch --from abc", "--from: ")]
    public async Task Command_AdviceOfTheService_IsInTheWordsOfTheCommandLine(string line, string expected)
    {
        var run = await RunAsync(line.Split(' '));

        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Record_ConsentThenObjection_DecidesTheNextCheck()
    {
        const string number = "+31612340001";
        string[] check = ["check", number, "--org", "acme", "--purpose", "commercial", "--at", At, "--exact"];
        var before = await RunAsync(check);
        var consent = await RunAsync(
            "record", "consent", number, "--org", "acme", "--purposes", "commercial", "--since", "2024-03-01T10:00:00+01:00", "--until", "2025-03-01T00:00:00+01:00", "--evidence", "rec-1", "--verified");
        var between = await RunAsync(check);
        var objection = await RunAsync("record", "objection", number, "--org", "acme", "--effective", "2024-03-12T13:59:00+01:00", "--json");
        var after = await RunAsync(check);

        Assert.Equal((10, 0, 13, 0, 10), (before.ExitCode, consent.ExitCode, between.ExitCode, objection.ExitCode, after.ExitCode));
        Assert.Contains("no_consent (law, ", before.Output, StringComparison.Ordinal);
        Assert.StartsWith($"ALLOW  {number}  (what-if answer, not a permission to call now)", between.Output, StringComparison.Ordinal);
        Assert.Contains("objection (", after.Output, StringComparison.Ordinal);
        Assert.Equal("recorded", JsonNode.Parse(objection.Output)!["outcome"]!.GetValue<string>());
        Assert.NotEqual("", JsonNode.Parse(objection.Output)!["consistency_token"]!.GetValue<string>());
    }

    [Fact]
    public async Task Record_Twice_IsUnchanged()
    {
        string[] record = ["record", "objection", "+31612340002", "--org", "acme", "--effective", At];

        var first = await RunAsync(record);
        var second = await RunAsync(record);

        Assert.StartsWith("Recorded.", first.Output, StringComparison.Ordinal);
        Assert.StartsWith("Unchanged:", second.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Record_RefusedByTheService_NamesTheOption()
    {
        var run = await RunAsync("record", "registration", "+31612340003", "--register", "nl-nothing");

        Assert.Equal(1, run.ExitCode);
        Assert.Equal("lookup: The service rejected the fact: --register: No regime defines this register. The opt-out is NOT recorded; this person can still be called.", run.Error.TrimEnd());
    }

    [Fact]
    public async Task Explain_Number_ShowsRulesWithArticleAndFacts()
    {
        await RunAsync("record", "subscriber", "+31201234004", "--subscriber", "legal_person", "--effective", "2023-01-01T00:00:00Z");

        var run = await RunAsync("explain", "+31201234004", "--org", "acme", "--purpose", "commercial", "--at", At, "--exact");
        var json = await RunAsync("explain", "0201234004", "--region", "NL", "--org", "acme", "--purpose", "commercial", "--at", At, "--json");

        Assert.Equal((13, 13), (run.ExitCode, json.ExitCode));
        Assert.Contains("legal_person (law, ", run.Output, StringComparison.Ordinal);
        Assert.Contains("Evaluated rules\n", run.Output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.Contains("subscriber is legal_person", run.Output, StringComparison.Ordinal);
        Assert.NotEmpty(JsonNode.Parse(json.Output)!["steps"]!.AsArray());
    }

    [Fact]
    public async Task Facts_OfNumber_AreListedWithHistoryAndGoneAfterErase()
    {
        const string number = "+31612340005";
        await RunAsync("record", "objection", number, "--org", "acme", "--effective", "2024-01-01T10:00:00Z", "--source", "letter", "--actor", "anna", "--reason", "asked so");
        await RunAsync("record", "objection", number, "--org", "acme", "--effective", "2024-02-01T00:00:00Z", "--withdrawn");

        var listed = await RunAsync("facts", number);
        var erased = await RunAsync("erase", number, "--reason", "request", "--yes", "--json");
        var left = await RunAsync("facts", number, "--json");

        Assert.Contains("Mon 2024-01-01 11:00 +01:00  objection to acme  (replaced by a newer one, recorded ", listed.Output, StringComparison.Ordinal);
        Assert.Contains("source letter, by anna, because asked so)", listed.Output, StringComparison.Ordinal);
        Assert.Contains("Thu 2024-02-01 01:00 +01:00  withdrawn objection to acme  (in effect, ", listed.Output, StringComparison.Ordinal);
        Assert.Equal(0, erased.ExitCode);
        // In effect from now on, and for who still decides as of a moment before.
        var facts = JsonNode.Parse(left.Output)!["facts"]!.AsArray();
        Assert.Equal(2, facts.Count);
        Assert.All(facts, fact => Assert.Equal("*", fact!["fact"]!["objection"]!["organisation"]!.GetValue<string>()));
    }

    [Fact]
    public async Task Org_PutAndList_KeepsSectorAndLayers()
    {
        var put = await RunAsync("org", "put", "red-cross", "--sector", "ideal-or-charity", "--without", "code");
        var list = await RunAsync("org", "list");

        Assert.Equal("red-cross  sector ideal_or_charity  without code\n", put.Output.ReplaceLineEndings("\n"));
        Assert.Contains(put.Output, list.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Register_SnapshotAndList_ShowsTheDate()
    {
        var before = await RunAsync("register", "list");
        var snapshot = await RunAsync("register", "snapshot", "nl-bmnr", "--date", "2015-03-01", "--timezone", "Europe/Amsterdam");
        var after = await RunAsync("register", "list", "--json");

        Assert.Contains("loaded as of: never", before.Output, StringComparison.Ordinal);
        Assert.Contains("loaded as of: 2015-03-01 (Europe/Amsterdam)", snapshot.Output, StringComparison.Ordinal);
        Assert.Contains(JsonNode.Parse(after.Output)!["registers"]!.AsArray(), register => register!["snapshotDates"]!.AsArray().Count == 1);
    }

    [Fact]
    public async Task Health_OfServingServiceAndOfNone_IsTheExitCode()
    {
        var run = await RunAsync("health");
        var none = await CliRun.Async("health", "--address", "http://127.0.0.1:1");

        Assert.Equal((0, "SERVING"), (run.ExitCode, run.Output.Trim()));
        Assert.Equal((1, ""), (none.ExitCode, none.Output));
    }

    [Fact]
    public async Task Doctor_OfServingService_SaysSo()
    {
        var run = await RunAsync("doctor");

        Assert.Equal(0, run.ExitCode);
        Assert.StartsWith("ok    service: Serving at ", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_WithoutService_FailsAndSaysHowToStartIt()
    {
        var run = await CliRun.Async("doctor", "--address", "http://127.0.0.1:1");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("fail  service: No service is reachable at http://127.0.0.1:1/.", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Import_RepeatedAndShuffled_RecordsEachFactOnce()
    {
        var lines = Enumerable.Range(0, 3000).Select(i => $"+3161235{i:D4},{At}").ToArray();
        var path = _folder.Write("a.csv", "number,effective\n" + string.Join('\n', lines) + "\nnone,x\n");
        Random.Shared.Shuffle(lines);
        var shuffled = _folder.Write("b.csv", "number,effective\n" + string.Join('\n', lines) + "\n");
        string[] options = ["--set", "kind=objection", "--set", "organisation=acme", "--json"];

        var first = await RunAsync(["import", path, .. options]);
        var again = await RunAsync(["import", shuffled, .. options]);
        var check = await RunAsync("check", "+31612351234", "--org", "acme", "--purpose", "commercial", "--at", "2024-03-13T14:00:00+01:00", "--exact");

        Assert.Equal((3, 0, 10), (first.ExitCode, again.ExitCode, check.ExitCode));
        Assert.Equal((3000, 0, 1), Counts(first));
        Assert.Equal((0, 3000, 0), Counts(again));
        Assert.Contains("objection", check.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_NumberThatIsNone_IsRefusedByField()
    {
        var run = await RunAsync("check", "12", "--org", "acme", "--purpose", "commercial");

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("lookup: NUMBER: ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_AtThePortForJson_NamesTheMistake()
    {
        var run = await CliRun.Async("check", "+31612345678", "--org", "acme", "--purpose", "commercial", "--address", service.JsonAddress);

        Assert.Equal((1, $"lookup: The service at {service.JsonAddress} does not speak gRPC on this port: use its gRPC port.\n"), (run.ExitCode, run.Error));
    }

    [Fact]
    public async Task Import_NoColumnHasTheOrganisation_IsRefusedBeforeTheFirstLine()
    {
        var run = await RunAsync("import", _folder.Write("optouts.csv", "number\n+31612345678\n"), "--set", "kind=objection");

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("lookup: optouts.csv has no column for the organisation, which an objection requires: use --map", run.Error, StringComparison.Ordinal);
        Assert.Equal("", run.Output);
    }

    [Fact]
    public async Task Check_CountryWithoutRegime_IsNotCovered()
    {
        var run = await RunAsync("check", "+5997151234", "--org", "acme", "--purpose", "commercial");

        Assert.Equal(12, run.ExitCode);
        Assert.StartsWith("NOT_COVERED  +5997151234", run.Output, StringComparison.Ordinal);
    }

    private static (int Recorded, int Unchanged, int Rejected) Counts(CliRun run)
    {
        var summary = JsonNode.Parse(run.Output)!;
        return (summary["recorded"]!.GetValue<int>(), summary["unchanged"]!.GetValue<int>(), summary["rejected"]!.GetValue<int>());
    }

    private Task<CliRun> RunAsync(params string[] arguments) => CliRun.Async([.. arguments, "--address", service.Address]);
}
