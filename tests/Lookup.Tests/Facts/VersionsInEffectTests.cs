using CsCheck;
using Lookup.Core;
using Lookup.Core.Facts;

namespace Lookup.Tests.Facts;

/// <summary>Which versions decide, where clocks differ and facts are recorded late.</summary>
public sealed class VersionsInEffectTests
{
    private const long Minute = 60_000;
    private const long Hour = 60 * Minute;
    private const long Noon = TimelineSamples.Noon;

    public static TheoryData<FactKind> AllKinds => [.. TimelineSamples.Kinds];

    [Theory]
    [MemberData(nameof(AllKinds))]
    public void TryFind_ForbiddenAhead_CountsNow(FactKind kind)
    {
        foreach (var ahead in new[] { 1, 4 * Minute, 24 * Hour, 800 * 24 * Hour })
        {
            var value = Value(kind, Permits(kind, Noon - (24 * Hour), Noon - Hour), Forbids(kind, Noon + ahead, Noon));
            Assert.True(IsForbidden(kind, value, Noon));
            // A clock that is behind decides alike.
            Assert.True(IsForbidden(kind, value, Noon - (10 * Minute)));
            Assert.True(IsForbidden(kind, Value(kind, Forbids(kind, Noon + ahead, Noon)), Noon));
        }
    }

    [Theory]
    [MemberData(nameof(AllKinds))]
    public void TryFind_NamedTime_ForbidsFromTheEarlierOfItsTimes(FactKind kind)
    {
        var value = Value(kind, Permits(kind, Noon - (24 * Hour), Noon - Hour), Forbids(kind, Noon + (24 * Hour), Noon));
        Assert.False(IsForbidden(kind, value, Noon - 1, isNamed: true));
        Assert.True(IsForbidden(kind, value, Noon, isNamed: true));
        value = Value(kind, Permits(kind, Noon - (24 * Hour), Noon - Hour), Forbids(kind, Noon - Hour, Noon));
        Assert.False(IsForbidden(kind, value, Noon - Hour - 1, isNamed: true));
        Assert.True(IsForbidden(kind, value, Noon - Hour, isNamed: true));
    }

    [Theory]
    [MemberData(nameof(AllKinds))]
    public void TryFind_PermittedAhead_DoesNotCount(FactKind kind)
    {
        foreach (var isNamed in new[] { false, true })
        {
            Assert.Equal(AsOf.Absent, Find(kind, Value(kind, Permits(kind, Noon + 1, Noon)), Noon, isNamed).Found);
            var value = Value(kind, Forbids(kind, Noon - Hour, Noon - Minute), Permits(kind, Noon + 1, Noon));
            Assert.True(IsForbidden(kind, value, Noon, isNamed));
            Assert.False(IsForbidden(kind, Value(kind, Forbids(kind, Noon - (2 * Hour), Noon - Hour), Permits(kind, Noon, Noon)), Noon, isNamed));
        }
    }

    [Theory]
    [MemberData(nameof(AllKinds))]
    public void TryFind_PermitWhoseClockWasAhead_StandsAtItsRecording(FactKind kind)
    {
        // Captured "at 12:04", recorded at 12:00; the fact that forbids came at 12:02 and was recorded long after.
        var value = Value(kind, Permits(kind, Noon + (4 * Minute), Noon), Forbids(kind, Noon + (2 * Minute), Noon + Hour));
        Assert.True(IsForbidden(kind, value, Noon + (2 * Hour)));
    }

    [Theory]
    [MemberData(nameof(AllKinds))]
    public void TryFind_ForbiddenByAClockBehind_StandsAtItsRecording(FactKind kind)
    {
        // "11:56", recorded at 12:00. What was captured in between does not replace it; what was captured later does.
        var late = Forbids(kind, Noon - (4 * Minute), Noon);
        Assert.True(IsForbidden(kind, Value(kind, late, Permits(kind, Noon - Minute, Noon + Hour)), Noon + Hour));
        Assert.False(IsForbidden(kind, Value(kind, late, Permits(kind, Noon + 1_000, Noon + Hour)), Noon + Hour));
        // Six minutes late is a fact of before.
        var older = Forbids(kind, Noon - (6 * Minute), Noon);
        Assert.False(IsForbidden(kind, Value(kind, older, Permits(kind, Noon - Minute, Noon + Hour)), Noon + Hour));
    }

