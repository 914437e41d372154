using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;

namespace Lookup.Tests.Decisions;

/// <summary>The text under a verdict explains that verdict.</summary>
public sealed class ReasonTextTests
{
    private const string Nl = "+31612345678";
    private const string At = "2024-03-12T14:00:00+01:00";

    public static TheoryData<string> Numbers => ["+31612345678", "+33612345678", "+4915112345678", "+34612345678", "+390612345678", "+32470123456", "+442071234567", "+12125550123", "+12035550123"];

    [Fact]
    public void LegalPersonThatNoConsentRuleProtects_IsToldWhyItMayBeCalled()
    {
        var (code, text) = ReasonOf(new Situation(Nl, At) { Subscriber = SubscriberType.LegalPerson }, Verdict.Allow);
        Assert.Equal(ReasonCode.LegalPerson, code);
        Assert.Equal("The consent rule does not protect legal persons. The subscriber is a legal person, and nothing on record forbids the call.", text.Text);
        Assert.Equal((Layer.Law, "Tw 11.7(2)"), (text.Layer, text.Article));
        Assert.Empty(text.Local);
    }

    // The rule on offers of papers, and those of policy, concern other offers or bind less.
    [Theory]
    [InlineData("+33612345678", "2026-11-24T11:00:00+01:00", "C. conso. L223-1 new")]
    [InlineData("+4520123456", "2026-11-24T11:00:00+01:00", "FAL 4")]
    public void LegalPerson_IsToldTheMostBindingRuleAboutTheOffer(string number, string at, string article)
    {
        var (code, text) = ReasonOf(new Situation(number, at) { Subscriber = SubscriberType.LegalPerson }, Verdict.Allow);
        Assert.Equal((ReasonCode.LegalPerson, Layer.Law), (code, text.Layer));
        Assert.StartsWith(article, text.Article, StringComparison.Ordinal);
    }

    [Fact]
    public void RegistrationThatAConsentLiftsInAnotherForm_SaysSo()
    {
        Situation Registered() => new Situation("+12125550123", "2026-12-01T14:00:00-05:00").Registered("us-dnc", "2020-01-01");

        var decision = Registered().Consent("2026-06-01").Decide();

        Assert.Equal((Verdict.Deny, ReasonCode.Registered, 2), (decision.Verdict, decision.Primary, decision.ReasonCount));
        var (code, text) = decision.ReasonAt(1);
        Assert.Equal((ReasonCode.ConsentFormInsufficient, Layer.Policy, "The form of the consent must be stated, and it must be signed."), (code, text.Layer, text.Text));
        Assert.Equal(1, Registered().Decide().ReasonCount);
        Assert.Equal(Verdict.Allow, Registered().Consent("2026-06-01", form: ConsentForm.Signed).Decide().Verdict);
    }

    [Fact]
    public void OptionalRegisterThatIsNotLoaded_IsNamedByTheAllow()
    {
        var situation = new Situation("+12145550123", "2026-12-01T14:00:00-06:00") { Mode = DiallingMode.Manual };
        Assert.Equal((Verdict.Allow, 1), (situation.Decide().Verdict, situation.Decide().ReasonCount));

        var decision = situation.Snapshot("us-tx-dnc", "").Decide();

        Assert.Equal((Verdict.Allow, ReasonCode.NothingForbids, 2), (decision.Verdict, decision.Primary, decision.ReasonCount));
        var (code, text) = decision.ReasonAt(1);
        Assert.Equal((ReasonCode.RegisterNotLoaded, Layer.Strict), (code, text.Layer));
        Assert.Contains("us-tx-dnc", text.Text, StringComparison.Ordinal);
        situation.Layers |= Layers.Strict;
        Assert.Equal(Verdict.NotCovered, situation.Decide().Verdict);
    }

    [Fact]
    public void ConsentThatDoesNotCount_SaysWhatIsWrongWithIt()
    {
        Expect(new Situation(Nl, At).Consent("2024-01-01").Consent("2024-02-01", withdrawn: true), ReasonCode.ConsentWithdrawn, "it was withdrawn");
        Expect(new Situation(Nl, At).Consent("2024-01-01", until: "2024-02-01"), ReasonCode.ConsentExpired, "it had expired");
        Expect(new Situation(Nl, At).Consent("2024-01-01", evidence: false), ReasonCode.ConsentWithoutEvidence, "without evidence");
        Expect(new Situation(Nl, At).Relation(RelationKind.Customer, "2022-01-01", marks: FactMarks.ObtainedAtSale), ReasonCode.RelationConditionMissing, "does not meet a condition");
    }

    [Fact]
    public void RegisterThatIsNotLoaded_IsNamed()
    {
        var (code, text) = ReasonOf(new Situation(Nl, "2015-03-10T14:00:00+01:00").Snapshot("nl-bmnr", ""), Verdict.NotCovered);
        Assert.Equal(ReasonCode.RegisterNotLoaded, code);
        Assert.StartsWith("No snapshot of the register nl-bmnr is loaded for the call time", text.Text, StringComparison.Ordinal);
    }

