using CsCheck;
using Lookup.Core;
using Lookup.Core.Facts;
using static Lookup.Tests.Facts.TimelineSamples;

namespace Lookup.Tests.Facts;

public class TimelineLatticeTests
{
    private static readonly Gen<FactEntry[]> Entries = Entry.Array[1, 24];

    [Fact]
    public void Merge_TwoTimelines_Commutes() =>
        Gen.Select(Kind, Entries, Entries).Sample((kind, a, b) =>
        {
            var (x, y) = (Fold(kind, a), Fold(kind, b));
            Assert.Equal(Timeline.Merge(kind, x, y), Timeline.Merge(kind, y, x));
        });

    [Fact]
    public void Merge_ThreeTimelines_Associates() =>
        Gen.Select(Kind, Entries, Entries, Entries).Sample((kind, a, b, c) =>
        {
            var (x, y, z) = (Fold(kind, a), Fold(kind, b), Fold(kind, c));
            Assert.Equal(
                Timeline.Merge(kind, Timeline.Merge(kind, x, y), z),
                Timeline.Merge(kind, x, Timeline.Merge(kind, y, z)));
        });

    [Fact]
    public void Merge_WithItselfOrWhatItContains_ChangesNothing() =>
        Gen.Select(Kind, Entries).Sample((kind, entries) =>
        {
            var value = Fold(kind, entries);
            Assert.Equal(value, Timeline.Merge(kind, value, value));
            Assert.All(entries, entry => Assert.Equal(value, Timeline.Merge(kind, value, Timeline.Single(kind, entry))));
        });

    [Fact]
    public void Merge_AnyOrderGroupingAndRepetition_EndsInTheSameBytes() =>
        Gen.Select(Kind, Entries, Gen.Int).Sample((kind, entries, seed) =>
        {
            var expected = Fold(kind, entries);
            var random = new Random(seed);
            var parts = entries.Concat(random.GetItems(entries, entries.Length))
                .Select(entry => Timeline.Single(kind, entry))
                .ToList();
            while (parts.Count > 1)
            {
                var (a, b) = (random.Next(parts.Count), random.Next(parts.Count));
                if (a == b)
                {
                    continue;
                }

                parts[a] = Timeline.Merge(kind, parts[a], parts[b]);
                parts.RemoveAt(b);
            }

            Assert.Equal(expected, parts[0]);
        });

    // The model: all entries, joined by instant, of which the newest seven and the oldest are kept.
    [Fact]
    public void Merge_ManyEntries_KeepsTheNewestSevenAndTheOldest() =>
        Gen.Select(Kind, Entries).Sample((kind, entries) =>
        {
            var instants = entries.Select(entry => entry.Effective).Distinct().OrderDescending().ToArray();
            var kept = instants.Length <= 8 ? instants : [.. instants[..7], instants[^1]];
            var read = ReadAll(kind, Fold(kind, entries), out var cut);
            Assert.Equal(kept, read.Select(entry => entry.Effective));
            Assert.Equal(instants.Length > 8, cut);
        });

    [Fact]
    public void TryAsOf_AnyTime_IsWhatAllFactsSayOrCut() =>
        Gen.Select(Kind, Entries, Gen.Int[-1, 13]).Sample((kind, entries, hour) =>
        {
            var at = Noon + (hour * 3_600_000L);
            var value = Fold(kind, entries);
            var answer = Timeline.TryAsOf(kind, value, at, out var found);
            var before = entries.Where(entry => entry.Effective <= at).ToArray();
            if (answer == AsOf.Cut)
            {
                Assert.NotEmpty(before);
                Assert.True(entries.Select(entry => entry.Effective).Distinct().Count() > 8);
            }
            else if (before.Length == 0)
            {
                Assert.Equal(AsOf.Absent, answer);
            }
            else
            {
                Assert.Equal(AsOf.Found, answer);
                var latest = before.Max(entry => entry.Effective);
                var expected = Fold(kind, before.Where(entry => entry.Effective == latest));
                Assert.Equal(expected, Timeline.Single(kind, found));
            }
        });

    [Fact]
    public void Merge_SameInstant_ForbidsWhateverEitherForbids() =>
        Gen.Select(Kind, Entry, Entry).Sample((kind, a, other) =>
        {
            var b = other with { Effective = a.Effective };
            var joined = Assert.Single(ReadAll(kind, Fold(kind, [a, b]), out _));
            if (kind == FactKind.Subscriber && a.Withdrawn == b.Withdrawn && IsProtected(a) != IsProtected(b))
            {
                Assert.True(IsProtected(joined));
                return;
            }

            if (a.Withdrawn != b.Withdrawn)
            {
                var activeForbids = kind is FactKind.Registration or FactKind.Objection or FactKind.Attempt or FactKind.Refusal or FactKind.Reassignment;
                var stated = a.Withdrawn ? b : a;
                // A consumer is protected more than a subscriber of whom nothing is known.
                activeForbids |= kind == FactKind.Subscriber && IsProtected(stated);
                Assert.Equal(activeForbids, !joined.Withdrawn);
                return;
            }

            var singles = new[] { a, b }.Select(entry => Assert.Single(ReadAll(kind, Fold(kind, [entry]), out _))).ToArray();
            Assert.All(singles, single =>
            {
                // What expires permits, but for an attempt, which forbids.
                Assert.True(kind == FactKind.Attempt ? joined.Until >= single.Until : joined.Until <= single.Until);
                // Evidence of a consent is the proof, not a condition: one version that has it is enough.
                var proof = kind == FactKind.Consent ? FactMarks.Evidence : 0;
                Assert.Equal(joined.Marks | proof, proof | (kind is FactKind.Registration ? joined.Marks | single.Marks : joined.Marks & single.Marks));
                Assert.Equal(singles.Any(one => (one.Marks & proof) != 0), (joined.Marks & proof) != 0);
                Assert.True(joined.FirstContactMonths <= single.FirstContactMonths);
                Assert.True(joined.Subscriber <= single.Subscriber);
                Assert.True(joined.Start <= single.Start || kind == FactKind.Consent);
                Assert.True(Permits(single.Form).IsSupersetOf(Permits(joined.Form)));
                Assert.True(kind != FactKind.Consent || joined.Form != ConsentForm.Appointment || joined.Since == 0 || joined.Since == single.Since);
                Assert.True(joined.Categories == 0 || (single.Categories != 0 && (joined.Categories & single.Categories) == single.Categories));
            });
            // A consent is on record since it has evidence.
            var counted = singles.Where(single => kind != FactKind.Consent || (single.Marks & FactMarks.Evidence) == (joined.Marks & FactMarks.Evidence)).ToList();
            Assert.Equal(counted.Min(single => single.Recorded), joined.Recorded);
        });

    // What a form satisfies: the call at the agreed time, any rule that names no form, and so on.
    private static HashSet<string> Permits(ConsentForm form) => form switch
    {
        ConsentForm.Appointment => [],
        ConsentForm.OralRecorded => ["any"],
        ConsentForm.Unspecified => ["any", "not stated"],
        ConsentForm.Written => ["any", "not stated", "written"],
        _ => ["any", "not stated", "written", "signed"],
    };

    private static bool IsProtected(in FactEntry entry) => !entry.Withdrawn && entry.Subscriber <= SubscriberType.Consumer;
}
