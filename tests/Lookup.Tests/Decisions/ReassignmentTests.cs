using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;

namespace Lookup.Tests.Decisions;

/// <summary>A number that was given to another subscriber: what the earlier one permitted does not count.</summary>
public sealed class ReassignmentTests
{
    private const string Nl = "+31612345678";
    private const string InNl2 = "2024-03-12T14:00:00+01:00";
    private const string Us = "+12125550123";
    private const string InUs = "2025-03-11T14:00:00-04:00";
    private const string Fr = "+33612345678";

    [Theory]
    [InlineData("2024-02-01T09:59:59Z", Verdict.Allow, ReasonCode.Consent)]
    [InlineData("2024-02-01T10:00:00Z", Verdict.Deny, ReasonCode.NumberReassigned)]
    [InlineData("2024-03-01", Verdict.Deny, ReasonCode.NumberReassigned)]
    [InlineData("2024-03-13", Verdict.Allow, ReasonCode.Consent)]
    public void Consent_OfAnEarlierSubscriber_DoesNotCount(string reassigned, Verdict verdict, ReasonCode reason) =>
        Expect(new Situation(Nl, InNl2).Consent("2024-02-01T10:00:00Z").Reassigned(reassigned), verdict, reason);

    // A call placed now does not wait for the day that the record names.
    [Fact]
    public void Reassignment_AheadOfACallPlacedNow_CountsAtOnce() =>
        Expect(new Situation(Nl, InNl2) { IsTimeNamed = false }.Consent("2024-02-01").Reassigned("2024-05-01"), Verdict.Deny, ReasonCode.NumberReassigned);

    [Fact]
    public void Consent_CapturedAfterTheReassignment_Counts() =>
        Expect(new Situation(Nl, InNl2).Consent("2023-02-01").Reassigned("2023-06-01").Consent("2024-02-01"), Verdict.Allow, ReasonCode.Consent);

    [Fact]
    public void Reassignment_TakenBack_NoLongerForbids() =>
        Expect(new Situation(Nl, InNl2).Consent("2024-02-01").Reassigned("2024-03-01").Reassigned("2024-03-02", withdrawn: true), Verdict.Allow, ReasonCode.Consent);

    // A later payment does not tell whose number it is now.
    [Theory]
    [InlineData("2023-06-01", Verdict.Deny, ReasonCode.NumberReassigned)]
    [InlineData("2021-06-01", Verdict.Allow, ReasonCode.Relation)]
    public void Relation_BegunBeforeTheReassignment_DoesNotCount(string reassigned, Verdict verdict, ReasonCode reason) =>
        Expect(
            new Situation(Nl, InNl2) { Group = "energy" }.Relation(RelationKind.Customer, "2022-01-01").Reassigned(reassigned), verdict, reason);

    [Fact]
    public void Publication_FromBeforeTheReassignment_DoesNotCount()
    {
        var situation = new Situation(Nl, InNl2) { Subscriber = SubscriberType.SoleTrader }
            .Record(FactKind.PublishedForOffers, 0, Scope.All, new FactEntry { Effective = Situation.At("2023-01-01") });
        Expect(situation, Verdict.Allow, ReasonCode.PublishedForOffers);
        var decision = situation.Reassigned("2023-06-01").Decide();
        Assert.Equal((Verdict.Deny, ReasonCode.NoConsent), (decision.Verdict, decision.Primary));
        Assert.Contains(ReasonCode.NumberReassigned, Codes(decision));
    }

    [Fact]
    public void Register_LiftedByAConsentFromBeforeTheReassignment_BindsAndNamesIt()
    {
        var situation = new Situation(Us, InUs).Registered("us-dnc", "2020-01-01").Consent("2024-02-01", form: ConsentForm.Signed);
        Expect(situation, Verdict.Allow, ReasonCode.Consent);
        var decision = situation.Reassigned("2024-06-01").Decide();
        Assert.Equal((Verdict.Deny, ReasonCode.Registered), (decision.Verdict, decision.Primary));
        Assert.Contains(ReasonCode.NumberReassigned, Codes(decision));
    }

