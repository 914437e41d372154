using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;

namespace Lookup.Tests.Decisions;

public sealed class DeciderTests
{
    private const string Nl = "+31612345678";
    private const string InNl1 = "2015-03-10T14:00:00+01:00";
    private const string InNl2 = "2024-03-12T14:00:00+01:00";

    [Fact]
    public void Objection_WithdrawnBeforeTheCall_NoLongerForbids() =>
        Expect(new Situation(Nl, InNl1).Objection("2014-01-01").Objection("2015-01-01", withdrawn: true), Verdict.Allow, ReasonCode.NothingForbids);

    [Fact]
    public void Objection_WithdrawnAfterTheCall_ForbidsAsOfThen() =>
        Expect(new Situation(Nl, InNl1).Objection("2014-01-01").Objection("2016-01-01", withdrawn: true), Verdict.Deny, ReasonCode.Objection);

    [Fact]
    public void Objection_AfterTheCall_DoesNotExistForIt() =>
        Expect(new Situation(Nl, InNl1).Objection("2015-03-10T14:00:00.001+01:00"), Verdict.Allow, ReasonCode.NothingForbids);

    [Fact]
    public void Objection_ToAll_Forbids() =>
        Expect(new Situation(Nl, InNl1).Objection("2014-01-01", organisation: "*"), Verdict.Deny, ReasonCode.Objection);

    [Fact]
    public void Objection_ConsentAtTheSameInstant_Forbids() =>
        Expect(new Situation(Nl, InNl2).Objection("2024-01-01").Consent("2024-01-01"), Verdict.Deny, ReasonCode.Objection);

    [Fact]
    public void Objection_NewerConsentWithoutEvidence_Forbids() =>
        Expect(new Situation(Nl, InNl2).Objection("2024-01-01").Consent("2024-02-01", evidence: false), Verdict.Deny, ReasonCode.Objection);

    [Fact]
    public void Objection_ConsentInOptOutRegime_IsNotLifted() =>
        Expect(new Situation(Nl, InNl1).Objection("2014-01-01").Consent("2014-06-01"), Verdict.Deny, ReasonCode.Objection);

    [Fact]
    public void Requested_ObjectionOlderThanRequest_IsLifted() =>
        Expect(new Situation(Nl, InNl2) { Kind = CallKind.Requested, RequestedAt = Situation.At("2024-03-11") }.Objection("2024-01-01"), Verdict.Allow, ReasonCode.Requested);

    [Fact]
    public void Requested_ObjectionNewerThanRequest_Forbids() =>
        Expect(new Situation(Nl, InNl2) { Kind = CallKind.Requested, RequestedAt = Situation.At("2024-01-01") }.Objection("2024-02-01"), Verdict.Deny, ReasonCode.Objection);

    [Fact]
    public void Requested_ObjectionAndNoTimeOfRequest_Forbids() =>
        Expect(new Situation(Nl, InNl2) { Kind = CallKind.Requested }.Objection("2024-02-01"), Verdict.Deny, ReasonCode.Objection);

    [Fact]
    public void Register_NotLoaded_IsNotCovered() =>
        Expect(new Situation(Nl, InNl1).Snapshot("nl-bmnr", ""), Verdict.NotCovered, ReasonCode.RegisterNotLoaded);

    [Fact]
    public void Register_OnlyLaterSnapshot_IsNotCovered() =>
        Expect(new Situation(Nl, InNl1).Snapshot("nl-bmnr", "2015-03-11"), Verdict.NotCovered, ReasonCode.RegisterNotLoaded);

    [Theory]
    [InlineData("2015-02-10", Verdict.Allow)]
    [InlineData("2015-02-09", Verdict.Deny)]
    public void Register_SnapshotAtItsLimit_CountsFourWeeks(string date, Verdict verdict) =>
        Expect(new Situation(Nl, InNl1).Snapshot("nl-bmnr", date + "T00:00:00+01:00"), verdict, verdict == Verdict.Allow ? ReasonCode.NothingForbids : ReasonCode.RegisterStale);

    // Entered again a day before the call: the 28 days run from the first entry, unless it was taken back in between.
    [Theory]
    [InlineData(false, Verdict.Deny, ReasonCode.Registered)]
    [InlineData(true, Verdict.Allow, ReasonCode.NothingForbids)]
    public void Register_EnteredAgain_DoesNotBeginItsGraceAgain(bool takenBack, Verdict verdict, ReasonCode reason)
    {
        var situation = new Situation("+442071234567", "2025-03-11T14:00:00Z").Registered("uk-tps", "2024-01-01").Registered("uk-tps", "2025-03-10");
        if (takenBack)
        {
            situation.Record(FactKind.Registration, 0, Scope.FromName("uk-tps"), new FactEntry { Effective = Situation.At("2024-06-01"), Withdrawn = true });
        }

        Expect(situation, verdict, reason);
    }