    [Fact]
    public void TryFind_UndatedConsentOfAnEarlierVersion_PermitsButReplacesNothing()
    {
        var undated = Permits(FactKind.Consent, Noon + 500, Noon) with { Source = 3 };
        Assert.True(FactSource.IsImport(undated.Source));
        Assert.False(IsForbidden(FactKind.Consent, Value(FactKind.Consent, undated), Noon + Hour));
        var (found, _, standing) = Find(FactKind.Consent, Value(FactKind.Consent, undated), Noon + Hour, isNamed: false);
        Assert.Equal((AsOf.Found, 0), (found, standing));
        Assert.True(IsForbidden(FactKind.Consent, Value(FactKind.Consent, Forbids(FactKind.Consent, Noon - Hour, Noon - Hour), undated), Noon + Hour));
        // Recorded by a person or a form at the moment of capture: an ordinary consent.
        Assert.False(IsForbidden(
            FactKind.Consent, Value(FactKind.Consent, Forbids(FactKind.Consent, Noon - Hour, Noon - Hour), undated with { Source = 4 }), Noon + Hour));
    }

    [Fact]
    public void TryFind_RegistrationsThatDisagree_BlockTheOffersOfAll()
    {
        var all = new FactEntry { Effective = Noon - Hour, Recorded = Seconds(Noon - Hour) };
        var some = new FactEntry { Effective = Noon + (4 * Minute), Recorded = Seconds(Noon), Categories = 0b10 };
        var others = new FactEntry { Effective = Noon + Minute, Recorded = Seconds(Noon + Minute), Categories = 0b01 };
        Assert.Equal(0u, Find(FactKind.Registration, Value(FactKind.Registration, all, some), Noon + Minute, false).Entry.Categories);
        Assert.Equal(0b11u, Find(FactKind.Registration, Value(FactKind.Registration, some, others), Noon + Hour, false).Entry.Categories);
    }

    // A row per category, each with its own date: whatever was registered stays so until it is removed.
    [Fact]
    public void TryFind_LaterRegistrationOfLess_TakesNothingAway()
    {
        var all = Registered(0, 0);
        var one = Registered(1, 0b01);
        var other = Registered(2, 0b10);
        var removed = new FactEntry { Effective = Noon + (3 * Hour), Recorded = Seconds(Noon + (3 * Hour)), Withdrawn = true };
        var again = Registered(4, 0b10);
        Assert.Equal(0b11u, Categories(one, other));
        Assert.Equal(0b11u, Categories(other, one));
        Assert.Equal(0u, Categories(all, one, other));
        Assert.True(Find(FactKind.Registration, Value(FactKind.Registration, one, other, removed), Noon + (9 * Hour), true).Entry.Withdrawn);
        Assert.Equal(0b10u, Categories(all, one, removed, again));
        // A snapshot states all that the register has for the number.
        Assert.Equal(0b10u, Categories(all, one, other with { Marks = FactMarks.Snapshot }));
        Assert.Equal(0b11u, Categories(all, other with { Marks = FactMarks.Snapshot }, Registered(4, 0b01)));
        // As of an earlier time, only what was registered by then.
        Assert.Equal(0b01u, Find(FactKind.Registration, Value(FactKind.Registration, one, other), Noon + Hour, true).Entry.Categories);

        static FactEntry Registered(int hour, uint categories) =>
            new() { Effective = Noon + (hour * Hour), Recorded = Seconds(Noon + (9 * Hour)), Categories = categories };

        static uint Categories(params FactEntry[] entries)
        {
            var value = Value(FactKind.Registration, entries);
            Assert.Equal(AsOf.Found, VersionsInEffect.TryRegistered(value, Noon + (9 * Hour), out var registered));
            var (found, entry, _) = Find(FactKind.Registration, value, Noon + (9 * Hour), isNamed: true);
            Assert.Equal((AsOf.Found, false, registered), (found, entry.Withdrawn, entry.Categories));
            return registered;
        }
    }

    // The model: the registrations since the last removal or snapshot, together.
    [Fact]
    public void TryRegistered_AnyTimeline_IsWhatTheVersionsAddUpTo() =>
        Gen.Select(TimelineSamples.Entry.Array[1, 24], Gen.Int[-1, 13]).Sample((entries, hour) =>
        {
            var at = Noon + (hour * Hour);
            var value = TimelineSamples.Fold(FactKind.Registration, entries);
            var versions = TimelineSamples.ReadAll(FactKind.Registration, value, out var cut);
            var found = VersionsInEffect.TryRegistered(value, at, out var categories);
            var before = versions.Where(version => version.Effective <= at).ToArray();
            var last = Array.FindIndex(before, version => version.Withdrawn || (version.Marks & FactMarks.Snapshot) != 0);
            var counting = last < 0 ? before : [.. before[..(last + 1)].Where(version => !version.Withdrawn)];
            if (cut && before.Length > 0 && (last < 0 || last == before.Length - 1))
            {
                Assert.Equal((before.Length == 1 ? AsOf.Cut : AsOf.Found, 0u), (found, categories));
            }
            else
            {
                Assert.Equal(counting.Length > 0 ? AsOf.Found : AsOf.Absent, found);
                Assert.Equal(counting.Any(version => version.Categories == 0) ? 0 : counting.Aggregate(0u, (sum, version) => sum | version.Categories), categories);
            }
        });

