// For: the last allowed call of a cap, placed by one of two dialers that ask at the same moment.
//
// A reservation is an attempt that is written before the call, with an end: up to then it counts like any other; if it is
// told by then that the call was placed, it becomes one. It is written only if the attempts are still those that the decision
// saw, so of two that saw the same one is refused and decides anew. No two attempts have the same time, since those with the same
// time are one: a reservation is later than all that are there, which also rules out that one ahead by its clock is not seen.
namespace Lookup.Core.Facts;

/// <summary>Calls that are counted before they are placed.</summary>
public static class Reservation
{
    /// <summary>The shortest time before a reservation expires, in milliseconds.</summary>
    public const long MinMs = 1_000;

    /// <summary>The longest time before a reservation expires, in milliseconds.</summary>
    public const long MaxMs = 60 * 60 * 1_000;

    /// <summary>The time before a reservation expires where none is asked for, in milliseconds.</summary>
    public const long DefaultMs = 2 * 60 * 1_000;

    /// <summary>
    /// It counts for so many milliseconds longer than the dialer was told, for clocks that differ: the dialer must not dial any more
    /// before another may.
    /// </summary>
    public const long GraceMs = 5_000;

    /// <summary>Whether an attempt still counts at a time, as far as its reservation goes.</summary>
    public static bool Counts(in FactEntry attempt, long at) => at < CountsUntil(attempt);

    /// <summary>First instant at which it no longer counts; <see cref="FactEntry.Open"/> where it was placed.</summary>
    public static long CountsUntil(in FactEntry attempt) => attempt.Until == FactEntry.Open ? FactEntry.Open : attempt.Until + GraceMs;

    /// <summary>The earliest time that a reservation can have: later than every attempt that is there.</summary>
    /// <param name="value">The stored attempts.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="time">The time, at least <paramref name="now"/>.</param>
    /// <returns>False where the value cannot be read.</returns>
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

    /// <summary>The attempts with one more. Reservations that are over make room for it.</summary>
    /// <param name="value">The stored attempts; empty for none.</param>
    /// <param name="reserved">The new one, later than all of them.</param>
    /// <exception cref="InvalidDataException">The value cannot be read.</exception>
    public static byte[] Add(ReadOnlySpan<byte> value, in FactEntry reserved)
    {
        Span<FactEntry> all = stackalloc FactEntry[Timeline.MaxEntries + 1];
        var there = all[1..];
        var count = Timeline.ReadOrThrow(FactKind.Attempt, value, there, out var cut);
        all[0] = FactLattice.Normalise(FactKind.Attempt, reserved);
        // A value that was cut stays full, and what was cut lies between its two oldest.
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
