using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Lookup.ServiceTests.Server;
using Lookup.V1;

namespace Lookup.ServiceTests.Cli;

/// <summary>lookup retention through a service, and what it leaves.</summary>
public sealed class RetentionCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Run_ThroughAService_DeletesWhatIsDueWritesItToTheTrailAndPermitsNothing()
    {
        var clock = new SteppingClock();
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), clock: clock);
        string[] to = ["--address", server.Host.GrpcAddress.ToString()];
        // Six years later, what ended before March 2025 is due; of France's consents, before March 2027.
        await server.Facts.RecordFactsAsync(
            Samples.Record(
                Consent("+4915112345678", 2015, 2018), Consent("+33612345678", 2015, 2026), Consent("+31612345678", 2015, 2026),
                Consent("+31612345679", 2015, null), Withdrawal("+31612345679", 2017), Attempt("+31612345680", 2012), Samples.Objection("+31612345680")),
            cancellationToken: Token);
        clock.AdvanceWall(ShiftedClock.Afternoon.AddYears(6) - ShiftedClock.Afternoon);

        var unconfirmed = await CliRun.Async(["retention", .. to]);
        Assert.Equal(2, unconfirmed.ExitCode);
        Assert.StartsWith("lookup: Deleted facts cannot be restored: preview them with --dry-run, then confirm with --yes.", unconfirmed.Error, StringComparison.Ordinal);
        string[] expected =
        [
            "DE consent 1 2015-06-01 2025-03-12", "FR consent 1 2015-06-01 2027-03-12", "NL consent 1 2015-06-01 2025-03-12", "NL attempt 2 2012-06-01 2025-03-12",
        ];
        Assert.Equal(expected, Rows(await CliRun.Async(["retention", "--dry-run", "--json", .. to])));
        Assert.Equal(expected, Rows(await CliRun.Async(["retention", "--dry-run", "--json", .. to])));
        Assert.Equal(expected, Rows(await CliRun.Async(["retention", "--yes", "--json", "--reason", "call 0612345678", .. to])));
        Assert.Equal("Nothing was due.", (await CliRun.Async(["retention", "--yes", .. to])).Output.Trim());

        Assert.Empty(await FactsAsync(server, "+4915112345678"));
        Assert.Single(await FactsAsync(server, "+31612345678"));
        Assert.True(Assert.Single(await FactsAsync(server, "+31612345679")).Fact.Withdrawn);
        Assert.NotNull(Assert.Single(await FactsAsync(server, "+31612345680")).Fact.Objection);
        // The list that brought the withdrawn consent is imported again.
        await server.Facts.RecordFactsAsync(Samples.Record(Consent("+31612345679", 2015, null)), cancellationToken: Token);
        var check = await server.Lookup.CheckAsync(Samples.Check("+31612345679"), cancellationToken: Token);
        Assert.Equal((Verdict.Deny, ReasonCode.ConsentWithdrawn), (check.Decision.Verdict, check.Decision.Reasons[0].Code));

        var trail = await CliRun.Async(["trail", "list", "--kind", "retention", "--json", .. to]);
        var act = JsonNode.Parse(trail.Output.Split('\n')[0])!;
        Assert.Equal("done: 1 DE consent before 2025-03-12, 1 FR consent before 2027-03-12, 1 NL consent before 2025-03-12, 2 NL attempt before 2025-03-12", (string?)act["result"]);
        Assert.DoesNotContain("0612345678", trail.Output, StringComparison.Ordinal);
    }

    private static string[] Rows(CliRun run)
    {
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        return [.. JsonNode.Parse(run.Output)!["counts"]!.AsArray().Select(count => $"{count!["country"]} {count["kind"]} {count["count"]} {((string)count["oldest"]!)[..10]} {((string)count["before"]!)[..10]}")];
    }

    private static async Task<IReadOnlyCollection<KnownFact>> FactsAsync(LookupServer server, string number) =>
        (await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number }, cancellationToken: Token)).Facts;

    private static Timestamp At(int year) => Timestamp.FromDateTime(new DateTime(year, 6, 1, 12, 0, 0, DateTimeKind.Utc));

    private static Fact Consent(string number, int year, int? until)
    {
        var fact = Samples.Consent(number);
        fact.Consent.Purposes.Clear();
        fact.Consent.Purposes.Add(Purpose.Commercial);
        (fact.Consent.Captured, fact.Consent.Expires) = (At(year), until is { } end ? At(end) : null);
        return fact;
    }

    private static Fact Withdrawal(string number, int year)
    {
        var fact = Consent(number, year, null);
        (fact.Withdrawn, fact.Effective, fact.Consent.Captured, fact.Consent.Evidence) = (true, At(year), null, null);
        return fact;
    }

    private static Fact Attempt(string number, int year) => new() { Number = number, Source = "dialer", Effective = At(year), Attempt = new Attempt { Organisation = "acme" } };
}
