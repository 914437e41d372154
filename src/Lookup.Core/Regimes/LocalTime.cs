using System.Runtime.CompilerServices;

namespace Lookup.Core.Regimes;

/// <summary>Unix milliseconds to the local calendar of a zone and back.</summary>
internal static class LocalTime
{
    internal const long DayMs = 86_400_000;
    internal const long MinuteMs = 60_000;

    private const long SlotMs = 15 * MinuteMs;

    // Each thread keeps the offsets of a few zones; a power of two.
    private const int Kept = 8;

    private static readonly int Epoch = new DateOnly(1970, 1, 1).DayNumber;

    [ThreadStatic]
    private static Known[]? s_known;

    /// <summary>
    /// Milliseconds to add to a time for the local time. No zone changes its clocks twice within a quarter of an hour, so
    /// where both ends of one have the same offset, so has all of it.
    /// </summary>
    internal static long OffsetAt(long at, TimeZoneInfo zone)
    {
        var slot = at / SlotMs;
        ref var known = ref (s_known ??= new Known[Kept])[RuntimeHelpers.GetHashCode(zone) & (Kept - 1)];
        return at >= 0 && known.Slot == slot && ReferenceEquals(known.Zone, zone) ? known.Offset : Find(at, zone, slot, ref known);
    }

    private static long Find(long at, TimeZoneInfo zone, long slot, ref Known known)
    {
        var (from, until) = (AskZone(slot * SlotMs, zone), AskZone(((slot + 1) * SlotMs) - 1, zone));
        // Division rounds towards zero: the slot of 0 reaches to both sides of it.
        if (from != until || at < 0)
        {
            return AskZone(at, zone);
        }

        known = new Known { Zone = zone, Slot = slot, Offset = from };
        return from;
    }

    private static long AskZone(long at, TimeZoneInfo zone) =>
        zone.GetUtcOffset(DateTimeOffset.FromUnixTimeMilliseconds(at)).Ticks / TimeSpan.TicksPerMillisecond;

    /// <summary>Local days since 1970-01-01.</summary>
    internal static int Day(long at, TimeZoneInfo zone) => (int)Math.Floor((double)(at + OffsetAt(at, zone)) / DayMs);

    /// <summary>The instant of a local day's minute; in a clock change the earlier offset counts.</summary>
    internal static long Instant(int day, int minute, TimeZoneInfo zone)
    {
        var local = (day * DayMs) + (minute * MinuteMs);
        return local - OffsetAt(local - OffsetAt(local, zone), zone);
    }

    internal static DateOnly Date(int day) => DateOnly.FromDayNumber(day + Epoch);

    internal static int DayOf(DateOnly date) => date.DayNumber - Epoch;

    /// <summary>The same day of the month so many months later, or that month's last day.</summary>
    internal static int AddMonths(int day, int months) => DayOf(Date(day).AddMonths(months));

    private struct Known
    {
        internal TimeZoneInfo? Zone;
        internal long Slot;
        internal long Offset;
    }
}