    // A permit in its own words would seem to permit what the verdict forbids.
    [Theory]
    [MemberData(nameof(Numbers))]
    public void EveryRule_HasATextForEachReasonThatItsOwnWordsDoNotExplain(string number)
    {
        Assert.True(PhoneNumber.TryParse(number, out var parsed, out _));
        var rules = RegimeSet.BuiltIn.Find(parsed, Situation.At("2026-11-30"))!.All;
        Assert.NotEmpty(rules);
        foreach (var rule in rules)
        {
            foreach (var permit in rule.Unless)
            {
                ReasonCode[] codes = permit.By switch
                {
                    PermitBy.Consent => [ReasonCode.ConsentWithdrawn, ReasonCode.ConsentExpired, ReasonCode.ConsentWithoutEvidence, ReasonCode.ConsentNotInLedger],
                    PermitBy.Relation => [ReasonCode.RelationEnded, ReasonCode.RelationConditionMissing, ReasonCode.RelationNotForSector],
                    _ => [],
                };
                Assert.All(codes, code => Assert.NotEqual(permit.Text.Text, permit.Text.Explaining(code).Text));
            }

            if (rule.Type == RuleType.Permission)
            {
                Assert.NotEqual(rule.Text.Text, rule.Text.Explaining(ReasonCode.LegalPerson).Text);
            }

            if (rule.Type == RuleType.Register)
            {
                Assert.NotEqual(rule.Text.Text, (rule.SnapshotText ?? rule.Text).Explaining(ReasonCode.RegisterNotLoaded).Text);
            }
        }
    }

    [Fact]
    public void Explanation_QuotesTheLawInTheLanguageOfTheCountry()
    {
        var (rules, question, values, snapshots) = new Situation(Nl, At).Ready();
        var explanation = Decider.Explain(rules, question, values, snapshots);
        Assert.StartsWith("Een natuurlijke persoon", explanation.Decision.ReasonAt(0).Text.Local["nl"], StringComparison.Ordinal);
        Assert.Contains("\n  nl: Een natuurlijke persoon", explanation.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("+33612345678", "2026-03-12T14:00:00+01:00", "a call at Thu 2026-03-12 14:00 +01:00 (Europe/Paris) under FR-1")]
    [InlineData("+12125550123", "2026-07-12T18:00:01Z", "a call at Sun 2026-07-12 14:00:01 -04:00 (America/New_York) under US")]
    public void Explanation_TellsTimesInTheZoneOfTheCalledNumber(string number, string at, string expected)
    {
        var (rules, question, values, snapshots) = new Situation(number, at).Objection("2026-01-02T03:04:00Z").Ready();
        var explanation = Decider.Explain(rules, question, values, snapshots);
        Assert.Contains(expected, explanation.Text, StringComparison.Ordinal);
        Assert.Contains(explanation.Steps, step => step.Detail.StartsWith("Objected on ", StringComparison.Ordinal) && step.Detail.Contains(" 2026-01-0", StringComparison.Ordinal) && step.Detail.EndsWith($"({rules!.TimeZone}).", StringComparison.Ordinal));
    }

    [Fact]
    public void Explanation_NamesTheRegisterTheConsentAndTheAttemptsBehindIt()
    {
        var us = new Situation("+12125550123", "2026-03-12T14:00:00-04:00").Snapshot("us-dnc", "2026-03-05T00:00:00-05:00");
        Assert.Contains("Not on us-dnc as of 2026-03-05 (7 days old, at most 31 allowed).", Details(us, "register"));
        us.Snapshot("us-dnc", "2026-01-05T00:00:00-05:00");
        Assert.Contains("The snapshot is too old: us-dnc as of 2026-01-05 (66 days old, at most 31 allowed).", Details(us, "register"));
        us.Snapshot("us-dnc", "");
        Assert.Contains("No snapshot of us-dnc is loaded for this time.", Details(us, "register"));
        us.Registered("us-dnc", "2026-01-02T05:00:00Z");
        Assert.Contains("On us-dnc since Fri 2026-01-02 00:00 -05:00 (America/New_York).", Details(us, "register"));

        var consented = new Situation(Nl, At).Consent("2024-03-01T09:00:00Z", until: "2025-02-28T23:00:00Z");
        const string Consent = "Consent of Fri 2024-03-01 10:00 +01:00 (Europe/Amsterdam), until Sat 2025-03-01 00:00 +01:00 (Europe/Amsterdam), with evidence.";
        Assert.Equal([Consent], Details(consented, "permission"));
        consented.CallTime = Situation.At("2025-03-02T14:00:00+01:00");
        Assert.Equal([Consent + " It does not count."], Details(consented, "permission"));

        var called = new Situation("+33612345678", "2026-03-12T14:00:00+01:00").Attempt("2026-03-10T14:00:00+01:00").Attempt("2026-03-12T09:00:00+01:00");
        called.Own = OwnRules.Create([new AttemptCap(3, 24, 0, true)], 0);
        Assert.Equal(["2 of 4 attempts on the day of the call and the 29 days before it.", "1 of 3 attempts in the 24 hours before the call, for this product group."], Details(called, "attempts"));
    }

    private static IEnumerable<string> Details(Situation situation, string rule)
    {
        var (rules, question, values, snapshots) = situation.Ready();
        return Decider.Explain(rules, question, values, snapshots).Steps.Where(step => step.Rule == rule).Select(step => step.Detail);
    }

    private static void Expect(Situation situation, ReasonCode code, string words)
    {
        var reason = ReasonOf(situation, Verdict.Deny);
        Assert.Equal(code, reason.Code);
        Assert.Contains(words, reason.Text.Text, StringComparison.Ordinal);
    }

    private static Reason ReasonOf(Situation situation, Verdict verdict)
    {
        var decision = situation.Decide();
        Assert.Equal(verdict, decision.Verdict);
        return decision.ReasonAt(0);
    }
}