    [Fact]
    public void Register_ConsentInOptOutRegime_DoesNotLiftTheBlock() =>
        Expect(new Situation(Nl, InNl1).Registered("nl-bmnr", "2014-01-01").Consent("2014-06-01"), Verdict.Deny, ReasonCode.Registered);

    [Fact]
    public void Register_OwnCustomer_LiftsTheBlock() =>
        Expect(new Situation(Nl, InNl1) { Group = "energy" }.Registered("nl-bmnr", "2014-01-01").Relation(RelationKind.Customer, "2014-06-01"), Verdict.Allow, ReasonCode.Relation);

    [Fact]
    public void Relation_EndedBeforeTheCodeHadATerm_StillCounts() =>
        Expect(new Situation(Nl, InNl1) { Group = "energy" }.Registered("nl-bmnr", "2005-01-01").Relation(RelationKind.Customer, "2005-06-01", "2008-01-01"), Verdict.Allow, ReasonCode.Relation);

    [Theory]
    [InlineData("2027-02-28T14:00:00+01:00", Verdict.Deny, ReasonCode.OutsideHours)]
    [InlineData("2027-02-27T14:00:00+01:00", Verdict.Allow, ReasonCode.Relation)]
    [InlineData("2027-03-01T14:00:00+01:00", Verdict.Deny, ReasonCode.RelationEnded)]
    public void Relation_EndedOnLeapDay_CountsThroughLastDayOfFebruary(string time, Verdict verdict, ReasonCode reason) =>
        Expect(
            new Situation(Nl, time) { Group = "gifts", Purpose = Purpose.Charity, Sector = Sector.IdealOrCharity }
                .Relation(RelationKind.Donor, "2020-01-01", "2024-02-29T00:00:00+01:00"), verdict, reason);

    [Fact]
    public void Relation_CustomerAfterTheAbolition_NamesTheSector() =>
        Expect(new Situation(Nl, "2026-07-01T09:00:00+02:00") { Group = "energy" }.Relation(RelationKind.Customer, "2022-01-01"), Verdict.Deny, ReasonCode.RelationNotForSector);

    [Theory]
    [InlineData("2024-10-14T14:00:00+02:00", 0, Verdict.Allow)]
    [InlineData("2024-10-15T14:00:00+02:00", 0, Verdict.Deny)]
    [InlineData("2024-10-15T14:00:00+02:00", 12, Verdict.Allow)]
    public void Consent_FirstContactAfterSixMonths_NeedsANamedTerm(string time, byte months, Verdict verdict) =>
        Expect(
            new Situation(Nl, time).Consent("2024-03-01", "2026-01-01", months: months),
            verdict,
            verdict == Verdict.Allow ? ReasonCode.Consent : ReasonCode.FirstContactTooLate);

    [Fact]
    public void Consent_FirstContactWasInTime_LaterCallsNeedNoTerm() =>
        Expect(new Situation(Nl, "2025-03-04T14:00:00+01:00").Consent("2024-03-01", "2026-01-01").Attempt("2024-05-01"), Verdict.Allow, ReasonCode.Consent);

    [Theory]
    [InlineData("2024-05-01", Verdict.Allow)]
    [InlineData("2024-02-01", Verdict.Deny)]
    [InlineData("2024-12-01", Verdict.Deny)]
    public void Consent_PlacedCallInTime_LaterCallsNeedNoTerm(string placed, Verdict verdict) =>
        Assert.Equal(verdict, new Situation(Nl, "2025-03-04T14:00:00+01:00") { PlacedCalls = [Situation.At(placed)] }.Consent("2024-03-01", "2026-01-01").Decide().Verdict);

    [Fact]
    public void Consent_WithdrawnForEverything_TakesBackOlderOnesToAGroup() =>
        Expect(
            new Situation(Nl, InNl2) { Group = "energy" }.Consent("2024-01-01", group: "energy").Consent("2024-02-01", withdrawn: true),
            Verdict.Deny,
            ReasonCode.ConsentWithdrawn);

    [Fact]
    public void Consent_ToAGroup_DoesNotCountForAnother() =>
        Expect(new Situation(Nl, InNl2) { Group = "energy" }.Consent("2024-01-01", group: "insurance"), Verdict.Deny, ReasonCode.NoConsent);

