using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;

namespace Lookup.Tests.Decisions;

/// <summary>The end of a relation or publication counts however its product group is spelled, and none opens an exemption.</summary>
public sealed class RelationEndTests
{
    private const string Number = "+31612345678";
    private const string Call = "2024-03-12T14:30:00+01:00";
    private const string Since = "2019-01-05T10:00:00+01:00";
    private const string Ended = "2020-02-05T10:00:00+01:00";
    private const string Later = "2022-02-06T10:00:00+01:00";

    [Theory]
    [InlineData("solar-panel", "solar_panel")]
    [InlineData("solar-panels", "solarpanel")]
    [InlineData("solarpanel", "Solar-Panels")]
    [InlineData("energy", "energys")]
    [InlineData("energy", "energy")]
    public void End_InAnySpelling_EndsTheRelation(string group, string spelled)
    {
        // As a withdrawal, and as the same relation with an end.
        foreach (var isWithdrawn in (bool[])[true, false])
        {
            var situation = Customer(group);
            Assert.Equal((Verdict.Allow, ReasonCode.Relation), Decide(situation));
            _ = isWithdrawn
                ? situation.Relation(RelationKind.Customer, Ended, group: spelled, withdrawn: true)
                : situation.Relation(RelationKind.Customer, Since, Ended, spelled);
            Assert.Equal(Verdict.Deny, situation.Decide().Verdict);
            Assert.Equal((Verdict.Allow, ReasonCode.Relation), Decide(situation.Relation(RelationKind.Customer, Later)));
        }
    }

    [Fact]
    public void Withdrawal_WithoutAGroup_EndsTheRelationOfEachGroup()
    {
        var situation = Customer("energy").Relation(RelationKind.Customer, Ended, group: "", withdrawn: true);
        Assert.Equal(Verdict.Deny, situation.Decide().Verdict);
        Assert.Equal((Verdict.Allow, ReasonCode.Relation), Decide(situation.Relation(RelationKind.Customer, Later)));
    }

    [Theory]
    [InlineData("solar-panels", "solar", RelationKind.Customer, Ended)]
    [InlineData("solar-panels", "solar_panels", RelationKind.Donor, Ended)]
    [InlineData("solar-panels", "solar_panels", RelationKind.Customer, "2024-03-12T15:00:00+01:00")]
    public void End_OfAnotherRelationOrAfterTheCall_LeavesTheRelation(string group, string spelled, RelationKind kind, string end) => Assert.Equal(
        (Verdict.Allow, ReasonCode.Relation),
        Decide(Customer(group).Relation(kind, end, group: spelled, withdrawn: true)));

    // The end is stored under the common spelling, which a question may name; there it must not be a relation.
    [Theory]
    [InlineData("solar-panels", "solarpanel")]
    [InlineData("solar-panels", "solar_panels")]
    public void RelationWithAnEnd_OfAnotherSpelling_PermitsNothing(string group, string asked) => Assert.Equal(
        Verdict.Deny,
        new Situation(Number, Call) { Group = asked }.Relation(RelationKind.Customer, Since, "2030-01-01T00:00:00+01:00", group).Decide().Verdict);

    [Fact]
    public void End_ThatCannotBeRead_DoesNotPermit()
    {
        var situation = Customer("energy")
            .Stored(new FactId(FactKind.Relation, (byte)RelationKind.Customer | FactId.Ended, Scope.OfAnySpelling("o", "energy")), [0xFF]);
        Assert.Equal(Verdict.Unknown, situation.Decide().Verdict);
    }

    [Theory]
    [InlineData("solar-panels", "solar_panels")]
    [InlineData("solar-panels", "solarpanel")]
    [InlineData("solarpanel", "solar-panels")]
    [InlineData("energy", "energy")]
    [InlineData("energy", "")]
    [InlineData("", "energys")]
    public void Withdrawal_OfAPublication_EndsItInEverySpelling(string published, string withdrawn)
    {
        var situation = new Situation(Number, Call) { Group = published.Length > 0 ? published : "energy", Subscriber = SubscriberType.SoleTrader }.Published(Since, published);
        Assert.Equal((Verdict.Allow, ReasonCode.PublishedForOffers), Decide(situation));
        Assert.Equal(Verdict.Deny, situation.Published(Ended, withdrawn, withdrawn: true).Decide().Verdict);
        Assert.Equal((Verdict.Allow, ReasonCode.PublishedForOffers), Decide(situation.Published(Later, published)));
    }

    [Fact]
    public void Matches_NameOfTheCommonSpelling_IsThatOfTheQuestion()
    {
        var (rules, question, _, _) = new Situation(Number, Call) { Group = "solar-panels" }.Ready();
        Assert.True(MeantName.Matches(rules!, question, new FactId(FactKind.Relation, 9, Scope.OfAnySpelling("o", "solar-panels")), "o/solarpanel"));
        Assert.False(MeantName.Matches(rules!, question, new FactId(FactKind.Relation, 9, Scope.OfAnySpelling("o", "solar-panels")), "o/other"));
        Assert.True(MeantName.Matches(rules!, question, new FactId(FactKind.PublishedForOffers, 0, Scope.OfAnySpelling("solar-panels")), "solarpanel"));
        Assert.False(MeantName.Matches(rules!, question, new FactId(FactKind.PublishedForOffers, 0, Scope.OfAnySpelling("solar-panels")), "other"));
    }

    private static Situation Customer(string group) => new Situation(Number, Call) { Group = group }.Relation(RelationKind.Customer, Since);

    private static (Verdict Verdict, ReasonCode Reason) Decide(Situation situation)
    {
        var decision = situation.Decide();
        return (decision.Verdict, decision.Primary);
    }
}
