namespace Lookup.Core.Regimes;

/// <summary>
/// Weekly calling hours in the local time of the called number: half-open windows [open, close) in minutes of the day. A day without
/// windows is closed. Holidays and the days before them are kinds of day, and single days can close early.
/// </summary>
internal sealed class CallingHours(
    CallingHours.Window[][] byDay, CallingHours.Window[]? eve, HolidayCalendar holidays, Dictionary<int, int> earlyClose)
{
    /// <summary>Index of the windows of a holiday, after those of Sunday to Saturday.</summary>
    internal const int Holiday = 7;

    /// <summary>Index of the windows of the day before a holiday.</summary>
    internal const int Eve = 8;

    private const int SearchDays = 21;

    // Clocks change before this minute of the day.
    private const int MorningMinute = 4 * 60;

    internal readonly record struct Window(int Open, int Close);

    // Looking up the date of each day costs more than the rest.
    private readonly DaySet _earlyDays = new(
        [.. Enumerable.Range(HolidayCalendar.FirstYear, HolidayCalendar.LastYear - HolidayCalendar.FirstYear + 1).SelectMany(year => DaysOf(year, earlyClose.Keys))]);

    /// <summary>Returns whether calls are permitted at a time, and if so until when (Unix ms); also whether the day is a holiday.</summary>
    /// <param name="at">Unix milliseconds.</param>
    /// <param name="local">The same time as <see cref="LocalTime.Local"/>.</param>
    internal bool IsOpen(long at, long local, TimeZoneInfo zone, out long until, out bool holiday)
    {
        var day = LocalTime.DayOf(local);
        var inDay = local - (day * LocalTime.DayMs);
        foreach (var window in WindowsOf(day, out holiday, out var latest))
        {
            var close = Math.Min(window.Close, latest) * LocalTime.MinuteMs;
            if (inDay >= window.Open * LocalTime.MinuteMs && inDay < close)
            {
                // A window that covers a clock change is an hour longer or shorter than its times say.
                until = window.Open < MorningMinute ? LocalTime.Instant(day, (int)(close / LocalTime.MinuteMs), zone) : at + close - inDay;
                return true;
            }
        }

        until = at;
        return false;
    }

    /// <summary>Returns the first time at or after the given one at which calls are permitted; 0 if there is none within three weeks.</summary>
    internal long NextOpen(long at, TimeZoneInfo zone)
    {
        var local = LocalTime.Local(at, zone);
        if (IsOpen(at, local, zone, out _, out _))
        {
            return at;
        }

        var today = LocalTime.DayOf(local);
        for (var day = today; day < today + SearchDays; day++)
        {
            foreach (var window in WindowsOf(day, out _, out var latest))
            {
                var open = LocalTime.Instant(day, window.Open, zone);
                if (window.Open < Math.Min(window.Close, latest) && open >= at)
                {
                    return open;
                }
            }
        }

        return 0;
    }

    private Window[] WindowsOf(int day, out bool holiday, out int latest)
    {
        holiday = holidays.Contains(day);
        latest = int.MaxValue;
        if (_earlyDays.Contains(day))
        {
            var date = LocalTime.Date(day);
            latest = earlyClose[(date.Month * 100) + date.Day];
        }

        // 1970-01-01 was a Thursday.
        var windows = byDay[holiday ? Holiday : (((day + 4) % 7) + 7) % 7];

        // A closed day stays closed, also before a holiday.
        return eve is not null && !holiday && windows.Length > 0 && holidays.Contains(day + 1) ? eve : windows;
    }

    private static IEnumerable<int> DaysOf(int year, IEnumerable<int> dates) =>
        dates.Where(date => DateTime.DaysInMonth(year, date / 100) >= date % 100).Select(date => LocalTime.DayOf(new DateOnly(year, date / 100, date % 100)));
}
