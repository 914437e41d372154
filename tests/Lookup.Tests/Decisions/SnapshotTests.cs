using CsCheck;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;

namespace Lookup.Tests.Decisions;

/// <summary>Registers as snapshots: too old, and changed by a newer one.</summary>
public class SnapshotTests
{
    private const string Old = "2015-03-01";
    private const string New = "2015-03-20";

    // Number, register, call time on a working afternoon, and the age in days up to which the register may be used.
    public static TheoryData<string, string, string, int> Regimes => new()
    {
        { "+31612345678", "nl-bmnr", "2015-03-24T14:00:00Z", 28 },
        { "+442071234567", "uk-tps", "2024-03-12T14:00:00Z", 28 },
        { "+12125550123", "us-dnc", "2024-03-12T17:00:00Z", 31 },
    };

    [Theory]
    [MemberData(nameof(Regimes))]
    public void Register_OlderThanTheRegimeAllows_IsStaleAndNotAllowed(string number, string register, string callTime, int days)
    {
        var situation = new Situation(number, callTime);
        var decisions = Enumerable.Range(days - 2, 6)
            .Select(age => situation.Snapshot(register, DateTimeOffset.Parse(callTime, null).AddDays(-age).ToString("o")).Decide())
            .ToArray();

        Assert.Equal(
            [Verdict.Allow, Verdict.Allow, Verdict.Allow, Verdict.Deny, Verdict.Deny, Verdict.Deny], decisions.Select(d => d.Verdict));
        Assert.All(decisions[3..], d => Assert.Equal(ReasonCode.RegisterStale, d.Primary));
        Assert.Equal(ReasonCode.RegisterStale, situation.Snapshot(register, "2010-01-01").Decide().Primary);
    }

    [Theory]
    [MemberData(nameof(Regimes))]
    public void Register_NoSnapshotLoaded_IsNotCovered(string number, string register, string callTime, int days)
    {
        var decision = new Situation(number, callTime).Snapshot(register, "").Decide();
        Assert.Equal((Verdict.NotCovered, ReasonCode.RegisterNotLoaded), (decision.Verdict, decision.Primary));
        Assert.True(days > 0);
    }

    // Only a consent newer than the entry lifts these registers, and an entry that no snapshot showed yet may be newer.
    [Theory]
    [InlineData("+32470123456", "be-dncm", "2026-10-01")]
    [InlineData("+32470123456", "be-dncm", "")]
    [InlineData("+27821234567", "za-optout", "2026-10-01")]
    [InlineData("+27821234567", "za-optout", "")]
    public void Consent_WhereItMustBeNewerThanTheEntry_LiftsNoStaleRegister(string number, string register, string snapshot)
    {
        var situation = new Situation(number, "2026-11-24T12:00:00Z").Consent("2026-11-10").Snapshot(register, snapshot);
        Assert.Equal(snapshot.Length == 0 ? ReasonCode.RegisterNotLoaded : ReasonCode.RegisterStale, situation.Decide().Primary);
        Assert.Equal(Verdict.Allow, situation.Snapshot(register, "2026-11-20").Decide().Verdict);
        Assert.Equal(Verdict.Allow, situation.Registered(register, "2026-11-01").Decide().Verdict);
    }

    [Fact]
    public void Removal_BeforeItsSnapshotIsLoaded_DoesNotCount()
    {
        var situation = Nl().Registered("nl-bmnr", "2014-01-01");
        FromSnapshot(situation, New, withdrawn: true);
        Assert.Equal(ReasonCode.Registered, situation.Snapshot("nl-bmnr", Old).Decide().Primary);
        Assert.Equal(Verdict.Allow, situation.Snapshot("nl-bmnr", New).Decide().Verdict);
        Assert.Equal(Verdict.Allow, situation.Snapshot("nl-bmnr", "2015-03-21").Decide().Verdict);
    }

    [Fact]
    public void Removal_ByHand_CountsAtOnce()
    {
        var situation = Nl().Registered("nl-bmnr", "2014-01-01").Snapshot("nl-bmnr", Old);
        situation.Record(FactKind.Registration, 0, Scope.FromName("nl-bmnr"), new FactEntry { Effective = Situation.At(New), Withdrawn = true });
        Assert.Equal(Verdict.Allow, situation.Decide().Verdict);
    }

