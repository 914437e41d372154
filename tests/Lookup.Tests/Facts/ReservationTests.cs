using CsCheck;
using Lookup.Core;
using Lookup.Core.Facts;

namespace Lookup.Tests.Facts;

public class ReservationTests
{
    private const long Minute = 60_000;

    // Calls in order, each a minute or more after the one before: placed, or reserved for some minutes.
    private static readonly Gen<(int Minutes, int Reserved)[]> Calls = Gen.Select(Gen.Int[1, 30], Gen.Int[0, 20]).Array[1, 40];

    [Fact]
    public void Add_AnyCallsInOrder_LosesNoneThatCounts() => Calls.Sample(calls =>
    {
        var all = new List<FactEntry>();
        var value = Array.Empty<byte>();
        var at = Minute;
        foreach (var (minutes, reserved) in calls)
        {
            at += minutes * Minute;
            var entry = new FactEntry { Effective = at, Source = 7, Recorded = 1, Until = reserved == 0 ? FactEntry.Open : at + (reserved * Minute) };
            all.Add(entry);
            value = Reservation.Add(value, entry);
            Span<FactEntry> stored = new FactEntry[Timeline.MaxEntries];
            stored = stored[..Timeline.Read(FactKind.Attempt, value, stored, out var cut)];

            // The newest that count are all there, and nothing that was never added.
            var counting = all.Where(e => Reservation.Counts(e, at)).Reverse().ToList();
            var kept = stored.ToArray().ToList();
            Assert.All(kept, e => Assert.Contains(e, all));
            if (!cut)
            {
                Assert.All(all.Where(e => Reservation.Counts(e, at)), e => Assert.Contains(e, kept));
            }

            // Once it is cut, what is over is given up one at a time, and takes room until then.
            var newest = kept.Take(kept.Count - (cut ? 1 : 0)).Where(e => Reservation.Counts(e, at)).ToList();
            Assert.Equal(counting.Take(newest.Count), newest);
        }
    });

    [Fact]
    public void Add_ManyThatAreOver_LeavesRoom()
    {
        var value = Array.Empty<byte>();
        for (var i = 1; i <= 100; i++)
        {
            value = Reservation.Add(value, new FactEntry { Effective = i * 10 * Minute, Until = (i * 10 * Minute) + Minute });
        }

        Span<FactEntry> stored = new FactEntry[Timeline.MaxEntries];
        Assert.Equal(1, Timeline.Read(FactKind.Attempt, value, stored, out var cut));
        Assert.False(cut);
    }

    [Fact]
    public void Add_ToACutTimeline_StaysCutAndReadable()
    {
        var value = Array.Empty<byte>();
        for (var i = 1; i <= 12; i++)
        {
            value = Reservation.Add(value, new FactEntry { Effective = i * Minute });
        }

        for (var i = 20; i <= 60; i++)
        {
            value = Reservation.Add(value, new FactEntry { Effective = i * 10 * Minute, Until = (i * 10 * Minute) + Minute });
        }

        Span<FactEntry> stored = new FactEntry[Timeline.MaxEntries];
        Assert.Equal(Timeline.MaxEntries, Timeline.Read(FactKind.Attempt, value, stored, out var cut));
        Assert.True(cut);
        Assert.Equal(Minute, stored[7].Effective);
    }

    [Fact]
    public void Merge_ReservedAndPlaced_IsPlaced()
    {
        var reserved = Timeline.Single(FactKind.Attempt, new FactEntry { Effective = 5, Until = 9 });
        var placed = Timeline.Single(FactKind.Attempt, new FactEntry { Effective = 5 });
        Assert.Equal(placed, Timeline.Merge(FactKind.Attempt, reserved, placed));
        Assert.Equal(placed, Timeline.Merge(FactKind.Attempt, placed, reserved));
    }

    [Fact]
    public void TimeAfter_IsLaterThanEveryAttempt()
    {
        var value = Timeline.Single(FactKind.Attempt, new FactEntry { Effective = 100 });
        Assert.True(Reservation.TryTimeAfter(value, 50, out var ahead));
        Assert.Equal(101, ahead);
        Assert.True(Reservation.TryTimeAfter(value, 500, out var now));
        Assert.Equal(500, now);
        Assert.False(Reservation.TryTimeAfter([1, 2, 3], 500, out _));
    }
}