    [Fact]
    public void ServiceCall_WithACommercialPurpose_IsMarketing() =>
        Expect(new Situation(Nl, InNl2) { Kind = CallKind.Service }, Verdict.Deny, ReasonCode.NoConsent);

    [Theory]
    [InlineData(SubscriberType.LegalPerson, SubscriberType.Consumer, Verdict.Deny)]
    [InlineData(SubscriberType.Unknown, SubscriberType.LegalPerson, Verdict.Allow)]
    [InlineData(SubscriberType.Consumer, SubscriberType.LegalPerson, Verdict.Deny)]
    [InlineData(SubscriberType.LegalPerson, SubscriberType.Unknown, Verdict.Deny)]
    public void Subscriber_StatedAndRecorded_TheOneThatProtectsMoreCounts(SubscriberType stated, SubscriberType recorded, Verdict verdict) =>
        Assert.Equal(
            verdict,
            new Situation(Nl, InNl2) { Subscriber = stated }
                .Record(FactKind.Subscriber, 0, Scope.All, new FactEntry { Effective = Situation.At("2020-01-01"), Subscriber = recorded })
                .Decide().Verdict);

    [Theory]
    [InlineData("2025-08-10T11:00:00+02:00", Verdict.Deny)]
    [InlineData("2025-08-11T11:00:00+02:00", Verdict.Allow)]
    public void Refusal_France_PausesSixtyFullDays(string time, Verdict verdict) =>
        Assert.Equal(verdict, new Situation("+33610000101", time).Refusal("2025-06-11T00:00:00+02:00").Decide().Verdict);

    [Fact]
    public void Refusal_FranceAfterTheReform_IsFinal() =>
        Expect(new Situation("+33610000101", "2026-10-12T11:00:00+02:00").Consent("2026-09-01").Refusal("2026-08-20"), Verdict.Deny, ReasonCode.Refusal);

    [Theory]
    [InlineData("2025-03-15T11:00:00+01:00", "2025-03-01", Verdict.Allow, ReasonCode.Consent)]
    [InlineData("2026-11-28T11:00:00+01:00", "2026-09-01", Verdict.Deny, ReasonCode.OutsideHours)]
    public void Hours_FranceWithConsent_WereLiftedUntilTheReform(string time, string consent, Verdict verdict, ReasonCode reason) =>
        Expect(new Situation("+33610000101", time).Consent(consent), verdict, reason);

    [Theory]
    [InlineData("2020-06-30", Verdict.Allow, ReasonCode.Relation)]
    [InlineData("2021-07-01", Verdict.Deny, ReasonCode.RelationConditionMissing)]
    public void Relation_DutchFromBeforeTheAct_NeedsNoOptOutAtCollection(string since, Verdict verdict, ReasonCode reason) =>
        Expect(
            new Situation(Nl, InNl2) { Group = "energy" }
                .Relation(RelationKind.Customer, since + "T00:00:00+02:00", marks: FactMarks.ObtainedAtSale),
            verdict,
            reason);

    [Theory]
    [InlineData("press", Verdict.Allow, ReasonCode.NothingForbids)]
    [InlineData("wine", Verdict.Deny, ReasonCode.Registered)]
    [InlineData("", Verdict.Deny, ReasonCode.Registered)]
    public void ExemptGroups_OfAPublisher_ExemptTheOfferAndNotTheCaller(string group, Verdict verdict, ReasonCode reason) =>
        Expect(
            new Situation("+33610000101", "2025-03-14T11:00:00+01:00") { Group = group, Sector = Sector.PressPublisher }
                .Registered("fr-bloctel", "2024-01-01"),
            verdict,
            reason);

    // Thursday 24 December 2026 is the day before a holiday; so is Saturday 31 October, and Sunday 24 December 2028, which stays closed.
    [Theory]
    [InlineData("2026-12-23T19:30:00+01:00", Verdict.Allow)]
    [InlineData("2026-12-24T18:59:59+01:00", Verdict.Allow)]
    [InlineData("2026-12-24T19:00:00+01:00", Verdict.Deny)]
    [InlineData("2026-12-24T09:30:00+01:00", Verdict.Deny)]
    [InlineData("2028-12-24T12:00:00+01:00", Verdict.Deny)]
    public void Hours_OnTheDayBeforeAHoliday_AreThoseOfTheEve(string time, Verdict verdict) =>
        Assert.Equal(verdict, new Situation("+393471234567", time).Consent("2026-01-01").Decide().Verdict);

