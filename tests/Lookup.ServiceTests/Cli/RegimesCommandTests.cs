using System.Text.Json.Nodes;
using Lookup.Cli.Regimes;
using Lookup.Core.Regimes;
using Lookup.ServiceTests.Golden;

namespace Lookup.ServiceTests.Cli;

/// <summary>lookup regimes list, show, check and test.</summary>
public sealed class RegimesCommandTests : IDisposable
{
    private const string Case =
        """{"id": "a", "number": "+31612345678", "callTime": "2024-03-12T14:00:00+01:00", "question": {"organisation": "o", "purpose": "PURPOSE_COMMERCIAL"}, "facts": [], "verdict": "deny", "reason": "no_consent", "regime": "NL-2", "note": "read by people"}""";

    private static readonly DateOnly Today = new(2026, 12, 1);

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task List_ShowsEveryCountryWithItsRowsAndWhatIsNotCertain()
    {
        var run = await CliRun.Async("regimes", "list", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var countries = JsonNode.Parse(run.Output)!["countries"]!.AsArray();
        Assert.Equal(RegimeSet.BuiltInFiles().Select(f => f.Key).Order(StringComparer.Ordinal), countries.Select(c => (string)c!["file"]!));
        var nl = countries.Single(c => (string)c!["country"]! == "NL")!;
        Assert.Equal(
            ["NL-1 2009-10-01 2021-07-01", "NL-2 2021-07-01 2026-07-01", "NL-3 2026-07-01 "],
            nl["rows"]!.AsArray().Select(r => $"{r!["id"]} {r["from"]} {r["until"]}"));
        Assert.All(countries.SelectMany(c => c!["rows"]!.AsArray()), row => Assert.Matches("^20[0-9]{2}-", (string)row!["verified"]!));
        var text = await CliRun.Async("regimes", "list");
        Assert.Contains("NL-1   2009-10-01 to 2021-06-30 sources last checked 20", text.Output, StringComparison.Ordinal);
        Assert.All(nl["uncertain"]!.AsArray(), one => Assert.Contains((string)one!["what"]!, text.Output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Show_OfEveryRow_TellsEveryRuleWithLinkAndMembers()
    {
        foreach (var file in RegimeDocument.ReadAll(null))
        {
            foreach (var row in file.Rows)
            {
                var run = await CliRun.Async("regimes", "show", file.Country, "--at", row.From);
                Assert.Equal((0, ""), (run.ExitCode, run.Error));
                Assert.Contains($"{row.Id} {row.Period}", run.Output, StringComparison.Ordinal);
                foreach (var rule in RegimeDocument.Objects(row.Json, "rules"))
                {
                    if ((string?)rule["until"] is { } until && string.CompareOrdinal(until, row.From) <= 0)
                    {
                        continue;
                    }

                    Assert.Contains((string)rule["text"]!, run.Output, StringComparison.Ordinal);
                    Assert.All(RegimeDocument.Texts(rule, "groups"), group => Assert.Contains(group, run.Output, StringComparison.Ordinal));
                }

                Assert.All(RegimeDocument.SourcesIn(row.Json), key => Assert.Contains((string)file.Sources[key]!["url"]!, run.Output, StringComparison.Ordinal));
            }
        }
    }

    [Fact]
    public async Task Show_OnADay_ShowsTheRowOfThatDayWithItsSources()
    {
        var run = await CliRun.Async("regimes", "show", "nl", "--at", "2024-03-12", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var json = JsonNode.Parse(run.Output)!;
        Assert.Equal("NL-2", (string)json["row"]!["id"]!);
        var permission = json["row"]!["rules"]!.AsArray().First(r => (string)r!["rule"]! == "permission")!;
        Assert.StartsWith("https://wetten.overheid.nl/", (string)permission["source"]!["url"]!, StringComparison.Ordinal);
        Assert.StartsWith("Een natuurlijke persoon", (string)permission["local"]!["nl"]!, StringComparison.Ordinal);
        Assert.Equal("NL-1", (string)JsonNode.Parse((await CliRun.Async("regimes", "show", "NL", "--at", "2015-01-01", "--json")).Output)!["row"]!["id"]!);
        Assert.Contains("NOT_COVERED", (await CliRun.Async("regimes", "show", "NL", "--at", "2001-01-01")).Output, StringComparison.Ordinal);
        Assert.Equal("GB", (string)JsonNode.Parse((await CliRun.Async("regimes", "show", "uk", "--json")).Output)!["country"]!);
    }

    [Theory]
    [InlineData("regimes show XX", "COUNTRY 'XX' has no rules; use one of ")]
    [InlineData("regimes show NL --at yesterday", "--at 'yesterday' is not a date; write it like 2021-07-01.")]
    [InlineData("regimes list nowhere", "Folder 'nowhere' does not exist")]
    [InlineData("regimes check nowhere", "Folder 'nowhere' does not exist")]
    [InlineData("regimes test nowhere", "File or folder 'nowhere' does not exist.")]
    public async Task AnyCommand_WithAWrongArgument_NamesIt(string line, string error)
    {
        var run = await CliRun.Async(line.Split(' '));
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains(error, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_OfTheProgramsRules_FindsNothing() =>
        Assert.Empty(RegimeLint.Examine(RegimeDocument.ReadAll(null), Verified()));

    [Fact]
    public void Check_OfRulesWithOneFaultOfEachKind_FindsEach()
    {
        var files = new RegimeVariant()
            .Change("nl.json", json =>
            {
                json["regimes"]![1]!["until"] = "2026-05-01";
                json["sources"]!["tw"]!["verified"] = "2025-11-29";
                json["sources"]!["ctm"]!["verified"] = "2026-12-02";
                json["sources"]!["spare"] = json["sources"]!["tw-old"]!.DeepClone();
                json["registers"]!.AsArray().Add(new JsonObject { ["name"] = "nl-spare", ["title"] = "Spare" });
                json["calendars"]!["spare"] = new JsonArray("01-01");
                json["calendars"]!["public"]!.AsArray().Add("02-02@-2030");
            })
            .Change("nl.json", "NL-1", "automated", rule => rule["from"] = "2022-01-01");
        string[] expected =
        [
            "fault nl.json.sources.tw.verified: 2025-11-29 is more than 12 months ago",
            "fault nl.json.sources.ctm.verified: 2026-12-02 is in the future",
            "fault nl.json.regimes[0].rules[0]: is never in force",
            "fault nl.json.regimes[0].rules[1]: is never in force",
            "fault nl.json.regimes[2].from: no row applies between 2026-05-01, when NL-2 ends, and 2026-07-01",
            "warning nl.json.sources.spare: no rule or calendar refers to this source",
            "warning nl.json.registers[1]: no rule uses the register \"nl-spare\"",
            "warning nl.json.calendars.public: has 9 holidays in 2031, but 10 in earlier years",
            "warning nl.json.calendars.spare: no rule refers to this calendar",
        ];
        var found = Examine(files).ConvertAll(finding => $"{(finding.IsFault ? "fault" : "warning")} {finding.Place}: {finding.What}");
        Assert.Equal(expected.Length, found.Count);
        Assert.All(expected.Zip(found), pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Check_OfAFolder_ExitsByItsFaults()
    {
        var fine = new RegimeVariant().WriteTo(_folder.PathOf("fine"));
        var json = JsonNode.Parse((await CliRun.Async("regimes", "check", fine, "--json")).Output)!;
        Assert.Equal(json["findings"]!.AsArray().Count, (int)json["faults"]! + (int)json["warnings"]!);
        var faulty = new RegimeVariant().Change("nl.json", file => file["sources"]!["tw"]!.AsObject().Remove("url")).WriteTo(_folder.PathOf("faulty"));
        var run = await CliRun.Async("regimes", "check", faulty);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("nl.json.sources.tw.url: is missing", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Test_OfTheGoldenCases_IsAsTheServiceAnswersThem()
    {
        using var run = new CaseRun(RegimeSet.BuiltIn);
        Assert.Empty(GoldenCase.All.Values.Select(run.Run).Where(r => r.Faults.Count > 0).Select(r => $"{r.Case.Place}: {string.Join("; ", r.Faults)}\n{r.Why}"));
    }

    [Fact]
    public async Task Test_CasesThatDiffer_AreShownWithTheReason()
    {
        var cases = _folder.Write("cases.jsonl", $"{Case}\n{Case.Replace("\"a\"", "\"b\"", StringComparison.Ordinal).Replace("\"deny\"", "\"allow\"", StringComparison.Ordinal)}\n");
        var run = await CliRun.Async("regimes", "test", cases);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains($"b  {cases} line 2\n    expected ALLOW for NO_CONSENT, got DENY for NO_CONSENT\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("DENY for a call at Tue 2024-03-12 14:00 +01:00 (Europe/Amsterdam) under NL-2", run.Output, StringComparison.Ordinal);
        Assert.EndsWith("2 cases, 1 not as expected.\n", run.Output, StringComparison.Ordinal);
        var json = JsonNode.Parse((await CliRun.Async("regimes", "test", cases, "--json")).Output)!;
        Assert.Equal((2, "b"), ((int)json["cases"]!, (string)json["failed"]!.AsArray().Single()!["id"]!));
    }

    [Fact]
    public async Task Test_UnderOtherRules_DecidesByThem()
    {
        var next = new RegimeVariant().Remove("nl.json", "NL-2", "permission").WriteTo(_folder.PathOf("next"));
        var cases = _folder.Write("cases.json", $"[\n{Case}\n]");
        Assert.Equal(0, (await CliRun.Async("regimes", "test", cases)).ExitCode);
        var run = await CliRun.Async("regimes", "test", next, cases);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("got ALLOW for NOTHING_FORBIDS", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"id": "a"}""", "line 2, number: is missing.")]
    [InlineData("""{"id": "a", "nummer": "1"}""", "line 2, nummer: unknown member; a case has id,")]
    [InlineData("\"deny\"", "line 2, verdict: 'maybe' is not valid; use one of allow, deny,")]
    [InlineData("\"2024-03-12T14:00:00+01:00\"", "line 2, callTime: 'maybe' is not a time; write it like")]
    [InlineData("\"+31612345678\"", "line 2, number: ")]
    [InlineData("\"PURPOSE_COMMERCIAL\"", "line 2, question: is not a Question of lookup.v1: ")]
    [InlineData("[]", "line 2, facts: must be an array of facts.")]
    [InlineData("{\"id\"", "line 2: not JSON")]
    public async Task Test_FaultyCase_IsNamedByFileLineAndField(string part, string error)
    {
        var faulty = part.StartsWith("{\"id\": ", StringComparison.Ordinal) ? part : part[0] == '{' ? "{{" : Case.Replace(part, "\"maybe\"", StringComparison.Ordinal);
        var cases = _folder.Write("cases.jsonl", $"{Case.Replace("\"a\"", "\"z\"", StringComparison.Ordinal)}\n{faulty}\n");
        var run = await CliRun.Async("regimes", "test", cases);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains($"{cases} {error}", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Test_FactThatTheServiceWouldRefuse_IsNamed()
    {
        var cases = _folder.Write("cases.jsonl", Case.Replace("[]", """[{"objection": {"organisation": "o"}, "effective": "2024-01-01T00:00:00Z"}]""", StringComparison.Ordinal));
        var run = await CliRun.Async("regimes", "test", cases);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("line 1, facts[0].source: ", run.Error, StringComparison.Ordinal);
    }

    private static List<RegimeFinding> Examine(RegimeVariant files) => RegimeLint.Examine(
        RegimeDocument.ReadFiles(files.Files().Select(f => KeyValuePair.Create(f.Name, (ReadOnlyMemory<byte>)f.Content))), Today);

    // The day on which the newest source was checked: then none may be too old.
    private static DateOnly Verified() => RegimeSet.BuiltIn.Sources.Max(s => s.Source.Verified);
}
