using System.Text.Json.Nodes;
using Lookup.Cli.Audit;
using Lookup.Testing.Audit;
using Lookup.V1;

namespace Lookup.ServiceTests.Cli;

/// <summary>lookup report: what is on record about the called numbers, and the selection of calls.</summary>
public sealed class ReportTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Year_HasTheFiguresThatCountingAllRecordsGives()
    {
        var seed = Environment.TickCount;
        var year = new AuditYear(seed, clean: 80);
        await using var server = await year.RecordAsync();
        var path = _folder.Write("calls.csv", year.Csv());

        var run = await ReportAsync(server, path, "--by", "centre", "--json");

        Assert.Equal((6, ""), (run.ExitCode, run.Error));
        var json = JsonNode.Parse(run.Output)!;
        Assert.True(Expected(year, _ => true) == json["numbers"]!.ToJsonString(), $"seed {seed}: {Expected(year, _ => true)}\n{json["numbers"]!.ToJsonString()}");
        var by = year.Calls.GroupBy(call => call.Centre).ToDictionary(centre => centre.Key, centre => year.Facts.Count(fact =>
            fact.Effective <= year.Calls.Max(call => call.At) && ObjectedAfter(year, fact, _ => true)?.Centre == centre.Key));
        Assert.All(by, centre => Assert.Equal(centre.Value, json["by"]!["centre"]![centre.Key]!["objections"]!.GetValue<int>()));
        Assert.True(by.Values.Sum() > 3, $"seed {seed}");

        var page = await File.ReadAllTextAsync(path + ".report.html", Ct);
        Assert.Contains($"{json["to_answer_for"]!.GetValue<int>():N0} of {year.Calls.Count:N0} calls", page, StringComparison.Ordinal);
        Assert.Contains("consents have no evidence, so they permit no call.", page, StringComparison.Ordinal);
        Assert.Contains("shop &lt;1&gt;", page, StringComparison.Ordinal);
        Assert.All(year.Calls, call => Assert.DoesNotContain(call.Number, page, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Selection_OfACentreAndAPeriod_AuditsThoseCalls_AndCountsAllAsAttempts()
    {
        var seed = Environment.TickCount;
        var year = new AuditYear(seed, clean: 60);
        await using var server = await year.RecordAsync();
        var (facts, calls, answers) = (year.Facts.ToLookup(f => f.Number), year.Calls.ToLookup(c => c.Number), year.Answers.ToLookup(a => a.Number));
        var (from, to) = (new DateOnly(2024, 4, 1), new DateOnly(2024, 9, 30));
        bool IsSelected(AuditYear.Placed call) => call.Centre == "north" && DateOnly.FromDateTime(call.At.DateTime) is var day && day >= from && day <= to;

        var run = await ReportAsync(server, _folder.Write("calls.csv", year.Csv()), "--only", "centre=north", "--from", "2024-04-01", "--to", "2024-09-30", "--json");

        Assert.True(run is { ExitCode: 0 or 6, Error: "" }, run.Error);
        var json = JsonNode.Parse(run.Output)!;
        var selected = year.Calls.Where(IsSelected).ToList();
        Assert.Equal((selected.Count, year.Calls.Count - selected.Count), (json["calls"]!.GetValue<int>(), json["left_out"]!.GetValue<int>()));
        Assert.Equal(selected.Count(call => year.Decide(call, facts, calls, answers).Finding != "permitted"), json["to_answer_for"]!.GetValue<int>());
        Assert.True(Expected(year, IsSelected, from, to) == json["numbers"]!.ToJsonString(), $"seed {seed}: {Expected(year, IsSelected, from, to)}\n{json["numbers"]!.ToJsonString()}");
    }

    [Theory]
    [InlineData("--only north", "--only names a column and a value; write it like centre=north.")]
    [InlineData("--only place=north", "--only: calls.csv has no column 'place'; its columns are: dst, start.")]
    [InlineData("--from 1.1.2024", "--from '1.1.2024' is not a day; write it like 2026-11-01.")]
    [InlineData("--from 2024-02-01 --to 2024-01-01", "--from 2024-02-01 is later than --to 2024-01-01.")]
    public async Task Selection_ThatMakesNoSense_IsRefused(string options, string message)
    {
        var path = _folder.Write("calls.csv", "dst,start\n+31612340001,2024-03-12T15:00:00Z\n");
        var run = await CliRun.Async(["report", path, "--column", "dst", "--time", "start", "--org", "acme", "--purpose", "commercial", "--address", "http://127.0.0.1:1", .. options.Split(' ')]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
    }

    private static Task<CliRun> ReportAsync(LookupServer server, string path, params string[] options) => CliRun.Async(
        ["report", path, "--column", "dst", "--time", "start", "--timezone", "Europe/Amsterdam", "--org", "acme", "--purpose", "commercial", "--address", server.Host.GrpcAddress.ToString(), .. options]);

    // The call after which its subscriber objected.
    private static AuditYear.Placed? ObjectedAfter(AuditYear year, AuditYear.Known fact, Func<AuditYear.Placed, bool> isSelected) => fact.Fact.Objection is null ? null
        : year.Calls.Where(call => call.Number == fact.Number && isSelected(call) && call.At <= fact.Effective.AddMinutes(5) && call.At >= fact.Effective.AddDays(-7)).MaxBy(call => call.At);

    private static string Expected(AuditYear year, Func<AuditYear.Placed, bool> isSelected, DateOnly? from = null, DateOnly? to = null)
    {
        var calls = year.Calls.Where(isSelected).ToLookup(call => call.Number);
        var facts = year.Facts.Where(fact => calls.Contains(fact.Number)).ToList();
        var objections = facts.Where(fact => fact.Fact.Objection is not null).ToList();
        var zone = TimeZoneInfo.FindSystemTimeZoneById("Europe/Amsterdam");
        bool InPeriod(DateTimeOffset at) => from is null
            ? at >= year.Calls.Min(call => call.At) && at <= year.Calls.Max(call => call.At)
            : DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(at, zone).DateTime) is var day && day >= from && day <= to;
        var after = objections.Select(fact => calls[fact.Number].Max(call => call.At) - fact.Effective).Where(time => time > TimeSpan.FromMinutes(5)).ToList();
        var consents = facts.Where(fact => fact.Fact.Consent is { } consent && consent.Purposes.Contains(Purpose.Commercial)).ToList();
        var valid = consents.Where(fact => fact.Until > year.Now).ToList();
        return new JsonObject
        {
            ["called"] = calls.Count,
            ["by_calls"] = Array(Enumerable.Range(1, NumberTally.MostCalls).Select(count => calls.Count(of => Math.Min(of.Count(), NumberTally.MostCalls) == count))),
            ["objections_in_period"] = objections.Count(fact => InPeriod(fact.Effective)),
            ["objections_after_call"] = objections.Count(fact => InPeriod(fact.Effective) && ObjectedAfter(year, fact, isSelected) is not null),
            ["objections_in_effect"] = objections.Count,
            ["called_after_objection"] = Array(((int[])[0, 1, 3, 7, 30]).Zip((int[])[1, 3, 7, 30, 10_000]).Select(days => after.Count(time => time.TotalDays > days.First && time.TotalDays <= days.Second))),
            ["consents"] = new JsonObject(valid.GroupBy(fact => fact.Fact.Source).OrderBy(source => source.Key, StringComparer.Ordinal).Select(source => KeyValuePair.Create(source.Key, (JsonNode?)new JsonObject
            {
                ["with_hashed_evidence"] = source.Count(fact => fact.Fact.Consent.Evidence?.Sha256.Length > 0),
                ["with_evidence"] = source.Count(fact => fact.Fact.Consent.Evidence is not null),
                ["without_evidence"] = source.Count(fact => fact.Fact.Consent.Evidence is null),
            }))),
            ["consents_expiring"] = Array(((int[])[30, 60, 90]).Select(days => valid.Count(fact => fact.Until <= year.Now.AddDays(days)))),
            ["consents_expired"] = consents.Count - valid.Count,
            ["consents_without_end"] = 0,
            ["certificates_to_claim"] = 0,
            ["certificates_not_claimed"] = 0,
        }.ToJsonString();

        static JsonArray Array(IEnumerable<int> values) => new([.. values.Select(value => (JsonNode)value)]);
    }
}
