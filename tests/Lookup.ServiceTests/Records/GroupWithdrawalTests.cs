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

    [Theory]
    [InlineData("solar-panel", "solar_panel", true)]
    [InlineData("solar-panel", "solar_panel", false)]
    [InlineData("solarpanel", "solar_panels", false)]
    [InlineData("solar-panel", "", true)]
    public async Task EndOfARelation_InAnySpelling_Denies(string group, string ended, bool isWithdrawn)
    {
        var organisation = $"group-{Interlocked.Increment(ref _next)}";
        var number = Samples.NewNumber();
        var request = new CheckRequest { Number = number, Question = Samples.Question(organisation) };
        request.Question.ProductGroup = group;
        await server.Facts.RecordFactsAsync(Samples.Record(Relation(group)));
        Assert.Equal(Verdict.Allow, (await server.Lookup.CheckAsync(request)).Decision.Verdict);

        var end = Relation(ended);
        end.Withdrawn = isWithdrawn;
        end.Effective = isWithdrawn ? Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddYears(-4)) : null;
        end.Relation.Until = isWithdrawn ? null : Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddYears(-4));
        await server.Facts.RecordFactsAsync(Samples.Record(end));
        Assert.Equal(Verdict.Deny, (await server.Lookup.CheckAsync(request)).Decision.Verdict);

        // The stored copy of the end is not listed as a relation of its own.
        var listed = await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number });
        Assert.Equal(group == ended ? 1 : 2, listed.Facts.Count);

        Fact Relation(string of) => new()
        {
            Number = number,
            Source = "test",
            Relation = new Relation
            {
                Organisation = organisation,
                ProductGroup = of,
                Relation_ = RelationKind.Customer,
                Since = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddYears(-6)),
                NumberObtainedAtSale = true,
                OptOutOffered = true,
            },
        };
    }
}
