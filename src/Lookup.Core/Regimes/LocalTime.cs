namespace Lookup.Core.Regimes;

/// <summary>Unix milliseconds to the local calendar of a zone and back.</summary>
internal static class LocalTime
{
    internal const long DayMs = 86_400_000;
    internal const long MinuteMs = 60_000;

    private static readonly int Epoch = new DateOnly(1970, 1, 1).DayNumber;

    internal static long OffsetAt(long at, TimeZoneInfo zone) =>
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
}