    [Fact]
    public void Reassignment_WhereNothingWasLifted_ChangesNothing() =>
        Expect(new Situation(Us, InUs).Reassigned("2024-06-01"), Verdict.Allow, ReasonCode.NothingForbids);

    [Fact]
    public void Objection_FromBeforeTheReassignment_StillForbids() =>
        Expect(new Situation(Us, InUs).Objection("2024-01-01").Reassigned("2024-06-01"), Verdict.Deny, ReasonCode.Objection);

    [Fact]
    public void Request_FromBeforeTheReassignment_LiftsNoObjection() =>
        Expect(
            new Situation(Nl, InNl2) { Kind = CallKind.Requested, RequestedAt = Situation.At("2024-03-11") }.Objection("2024-01-01").Reassigned("2024-03-12"),
            Verdict.Deny,
            ReasonCode.Objection);

    // What is on record of the earlier subscriber still protects and no longer frees.
    [Theory]
    [InlineData(SubscriberType.Unknown, SubscriberType.LegalPerson, Verdict.Allow, Verdict.Deny)]
    [InlineData(SubscriberType.LegalPerson, SubscriberType.LegalPerson, Verdict.Allow, Verdict.Allow)]
    [InlineData(SubscriberType.LegalPerson, SubscriberType.Consumer, Verdict.Deny, Verdict.Deny)]
    [InlineData(SubscriberType.LegalPerson, SubscriberType.SoleTrader, Verdict.Deny, Verdict.Deny)]
    public void Subscriber_RecordedBeforeTheReassignment_OnlyProtects(SubscriberType stated, SubscriberType recorded, Verdict before, Verdict after)
    {
        var situation = new Situation(Nl, InNl2) { Subscriber = stated }
            .Record(FactKind.Subscriber, 0, Scope.All, new FactEntry { Effective = Situation.At("2023-01-01"), Subscriber = recorded });
        Assert.Equal(before, situation.Decide().Verdict);
        Assert.Equal(after, situation.Reassigned("2023-06-01").Decide().Verdict);
    }

    [Theory]
    [InlineData(true, Verdict.Unknown)]
    [InlineData(false, Verdict.Deny)]
    public void Reassignment_ThatCannotBeRead_LetsNothingLift(bool consent, Verdict verdict)
    {
        var situation = new Situation(Nl, InNl2).Stored(new FactId(FactKind.Reassignment, 0, Scope.All), [0x7f]);
        if (consent)
        {
            situation.Consent("2024-02-01");
        }

        Assert.Equal(verdict, situation.Decide().Verdict);
    }

    // The rule is the service's own but where a country has it as law.
    [Theory]
    [InlineData(Nl, InNl2, "2024-02-01", Layer.Policy, Verdict.Allow)]
    [InlineData(Us, InUs, "2024-02-01", Layer.Law, Verdict.Deny)]
    [InlineData(Fr, "2026-09-15T11:00:00+02:00", "2026-02-01", Layer.Policy, Verdict.Allow)]
    public void Reassignment_UnderTheLawAlone_BindsWhereLawSaysSo(string number, string time, string consent, Layer layer, Verdict lawAlone)
    {
        var situation = new Situation(number, time).Registered("us-dnc", "2020-01-01").Consent(consent, form: ConsentForm.Signed).Reassigned(consent);
        var decision = situation.Decide();
        Assert.Equal(Verdict.Deny, decision.Verdict);
        Assert.Contains(Enumerable.Range(0, decision.ReasonCount).Select(decision.ReasonAt), r => r.Code == ReasonCode.NumberReassigned && r.Text.Layer == layer);
        situation.Layers = Layers.Law;
        Assert.Equal(lawAlone, situation.Decide().Verdict);
    }

    private static IEnumerable<ReasonCode> Codes(Decision decision) => Enumerable.Range(0, decision.ReasonCount).Select(i => decision.ReasonAt(i).Code);

    private static void Expect(Situation situation, Verdict verdict, ReasonCode reason)
    {
        var decision = situation.Decide();
        Assert.Equal((verdict, reason), (decision.Verdict, decision.Primary));
    }
}
