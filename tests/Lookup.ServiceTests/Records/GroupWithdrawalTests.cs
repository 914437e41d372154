using Google.Protobuf.WellKnownTypes;
using Lookup.V1;

namespace Lookup.ServiceTests.Records;

/// <summary>A withdrawal for a product group, as a caller spells it, ends what the group's consents permitted.</summary>
public sealed class GroupWithdrawalTests(LookupServer server) : IClassFixture<LookupServer>
{
    private static int _next;

    [Theory]
    [InlineData("", "energy", "energy")]
    [InlineData("solar-panels", "solar_panels", "solar-panels")]
    [InlineData("", "energys", "energy")]
    public async Task Withdrawal_InAnySpelling_Denies(string consented, string withdrawn, string asked)
    {
        // A name of its own: no other test's facts count for it.
        var organisation = $"group-{Interlocked.Increment(ref _next)}";
        var number = Samples.NewNumber();
        var request = new CheckRequest { Number = number, Question = Samples.Question(organisation) };
        request.Question.ProductGroup = asked;
        var consent = Samples.Consent(number, organisation);
        consent.Consent.ProductGroup = consented;
        await server.Facts.RecordFactsAsync(Samples.Record(consent));
        Assert.Equal(Verdict.Allow, (await server.Lookup.CheckAsync(request)).Decision.Verdict);

        var withdrawal = Samples.Consent(number, organisation);
        withdrawal.Withdrawn = true;
        withdrawal.Effective = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-5));
        withdrawal.Consent = new Consent { Organisation = organisation, ProductGroup = withdrawn };
        await server.Facts.RecordFactsAsync(Samples.Record(withdrawal));
        var decision = (await server.Lookup.CheckAsync(request)).Decision;
        Assert.Equal((Verdict.Deny, ReasonCode.ConsentWithdrawn), (decision.Verdict, decision.Reasons[0].Code));
    }
}
