using Google.Protobuf.WellKnownTypes;
using Lookup.V1;
using Outcome = Lookup.V1.FactResult.Types.Outcome;

namespace Lookup.ServiceTests.Server;

/// <summary>Evidence that is recorded again for the same consent.</summary>
public sealed class EvidenceTests(LookupServer server) : IClassFixture<LookupServer>
{
    private static readonly Timestamp By = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(60));
    private static readonly Timestamp Claimed = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-1));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Certificate_ClaimedLater_SaysSoAndChangesNothingElse()
    {
        var number = Samples.NewNumber();
        var unclaimed = new Evidence { Reference = "cert.example/9f2", ClaimBy = By };
        Assert.Equal(Outcome.Recorded, await RecordAsync(number, unclaimed));
        Assert.Equal(Outcome.Unchanged, await RecordAsync(number, unclaimed));
        var claimed = new Evidence { Reference = "cert.example/9f2", Claimed = Claimed };
        Assert.Equal(Outcome.Recorded, await RecordAsync(number, claimed));
        Assert.Equal(Outcome.Unchanged, await RecordAsync(number, claimed));
        // The file with the unclaimed certificates is imported again.
        Assert.Equal(Outcome.Unchanged, await RecordAsync(number, unclaimed));

        var consents = await ConsentsAsync(number);
        Assert.Equal(2, consents.Count);
        Assert.All(consents, known =>
        {
            Assert.Equal(new Evidence { Reference = "cert.example/9f2", ClaimBy = By, Claimed = Claimed }, known.Fact.Consent.Evidence);
            Assert.Equal([unclaimed], known.EarlierEvidence);
            Assert.Equal("asked for offers", known.Fact.Reason);
        });
        Assert.Equal(Verdict.Allow, await VerdictAsync(number));
    }

    [Fact]
    public async Task Evidence_RecordedAfterItsConsent_LetsItCount()
    {
        var number = Samples.NewNumber();
        Assert.Equal(Outcome.Recorded, await RecordAsync(number, null));
        Assert.Equal(Verdict.Deny, await VerdictAsync(number));
        Assert.Equal(Outcome.Recorded, await RecordAsync(number, new Evidence { Reference = "rec-1" }));
        Assert.Equal(Verdict.Allow, await VerdictAsync(number));
        // What does not name the evidence does not take it away.
        Assert.Equal(Outcome.Unchanged, await RecordAsync(number, null));
        Assert.Equal(Verdict.Allow, await VerdictAsync(number));
        Assert.All(await ConsentsAsync(number), known => Assert.Equal("rec-1", known.Fact.Consent.Evidence.Reference));
    }

    [Fact]
    public async Task Evidence_AfterAWithdrawal_LiftsNothing()
    {
        var number = Samples.NewNumber();
        await RecordAsync(number, null);
        var withdrawal = Samples.Consent(number);
        (withdrawal.Withdrawn, withdrawal.Consent.Captured, withdrawal.Consent.Expires) = (true, null, null);
        await server.Facts.RecordFactsAsync(Samples.Record(withdrawal), cancellationToken: Token);
        await RecordAsync(number, new Evidence { Reference = "rec-1" });
        Assert.Equal(Verdict.Deny, await VerdictAsync(number));
    }

    [Fact]
    public async Task Evidence_RecordedByManyAtOnce_IsAllKept()
    {
        var number = Samples.NewNumber();
        await RecordAsync(number, new Evidence { Reference = "0" });
        await Task.WhenAll(Enumerable.Range(1, 6).Select(i => RecordAsync(number, new Evidence { Reference = $"{i}" })));
        Assert.All(await ConsentsAsync(number), known => Assert.Equal(
            ["0", "1", "2", "3", "4", "5", "6"],
            known.EarlierEvidence.Append(known.Fact.Consent.Evidence).Select(evidence => evidence.Reference).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task Certificate_ThatWasNotClaimedInTime_IsAWarningAndFutureClaimsAreRefused()
    {
        var fact = Samples.Consent(Samples.NewNumber());
        fact.Consent.Evidence.ClaimBy = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-1));
        var response = await server.Facts.RecordFactsAsync(Samples.Record(fact), cancellationToken: Token);
        Assert.Equal("consent.evidence.claim_by", Assert.Single(response.Results[0].Warnings, warning => warning.Field.StartsWith("consent.evidence", StringComparison.Ordinal)).Field);

        fact.Consent.Evidence.Claimed = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(1));
        response = await server.Facts.RecordFactsAsync(Samples.Record(fact, Samples.Objection(Samples.NewNumber())), cancellationToken: Token);
        Assert.Equal("consent.evidence.claimed", Assert.Single(response.Results[0].Errors).Field);
    }

    private async Task<Outcome> RecordAsync(string number, Evidence? evidence)
    {
        var fact = Samples.Consent(number);
        fact.Consent.Evidence = evidence;
        return (await server.Facts.RecordFactsAsync(Samples.Record(fact), cancellationToken: Token)).Results[0].Outcome;
    }

    private async Task<IReadOnlyCollection<KnownFact>> ConsentsAsync(string number) =>
        (await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number }, cancellationToken: Token)).Facts;

    private async Task<Verdict> VerdictAsync(string number) =>
        (await server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Token)).Decision.Verdict;
}
