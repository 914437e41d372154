using System.Globalization;
using System.Text.Json.Nodes;
using Lookup.Testing.Audit;
using Lookup.V1;

namespace Lookup.ServiceTests.Cli;

/// <summary>lookup audit of a year: every planted violation is found, and no other.</summary>
public sealed class AuditYearTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Year_OfThreeContactCentres_HasThePlantedViolationsAndNoOthers()
    {
        var seed = Environment.TickCount;
        var year = new AuditYear(seed, clean: 120);
        var (facts, calls, answers) = (year.Facts.ToLookup(f => f.Number), year.Calls.ToLookup(c => c.Number), year.Answers.ToLookup(a => a.Number));
        Assert.All(year.Calls, call => Assert.True(year.Decide(call, facts, calls, answers) == (call.Finding, call.Check), $"seed {seed}: {call}, {year.Decide(call, facts, calls, answers)}"));
        await using var server = await year.RecordAsync();
        year.WriteReceipts(_folder);
        var path = _folder.Write("calls.csv", "centre,dst,start\n" + string.Concat(year.Calls.Select(call => $"{call.Centre},{call.Number},{call.At:yyyy-MM-ddTHH:mm:sszzz}\n")));

        var run = await CliRun.Async(
            "audit", path, "--column", "dst", "--time", "start", "--by", "centre", "--org", "acme", "--purpose", "commercial", "--receipts", _folder.PathOf("receipts"),
            "--key-file", _folder.PathOf("number.key"), "--address", server.Host.GrpcAddress.ToString(), "--json");

        Assert.Equal((6, ""), (run.ExitCode, run.Error));
        var expected = year.Calls.Select((call, i) => (call, Line: i + 2))
            .Where(one => one.call.Finding != "permitted" || one.call.Check != "checked")
            .Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Line},{one.call.Number},{one.call.Finding},{one.call.Check},{one.call.Centre}"));
        // No text of these findings contains a quote.
        var found = (await File.ReadAllLinesAsync(path + ".findings.csv", Ct))[1..].Select(line => line.Split(','))
            .Select(cells => $"{cells[0]},{cells[1]},{cells[3]},{cells[^5]},{cells[^1]}");
        Assert.True(expected.SequenceEqual(found), $"seed {seed}:\n{string.Join('\n', expected.Except(found).Select(line => "missing " + line).Concat(found.Except(expected).Select(line => "wrong " + line)))}");
        var json = JsonNode.Parse(run.Output)!;
        AssertDelays(seed, year, await File.ReadAllLinesAsync(path + ".findings.csv", Ct), json);
        var by = json["by"]!["centre"]!;
        Assert.All(year.Calls.GroupBy(call => call.Centre), centre => Assert.Equal(
            (centre.Count(), centre.Count(call => call.Finding != "permitted" || call.Check != "checked")),
            (by[centre.Key]!["calls"]!.GetValue<int>(), by[centre.Key]!["to_answer_for"]!.GetValue<int>())));
    }

    // Each late objection with its own delay; the medians within the width of a bucket.
    private static void AssertDelays(int seed, AuditYear year, string[] findings, JsonNode json)
    {
        var delays = new Dictionary<string, List<double>>();
        var header = findings[0].Split(',').ToList();
        foreach (var cells in findings[1..].Select(line => line.Split(',')))
        {
            // Texts contain commas, so the cells are counted from the end.
            string Cell(string name) => cells[^(header.Count - header.IndexOf(name))];
            if (cells[3] != "forbidden by what was recorded after the call")
            {
                Assert.Equal(("", "", ""), (Cell("effective"), Cell("recorded"), Cell("delay_hours")));
                continue;
            }

            var late = year.Facts.Single(fact => fact.Number == cells[1] && !fact.Permits);
            Assert.True(
                (late.Effective, late.Recorded) == (DateTimeOffset.Parse(Cell("effective"), CultureInfo.InvariantCulture), Second(DateTimeOffset.Parse(Cell("recorded"), CultureInfo.InvariantCulture), late.Recorded)),
                $"seed {seed}: {late}, {string.Join(',', cells)}");
            delays.TryAdd(Cell("centre"), []);
            delays[Cell("centre")].Add(double.Parse(Cell("delay_hours"), CultureInfo.InvariantCulture));
        }

        Assert.NotEmpty(delays);
        AssertDelay([.. delays.Values.SelectMany(of => of)], json["late_records"]!);
        Assert.All(delays, of => AssertDelay(of.Value, json["by"]!["centre"]![of.Key]!["late_records"]!));

        static void AssertDelay(List<double> hours, JsonNode found)
        {
            Assert.Equal(hours.Count, found["calls"]!.GetValue<int>());
            Assert.Equal(hours.Max(), found["worst_delay_seconds"]!.GetValue<long>() / 3_600.0, 0.1);
            var median = hours.Order().ElementAt((hours.Count - 1) / 2);
            Assert.InRange(found["median_delay_seconds"]!.GetValue<long>() / 3_600.0, (median * 0.98) - 0.1, median + 0.1);
        }

        // The clock of a session runs while facts are recorded.
        static DateTimeOffset Second(DateTimeOffset recorded, DateTimeOffset session) => (recorded - session).Duration() < TimeSpan.FromHours(1) ? session : recorded;
    }
}