    [Fact]
    public void TryFind_SubscriberAhead_ProtectsEarly()
    {
        var legal = Subscriber(SubscriberType.LegalPerson, Noon - Hour);
        Assert.Equal(SubscriberType.LegalPerson, TypeOf(legal));
        Assert.Equal(SubscriberType.SoleTrader, TypeOf(legal, Subscriber(SubscriberType.SoleTrader, Noon + Minute)));
        Assert.Equal(SubscriberType.Consumer, TypeOf(legal, Subscriber(SubscriberType.Consumer, Noon + Hour)));
        Assert.Equal(SubscriberType.Unknown, TypeOf(legal, Subscriber(SubscriberType.Unknown, Noon + Minute) with { Withdrawn = true }));
        Assert.Equal(
            SubscriberType.Consumer,
            TypeOf(Subscriber(SubscriberType.Consumer, Noon - Hour), Subscriber(SubscriberType.Unknown, Noon + Minute) with { Withdrawn = true }));

        static SubscriberType TypeOf(params FactEntry[] entries) =>
            Find(FactKind.Subscriber, Value(FactKind.Subscriber, entries), Noon, isNamed: false).Entry.Subscriber;

        static FactEntry Subscriber(SubscriberType type, long at) => new() { Effective = at, Recorded = Seconds(Noon), Subscriber = type };
    }

    [Fact]
    public void TryFind_CutHistory_NeverPermitsByWhatIsLeft()
    {
        // Nine versions or more: what lay between the last two kept is gone, and may have forbidden.
        var entries = Enumerable.Range(0, 9).Select(i => Permits(FactKind.Consent, Noon + (i * Hour), Noon + (i * Hour))).ToArray();
        var value = Value(FactKind.Consent, entries);
        Assert.Equal(AsOf.Found, Find(FactKind.Consent, value, Noon + (9 * Hour), false).Found);
        Assert.Equal(AsOf.Cut, Find(FactKind.Consent, value, Noon + Hour, true).Found);
        Assert.Equal(AsOf.Absent, Find(FactKind.Consent, value, Noon - 1, true).Found);
        // The cut versions may have been recorded up to five minutes after their times.
        var dense = Enumerable.Range(0, 9).Select(i => Permits(FactKind.Consent, Noon + (i * 10_000), Noon + (i * 10_000))).ToArray();
        Assert.Equal(AsOf.Cut, Find(FactKind.Consent, Value(FactKind.Consent, dense), Noon + Hour, false).Found);
        Assert.True(IsForbidden(
            FactKind.Consent, Value(FactKind.Consent, [.. dense, Forbids(FactKind.Consent, Noon + (2 * Minute), Noon + (2 * Minute))]), Noon + Hour));
    }

    private sealed record Step(bool Forbids, int WaitSeconds, int StatedOffsetSeconds, bool Stated, int RecordedLaterSeconds);

    private static readonly Gen<Step> GenStep = Gen.Select(
        Gen.Bool, Gen.Int[1, 200], Gen.Int[-290, 290], Gen.Bool, Gen.OneOf(Gen.Const(0), Gen.Int[0, 290], Gen.Int[0, 100_000]),
        (forbids, wait, offset, stated, later) => new Step(forbids, wait, offset, stated, later));

