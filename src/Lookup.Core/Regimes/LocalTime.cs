using System.Runtime.CompilerServices;

namespace Lookup.Core.Regimes;

/// <summary>Converts between Unix milliseconds and the local calendar of a zone.</summary>
internal static class LocalTime
{
    internal const long DayMs = 86_400_000;
    internal const long MinuteMs = 60_000;

    private const long SlotMs = 15 * MinuteMs;

    // Each thread caches the offsets of a few zones; a power of two.
    private const int Kept = 8;

    private static readonly int Epoch = new DateOnly(1970, 1, 1).DayNumber;

    [ThreadStatic]
    private static Known[]? s_known;

    /// <summary>
    /// Returns the milliseconds to add to a time to get local time. No zone changes its clocks twice within a quarter of an hour, so if both
    /// ends of one have the same offset, so does all of it.
    /// </summary>
    internal static long OffsetAt(long at, TimeZoneInfo zone)
    {
        var slot = at / SlotMs;
        ref var known = ref (s_known ??= new Known[Kept])[RuntimeHelpers.GetHashCode(zone) & (Kept - 1)];
        return at >= 0 && known.Slot == slot && ReferenceEquals(known.Zone, zone) ? known.Offset : Find(at, zone, slot, ref known);
    }

    private static long Find(long at, TimeZoneInfo zone, long slot, ref Known known)
    {
        var (from, until) = (OffsetOfZone(slot * SlotMs, zone), OffsetOfZone(((slot + 1) * SlotMs) - 1, zone));
        // Division rounds towards zero, so slot 0 extends to both sides of 0.
        if (from != until || at < 0)
        {
            return OffsetOfZone(at, zone);
        }

        known = new Known { Zone = zone, Slot = slot, Offset = from };
        return from;
    }

    private static long OffsetOfZone(long at, TimeZoneInfo zone) =>
        zone.GetUtcOffset(DateTimeOffset.FromUnixTimeMilliseconds(at)).Ticks / TimeSpan.TicksPerMillisecond;

    /// <summary>Returns local time: the milliseconds since the local 1970-01-01 00:00, without clock changes.</summary>
    internal static long Local(long at, TimeZoneInfo zone) => at + OffsetAt(at, zone);

    /// <summary>Returns the days since 1970-01-01 of a local time.</summary>
    internal static int DayOf(long local) => (int)((local - (local < 0 ? DayMs - 1 : 0)) / DayMs);

    /// <summary>Returns the local days since 1970-01-01.</summary>
    internal static int Day(long at, TimeZoneInfo zone) => DayOf(Local(at, zone));

    /// <summary>Returns the time of a minute of a local day; during a clock change the earlier offset counts.</summary>
    internal static long Instant(int day, int minute, TimeZoneInfo zone)
    {
        var local = (day * DayMs) + (minute * MinuteMs);
        return local - OffsetAt(local - OffsetAt(local, zone), zone);
    }

    internal static DateOnly Date(int day) => DateOnly.FromDayNumber(day + Epoch);

    internal static int DayOf(DateOnly date) => date.DayNumber - Epoch;

    /// <summary>Returns the same day of the month this many months later, or the last day of that month.</summary>
    internal static int AddMonths(int day, int months) => DayOf(Date(day).AddMonths(months));

    private struct Known
    {
        internal TimeZoneInfo? Zone;
        internal long Slot;
        internal long Offset;
    }
}