    [Fact]
    public void Addition_BeforeItsSnapshotIsLoaded_ForbidsWithoutGrace()
    {
        var situation = new Situation("+442071234567", "2024-03-12T14:00:00Z");
        situation.Record(
            FactKind.Registration, 0, Scope.FromName("uk-tps"), new FactEntry { Effective = Situation.At("2024-03-10"), Marks = FactMarks.Snapshot });
        var decision = situation.Snapshot("uk-tps", "2024-03-01").Decide();
        Assert.Equal((Verdict.Deny, ReasonCode.Registered), (decision.Verdict, decision.Primary));

        var known = new Situation("+442071234567", "2024-03-12T14:00:00Z").Registered("uk-tps", "2024-03-10");
        Assert.Equal(Verdict.Allow, known.Decide().Verdict);
    }

    [Fact]
    public void OtherCategories_BeforeTheirSnapshotIsLoaded_AreAddedToThoseOfBefore()
    {
        var categories = RegimeSet.BuiltIn.Registers.Single(r => r.Name == "nl-bmnr");
        var energy = categories.OfferMask(Purpose.Commercial, categories.Categories[0]);
        var other = categories.OfferMask(Purpose.Commercial, categories.Categories[1]);
        var situation = Nl().Registered("nl-bmnr", "2014-01-01", energy);
        FromSnapshot(situation, New, categories: other);

        Assert.Equal((true, true), Blocked(Old));
        Assert.Equal((false, true), Blocked(New));

        (bool, bool) Blocked(string loaded)
        {
            situation.Snapshot("nl-bmnr", loaded);
            situation.Group = categories.Categories[0];
            var first = situation.Decide().Primary == ReasonCode.Registered;
            situation.Group = categories.Categories[1];
            return (first, situation.Decide().Primary == ReasonCode.Registered);
        }
    }

    // Whatever a load that was broken off left behind: who was forbidden before it is forbidden still.
    [Fact]
    public void BrokenOffLoad_AnyEntries_NeverPermitsWhatWasForbidden() =>
        Gen.Select(Entries(1, 15, snapshot: false), Entries(16, 23, snapshot: true), Gen.Int[0, 15]).Sample((before, pending, loaded) =>
        {
            var date = $"2015-03-{Math.Max(loaded, 1):00}";
            var old = Nl().Snapshot("nl-bmnr", date);
            var now = Nl().Snapshot("nl-bmnr", date);
            foreach (var entry in before)
            {
                old.Record(FactKind.Registration, 0, Scope.FromName("nl-bmnr"), entry);
                now.Record(FactKind.Registration, 0, Scope.FromName("nl-bmnr"), entry);
            }

            foreach (var entry in pending)
            {
                now.Record(FactKind.Registration, 0, Scope.FromName("nl-bmnr"), entry);
            }

            foreach (var group in new[] { "", RegimeSet.BuiltIn.Registers.Single(r => r.Name == "nl-bmnr").Categories[0] })
            {
                (old.Group, now.Group) = (group, group);
                if (old.Decide().Verdict != Verdict.Allow)
                {
                    Assert.NotEqual(Verdict.Allow, now.Decide().Verdict);
                }
            }
        });

    private static Gen<FactEntry[]> Entries(int from, int to, bool snapshot) =>
        Gen.Select(Gen.Int[from, to], Gen.Bool, Gen.UInt[0, 3]).Select((day, withdrawn, categories) => new FactEntry
        {
            Effective = Situation.At($"2015-03-{day:00}"),
            Withdrawn = withdrawn,
            Categories = withdrawn ? 0 : categories,
            Marks = snapshot ? FactMarks.Snapshot : 0,
        }).Array[0, 6];

    private static Situation Nl() => new("+31612345678", "2015-03-24T14:00:00Z");

    private static void FromSnapshot(Situation situation, string date, bool withdrawn = false, uint categories = 0) => situation.Record(
        FactKind.Registration,
        0,
        Scope.FromName("nl-bmnr"),
        new FactEntry { Effective = Situation.At(date), Withdrawn = withdrawn, Categories = categories, Marks = FactMarks.Snapshot });
}
