using System.Globalization;

namespace Lookup.Core.Regimes;

/// <summary>Parses days and times of day in regime files.</summary>
internal static class HoursText
{
    /// <summary>Days of the week in the order of DayOfWeek.</summary>
    internal static readonly string[] Weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

    /// <summary>Returns the indexes (Sunday 0, holiday 7, eve 8) for "sat", "mon-fri", "holiday" or "eve"; empty for any other text.</summary>
    internal static List<int> Days(string text)
    {
        if (text == "holiday")
        {
            return [CallingHours.Holiday];
        }

        if (text == "eve")
        {
            return [CallingHours.Eve];
        }

        var parts = text.Split('-');
        var first = Array.IndexOf(Weekdays, parts[0]);
        var last = Array.IndexOf(Weekdays, parts[^1]);
        if (parts.Length > 2 || first < 0 || last < 0)
        {
            return [];
        }

        var days = new List<int> { first };
        while (days[^1] != last)
        {
            days.Add((days[^1] + 1) % 7);
        }

        return days;
    }

    /// <summary>Parses "18:30" to minutes of the day; "24:00" is the end of the day.</summary>
    internal static bool TryMinute(string text, out int minute)
    {
        minute = 0;
        var parts = text.Split(':');
        if (parts.Length != 2 || parts[0].Length != 2 || parts[1].Length != 2
            || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var hours)
            || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var minutes))
        {
            return false;
        }

        minute = (hours * 60) + minutes;
        return minutes < 60 && minute <= 24 * 60;
    }

    internal static bool TryWindow(string text, out CallingHours.Window window)
    {
        window = default;
        var parts = text.Split('-');
        if (parts.Length != 2 || !TryMinute(parts[0], out var open) || !TryMinute(parts[1], out var close) || open >= close)
        {
            return false;
        }

        window = new CallingHours.Window(open, close);
        return true;
    }
}
