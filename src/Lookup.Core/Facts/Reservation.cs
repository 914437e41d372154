// For: the last allowed call under a cap, when two dialers check at the same moment.
//
// A reservation is an attempt that is written before the call, with an end. Until then it counts like any other attempt; if the call is
// reported as placed by then, it becomes one. It is written only if the stored attempts are still those that the decision used. So of two
// callers that saw the same attempts, one is rejected and decides again. Attempts with the same time are one attempt, so a reservation
// gets a later time than all that are stored; this also prevents missing an attempt recorded by a fast clock.
namespace Lookup.Core.Facts;

/// <summary>Calls that count before they are placed.</summary>
public static class Reservation
{
    /// <summary>The shortest time before a reservation expires, in milliseconds.</summary>
    public const long MinMs = 1_000;

    /// <summary>The longest time before a reservation expires, in milliseconds.</summary>
    public const long MaxMs = 60 * 60 * 1_000;

    /// <summary>The time before a reservation expires if the caller states none, in milliseconds.</summary>
    public const long DefaultMs = 2 * 60 * 1_000;

    /// <summary>
    /// How much longer a reservation counts than the dialer was told, in milliseconds. It covers differences between clocks: the dialer
    /// must stop dialling before another may start.
    /// </summary>
    public const long GraceMs = 5_000;

    /// <summary>Returns whether an attempt still counts at a time, as far as its reservation decides.</summary>
    public static bool Counts(in FactEntry attempt, long at) => at < CountsUntil(attempt);

    /// <summary>Returns when it stops counting; <see cref="FactEntry.Open"/> for a placed call.</summary>
    public static long CountsUntil(in FactEntry attempt) => attempt.Until == FactEntry.Open ? FactEntry.Open : attempt.Until + GraceMs;

    /// <summary>Finds the earliest time for a reservation: later than every stored attempt.</summary>
    /// <param name="value">The stored attempts.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="time">The time; at least <paramref name="now"/>.</param>
    /// <returns>False if the value cannot be read.</returns>
    public static bool TryTimeAfter(ReadOnlySpan<byte> value, long now, out long time)
    {
        Span<FactEntry> entries = stackalloc FactEntry[Timeline.MaxEntries];
        time = now;
        if (Timeline.Read(FactKind.Attempt, value, entries, out _) < 0)
        {
            return false;
        }

        time = Math.Max(now, entries[0].Effective + 1);
        return true;
    }

    /// <summary>Adds an attempt to the stored ones. It replaces expired reservations.</summary>
    /// <param name="value">The stored attempts; empty for none.</param>
    /// <param name="reserved">The new attempt, later than all stored ones.</param>
    /// <exception cref="InvalidDataException">The value cannot be read.</exception>
    public static byte[] Add(ReadOnlySpan<byte> value, in FactEntry reserved)
    {
        Span<FactEntry> all = stackalloc FactEntry[Timeline.MaxEntries + 1];
        var there = all[1..];
        var count = Timeline.ReadOrThrow(FactKind.Attempt, value, there, out var cut);
        all[0] = FactLattice.Normalise(FactKind.Attempt, reserved);
        // A cut value stays full; the dropped versions lie between its two oldest.
        var (kept, spare) = (1, cut ? 1 : count);
        for (var i = 0; i < count; i++)
        {
            if (spare > 0 && !Counts(there[i], reserved.Effective) && !(cut && i >= count - 2))
            {
                spare--;
            }
            else
            {
                all[kept++] = there[i];
            }
        }

        if (kept > Timeline.MaxEntries)
        {
            (all[Timeline.MaxEntries - 1], kept, cut) = (all[kept - 1], Timeline.MaxEntries, true);
        }

        return TimelineFormat.Write(FactKind.Attempt, all[..kept], cut);
    }
}