    [Fact]
    public void Hours_FloridaPanhandle_MustBeOpenInBothZones()
    {
        // 08:30 in New York is 07:30 in Chicago; area code 850 lies in both zones.
        Expect(new Situation("+18502345678", "2025-03-11T08:30:00-04:00"), Verdict.Deny, ReasonCode.OutsideHours);
        Expect(new Situation("+13055550123", "2025-03-11T08:30:00-04:00") { Mode = DiallingMode.Manual }, Verdict.Allow, ReasonCode.NothingForbids);
    }

    [Theory]
    [InlineData(DiallingMode.Manual, Verdict.Allow, ReasonCode.NothingForbids, Layer.Law)]
    [InlineData(DiallingMode.Preview, Verdict.Deny, ReasonCode.AutomatedWithoutConsent, Layer.Policy)]
    [InlineData(DiallingMode.Predictive, Verdict.Deny, ReasonCode.AutomatedWithoutConsent, Layer.Law)]
    [InlineData(DiallingMode.NoHuman, Verdict.Deny, ReasonCode.AutomatedWithoutConsent, Layer.Law)]
    [InlineData(DiallingMode.Unspecified, Verdict.Deny, ReasonCode.AutomatedWithoutConsent, Layer.Policy)]
    public void Mode_InOklahoma_BindsWhatASystemDials(DiallingMode mode, Verdict verdict, ReasonCode code, Layer layer)
    {
        var decision = new Situation("+14055550123", "2026-12-01T14:00:00-06:00") { Mode = mode }.Decide();
        Assert.Equal((verdict, code, layer), (decision.Verdict, decision.Primary, decision.ReasonAt(0).Text.Layer));
        Assert.Equal(
            mode == DiallingMode.Unspecified, decision.ReasonAt(0).Text.Text.Contains("was not stated", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("+33612345678", 33612345678UL, DiallingMode.Manual, Layer.Law)]
    [InlineData("+33612345678", 33123456789UL, DiallingMode.Manual, Layer.None)]
    [InlineData("+33612345678", 33123456789UL, DiallingMode.Predictive, Layer.Policy)]
    [InlineData("+33612345678", 33123456789UL, DiallingMode.Unspecified, Layer.Policy)]
    [InlineData("+33612345678", 33162345678UL, DiallingMode.Unspecified, Layer.None)]
    [InlineData("+33612345678", 339475123456UL, DiallingMode.Predictive, Layer.None)]
    [InlineData("+34612345678", 34700123456UL, DiallingMode.Manual, Layer.Law)]
    [InlineData("+34612345678", 34911234567UL, DiallingMode.Manual, Layer.Policy)]
    [InlineData("+34612345678", 34400123456UL, DiallingMode.Manual, Layer.None)]
    [InlineData("+34612345678", 0UL, DiallingMode.Manual, Layer.None)]
    [InlineData("+34612345678", 0UL, DiallingMode.Manual, Layer.Strict)]
    [InlineData("+919812345678", 911123456789UL, DiallingMode.Manual, Layer.Law)]
    [InlineData("+919812345678", 911401234567UL, DiallingMode.Manual, Layer.None)]
    public void CallerNumber_ThatMayNotBeShown_IsForbiddenByTheLayer(string number, ulong caller, DiallingMode mode, Layer layer)
    {
        var situation = new Situation(number, "2026-11-25T09:30:00Z") { Caller = caller, Mode = mode, Kind = CallKind.Marketing }
            .Consent("2026-10-20", ledger: true).Snapshot("in-dlt", "2026-11-24");
        situation.Layers = layer == Layer.Strict ? Layers.Default | Layers.Strict : Layers.Default;
        var decision = situation.Decide();
        Assert.Equal(layer == Layer.None ? Verdict.Allow : Verdict.Deny, decision.Verdict);
        if (layer != Layer.None)
        {
            Assert.Equal((ReasonCode.CallerNumberNotAllowed, layer), (decision.Primary, decision.ReasonAt(0).Text.Layer));
        }
    }

    [Theory]
    [InlineData("+12125550123", "US-FL", "2026-12-01T20:30:00-05:00", Verdict.Deny, "US-FL")]
    [InlineData("+12125550123", "US-TX", "2026-12-01T08:30:00-05:00", Verdict.Deny, "US-TX")]
    [InlineData("+13055550123", "US-NY", "2026-12-01T20:30:00-05:00", Verdict.Deny, "US-FL")]
    [InlineData("+13055550123", "US-TX", "2026-12-01T14:00:00-05:00", Verdict.Allow, "US-FL+TX")]
    [InlineData("+12125550123", "US-HI", "2026-12-01T12:30:00-05:00", Verdict.Deny, "US")]
    [InlineData("+12125550123", "UK-SCT", "2026-12-01T14:00:00-05:00", Verdict.Allow, "US")]
    public void Region_BesideTheAreaOfTheNumber_AddsItsRulesAndZones(string number, string region, string time, Verdict verdict, string regime)
    {
        var decision = new Situation(number, time) { Region = region, Mode = DiallingMode.Manual }.Decide();
        Assert.Equal((verdict, regime), (decision.Verdict, decision.Rules!.Id));
    }

    [Fact]
    public void Hours_Closed_NamesTheNextPermittedMoment()
    {
        // Good Friday to Easter Monday 2025; Tuesday opens at nine.
        var decision = new Situation(Nl, "2025-04-18T14:00:00+02:00").Consent("2025-04-01", "2026-04-01").Decide();
        Assert.Equal(Verdict.Deny, decision.Verdict);
        Assert.Equal(Situation.At("2025-04-19T10:00:00+02:00"), decision.NextPermitted);
    }

    [Fact]
    public void Hours_ConsentExpiresBeforeTheyOpen_NamesNoMoment() =>
        Assert.Equal(0, new Situation(Nl, "2025-04-20T14:00:00+02:00").Consent("2025-04-01", "2025-04-21").Decide().NextPermitted);

    [Fact]
    public void Attempts_Full_NextMomentIsWhenTheOldestLeaves()
    {
        var situation = new Situation("+33610000101", "2025-03-14T11:00:00+01:00");
        foreach (var day in new[] { "03", "05", "07", "11" })
        {
            situation.Attempt($"2025-03-{day}T11:00:00+01:00");
        }

        var decision = situation.Decide();
        Assert.Equal(ReasonCode.TooManyAttempts, decision.Primary);
        Assert.Equal(Situation.At("2025-04-02T10:00:00+02:00"), decision.NextPermitted);
    }

    [Fact]
    public void Attempts_ThreeOnAnotherSubject_DoNotCountInFlorida()
    {
        var situation = new Situation("+13055550123", "2025-03-11T14:00:00-04:00") { Group = "energy", Mode = DiallingMode.Preview };
        foreach (var hour in new[] { "09", "10", "11" })
        {
            situation.Attempt($"2025-03-11T{hour}:00:00-04:00", "insurance");
        }

        Expect(situation, Verdict.Allow, ReasonCode.NothingForbids);
    }

    [Fact]
    public void Allow_ValidUntil_EndsWithTheFirstThingThatEnds()
    {
        Assert.Equal(Situation.At("2024-03-12T22:00:00+01:00"), new Situation(Nl, InNl2).Consent("2024-01-01", "2025-01-01").Decide().ValidUntil);
        Assert.Equal(Situation.At("2024-03-12T15:00:00+01:00"), new Situation(Nl, InNl2).Consent("2024-01-01", "2024-03-12T15:00:00+01:00").Decide().ValidUntil);
    }

    [Fact]
    public void Deny_SeveralReasons_LawComesFirst()
    {
        var decision = new Situation(Nl, "2024-03-17T14:00:00+01:00").Decide();
        Assert.Equal([ReasonCode.NoConsent, ReasonCode.OutsideHours], Enumerable.Range(0, decision.ReasonCount).Select(i => decision.ReasonAt(i).Code));
        Assert.Equal(Layer.Code, decision.ReasonAt(1).Text.Layer);
    }

    [Fact]
    public void Decide_AllowAndDeny_AllocatesNothing()
    {
        foreach (var situation in new[]
        {
            new Situation(Nl, InNl2).Consent("2024-01-01", "2025-01-01").Attempt("2024-02-01"),
            new Situation(Nl, InNl2).Objection("2024-01-01"),
            new Situation(Nl, InNl1).Registered("nl-bmnr", "2014-01-01"),
            new Situation("+33610000101", "2025-03-14T11:00:00+01:00"),
            new Situation("+18502345678", "2025-03-11T08:30:00-04:00"),
        })
        {
            var (rules, question, values, snapshots) = situation.Ready();
            Assert.Equal(0, Allocations.Of(() => Decider.Decide(rules, question, values, snapshots)));
        }
    }

    private static void Expect(Situation situation, Verdict verdict, ReasonCode reason)
    {
        var decision = situation.Decide();
        Assert.Equal((verdict, reason), (decision.Verdict, decision.Primary));
    }
}
