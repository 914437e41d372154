using Lookup.Testing.Regimes;
using CsCheck;
using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;

namespace Lookup.Tests.Decisions;

/// <summary>Two versions of the regimes on one set of facts.</summary>
public sealed class VersionTests
{
    // Other places of registers, other facts asked, other hours and caps, a country that is gone.
    private static readonly RegimeSet Next = new RegimeVariant()
        .Change("uk.json", uk => uk["registers"]!.AsArray().Reverse())
        .Remove("us.json", "US", "register")
        .Add("nl.json", "NL-1", RegimeVariant.Attempts(1))
        .Add("nl.json", "NL-2", RegimeVariant.Register("nl-bmnr"))
        .Hours("nl.json", "NL-2", "12:00-14:00")
        .Change("fr.json", "FR-1", "attempts", rule => rule["max"] = 1)
        .Remove("de.json", "DE", "attempts")
        .Without("it.json")
        .Set();

    [Fact]
    public void Carry_AnyFactsAndBothWays_DecidesAsIfReadForTheOtherVersion()
    {
        var (differed, missed) = (0, 0);
        DeciderPropertyTests.GenSituation.Sample(
            make =>
            {
                var situation = make();
                foreach (var (from, to) in (ReadOnlySpan<(RegimeSet, RegimeSet)>)[(RegimeSet.BuiltIn, Next), (Next, RegimeSet.BuiltIn)])
                {
                    var (rules, question, values, _) = situation.Ready(from);
                    var (toRules, _, toValues, toSnapshots) = situation.Ready(to);
                    var carried = new StoredValue[Decider.Slots];
                    if (toRules is not null)
                    {
                        var ids = new FactId[Decider.Slots];
                        var slots = new byte[Decider.Slots];
                        var missing = Decider.Carry(rules, toRules, question, values, carried, ids, slots);
                        for (var i = 0; i < missing; i++)
                        {
                            // What was read needs not be read again.
                            Assert.True(carried[slots[i]].IsNull);
                            carried[slots[i]] = toValues[slots[i]];
                            missed += toValues[slots[i]].IsNull ? 0 : 1;
                        }
                    }

                    var direct = Decider.Decide(toRules, question, toValues, toSnapshots);
                    var other = Decider.Decide(toRules, question, carried, toSnapshots);
                    Assert.Null(DecisionChange.Between(direct, other));
                    Assert.Equal((direct.Primary, direct.ValidUntil, direct.NextPermitted), (other.Primary, other.ValidUntil, other.NextPermitted));
                    differed += DecisionChange.Between(situation.Decide(from), direct) is null ? 0 : 1;
                }
            },
            iter: 20_000,
            threads: 1);
        Assert.True(differed > 100, $"{differed} differed");
        Assert.True(missed > 100, $"{missed} were missing");
    }

    [Fact]
    public void For_RegistersOfOtherRegimes_GivesTheirSnapshots()
    {
        var place = RegimeSet.BuiltIn.Registers.Single(r => r.Name == "uk-tps").Index;
        var other = Next.Registers.Single(r => r.Name == "uk-tps").Index;
        Assert.NotEqual(place, other);
        var snapshots = new RegisterSnapshots(RegimeSet.BuiltIn, new Dictionary<string, long[]> { ["uk-tps"] = [5] });
        Assert.True(snapshots.For(Next).TryNewest(other, 5, out var date));
        Assert.Equal(5, date);
        Assert.False(snapshots.For(Next).TryNewest(place, 5, out _));
    }

    [Theory]
    [InlineData(Verdict.Allow, "Consent", Verdict.Allow, "Consent", null)]
    [InlineData(Verdict.Deny, "NoConsent OutsideHours", Verdict.Deny, "OutsideHours NoConsent", null)]
    [InlineData(Verdict.Allow, "Consent", Verdict.Deny, "OutsideHours", "OutsideHours came")]
    [InlineData(Verdict.Deny, "OutsideHours", Verdict.Allow, "Consent", "OutsideHours went")]
    [InlineData(Verdict.Deny, "NoConsent", Verdict.Deny, "NoConsent OutsideHours", "OutsideHours came")]
    [InlineData(Verdict.Deny, "NoConsent OutsideHours", Verdict.Deny, "NoConsent", "OutsideHours went")]
    [InlineData(Verdict.Allow, "NothingForbids", Verdict.Allow, "Consent", "Consent came")]
    [InlineData(Verdict.Deny, "OutsideHours", Verdict.Unknown, "HistoryCut", "OutsideHours went")]
    [InlineData(Verdict.Deny, "OutsideHours", Verdict.NotCovered, "NoRegime", "NoRegime came")]
    [InlineData(Verdict.NotCovered, "NoRegime", Verdict.Allow, "NothingForbids", "NoRegime went")]
    [InlineData(Verdict.NotCovered, "RegisterNotLoaded", Verdict.Deny, "Registered OutsideHours", "Registered came")]
    public void Between_TwoDecisions_NamesTheReasonThatTellsThemApart(
        Verdict from, string fromReasons, Verdict to, string toReasons, string? expected)
    {
        var change = DecisionChange.Between(Make(from, fromReasons), Make(to, toReasons));
        Assert.Equal(expected, change is { } c ? $"{c.Reason.Code} {(c.Added ? "came" : "went")}" : null);
        if (change is { } found)
        {
            Assert.Equal((from, to), (found.From, found.To));
        }
    }

    [Theory]
    [InlineData("none", false)]
    [InlineData("begin", true)]
    [InlineData("end", false)]
    public void CheckCategories_RegisterWithCategories_MustKeepTheirPlaces(string change, bool isFault)
    {
        var next = new RegimeVariant().Change("nl.json", nl =>
        {
            var categories = nl["registers"]![0]!["categories"]!.AsArray();
            if (change == "begin")
            {
                categories.Insert(0, "another");
            }
            else if (change == "end")
            {
                categories.Add("another");
            }
        }).Set();
        if (!isFault)
        {
            next.CheckCategories(RegimeSet.BuiltIn);
            return;
        }

        var fault = Assert.Single(Assert.Throws<RegimeException>(() => next.CheckCategories(RegimeSet.BuiltIn)).Faults);
        Assert.StartsWith("registers: the categories of \"nl-bmnr\" must begin with ", fault, StringComparison.Ordinal);
    }

    private static Decision Make(Verdict verdict, string reasons)
    {
        var decision = new Decision { Verdict = verdict };
        foreach (var reason in reasons.Split(' '))
        {
            decision.Add(Enum.Parse<ReasonCode>(reason), new RuleText(Layer.Law, "test", reason));
        }

        return decision;
    }
}