    // Callers' clocks are wrong by up to five minutes, those of deciding instances too. What permits comes at any time after
    // it was captured. A version that forbids holds from its acknowledgement until one is captured after it.
    [Fact]
    public void TryFind_AfterAForbiddingFactWasAcknowledged_ForbidsUntilALaterPermit() =>
        Gen.Select(TimelineSamples.Kind, GenStep.Array[1, 10], Gen.Int[-300, 300].Array[10]).Sample(
            (kind, steps, shifts) =>
            {
                byte[] value = [];
                var (now, acknowledged, captured) = (Noon, long.MinValue, long.MinValue);
                for (var i = 0; i < steps.Length; i++)
                {
                    var step = steps[i];
                    now += step.WaitSeconds * 1_000;
                    if (step.Forbids)
                    {
                        var effective = step.Stated ? now + (step.StatedOffsetSeconds * 1_000) : now;
                        var known = Timeline.TryAt(kind, value, effective, out var same) && VersionsInEffect.Forbids(kind, same);
                        value = Timeline.Merge(kind, value, Timeline.Single(kind, Forbids(kind, effective, now)));
                        // The same fact again is acknowledged as known.
                        acknowledged = known ? acknowledged : now;
                    }
                    else
                    {
                        // Stated by a clock that is wrong, or imported long after it was captured.
                        var stated = step.RecordedLaterSeconds == 0 ? now + (step.StatedOffsetSeconds * 1_000) : now - (step.RecordedLaterSeconds * 1_000);
                        value = Timeline.Merge(kind, value, Timeline.Single(kind, Permits(kind, stated, now)));
                        captured = Math.Max(captured, Math.Min(stated, now));
                    }

                    if (acknowledged != long.MinValue && acknowledged >= captured)
                    {
                        var called = now + (shifts[i] * 1_000);
                        Assert.NotEqual(AsOf.Absent, Find(kind, value, called, false).Found);
                        Assert.True(IsForbidden(kind, value, called) || Find(kind, value, called, false).Found == AsOf.Cut);
                    }
                }
            },
            iter: 50_000);

    [Fact]
    public void Mark_AnyTimeline_MarksWhatDecides() =>
        Gen.Select(TimelineSamples.Kind, GenStep.Array[1, 7], Gen.Int[-3_000, 3_000]).Sample(
            (kind, steps, called) =>
            {
                var entries = steps.Select((step, i) => step.Forbids
                    ? Forbids(kind, Noon + (i * Minute) + (step.StatedOffsetSeconds * 1_000), Noon + (i * Minute))
                    : Permits(kind, Noon + (i * Minute) + (step.StatedOffsetSeconds * 1_000), Noon + (i * Minute))).ToArray();
                var value = Value(kind, entries);
                var all = new FactEntry[Timeline.MaxEntries];
                var count = Timeline.Read(kind, value, all, out _);
                var marks = new bool[count];
                var moment = new CallMoment(Noon + (called * 1_000), false);
                VersionsInEffect.Mark(kind, all.AsSpan(0, count), moment, marks);
                var found = VersionsInEffect.TryFind(kind, value, moment, out var entry, out _);
                Assert.Equal(found == AsOf.Found, marks.Contains(true));
                if (found == AsOf.Found && kind != FactKind.Subscriber)
                {
                    Assert.Equal(VersionsInEffect.Forbids(kind, entry), VersionsInEffect.Forbids(kind, all[Array.IndexOf(marks, true)]));
                }
            });

    private static FactEntry Forbids(FactKind kind, long effective, long recorded) => kind == FactKind.Subscriber
        ? new FactEntry { Effective = effective, Recorded = Seconds(recorded), Subscriber = SubscriberType.Consumer }
        : new FactEntry { Effective = effective, Recorded = Seconds(recorded), Withdrawn = IsPermission(kind) };

    private static FactEntry Permits(FactKind kind, long effective, long recorded) => kind == FactKind.Subscriber
        ? new FactEntry { Effective = effective, Recorded = Seconds(recorded), Subscriber = SubscriberType.LegalPerson }
        : new FactEntry { Effective = effective, Recorded = Seconds(recorded), Withdrawn = !IsPermission(kind) };

    private static bool IsPermission(FactKind kind) => kind is FactKind.Consent or FactKind.Relation or FactKind.PublishedForOffers;

    private static uint Seconds(long milliseconds) => (uint)(milliseconds / 1_000);

    private static byte[] Value(FactKind kind, params FactEntry[] entries)
    {
        byte[] value = [];
        foreach (var entry in entries)
        {
            value = Timeline.Merge(kind, value, Timeline.Single(kind, entry));
        }

        return value;
    }

    private static bool IsForbidden(FactKind kind, byte[] value, long at, bool isNamed = false)
    {
        var (found, entry, _) = Find(kind, value, at, isNamed);
        return found == AsOf.Found && VersionsInEffect.Forbids(kind, entry);
    }

    private static (AsOf Found, FactEntry Entry, long Standing) Find(FactKind kind, byte[] value, long at, bool isNamed)
    {
        var found = VersionsInEffect.TryFind(kind, value, new CallMoment(at, isNamed), out var entry, out var standing);
        return (found, entry, standing);
    }
}
