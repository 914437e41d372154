using System.Globalization;
using System.Text.RegularExpressions;

namespace Lookup.Core.Regimes;

/// <summary>
/// Days on which the calling hours of a holiday apply. Rules: "12-25" (a date), "easter+39" (days from Easter Sunday), "mon#1-05" (first
/// Monday of May; -1 is the last; "+1" is the day after it), "kings_day" (the Dutch one, and Queen's Day before 2014). A suffix moves a
/// holiday on a weekend: "/sub" to the next working day that is not listed before it, "/obs" from Saturday to Friday and from Sunday to
/// Monday, "/mon" from Sunday to Monday. An optional "@2013-" or "@-2013" limits the years. Easter after Meeus, Jones and Butcher.
/// </summary>
internal sealed partial class HolidayCalendar
{
    internal const int FirstYear = 1990;
    internal const int LastYear = 2100;

    private readonly DaySet _days;

    private HolidayCalendar(DaySet days) => _days = days;

    internal static HolidayCalendar None { get; } = new(new DaySet([]));

    /// <summary>Returns whether a day (days since 1970-01-01) is a holiday.</summary>
    internal bool Contains(int day) => _days.Contains(day);

    /// <summary>Returns a calendar with additional days that were decreed once (days since 1970-01-01).</summary>
    internal HolidayCalendar With(IReadOnlyCollection<int> decreed) => decreed.Count == 0 ? this : new(_days.With(decreed));

    internal static bool TryCompile(IReadOnlyList<string> rules, out HolidayCalendar calendar, out string fault)
    {
        var days = new HashSet<int>();
        foreach (var rule in rules)
        {
            var match = Grammar().Match(rule);
            if (!match.Success)
            {
                (calendar, fault) = (None, $"\"{rule}\" is not a holiday rule; expected for example \"12-25\", \"easter+1\", \"mon#1-05\" or \"kings_day\"");
                return false;
            }

            var from = Number(match.Groups["from"], FirstYear);
            var to = Number(match.Groups["to"], LastYear);
            var dateIn = DateRule(match);
            var kept = match.Groups["kept"].Value;
            for (var year = Math.Max(from, FirstYear); year <= Math.Min(to, LastYear); year++)
            {
                days.Add(LocalTime.DayOf(KeptOn(dateIn(year), kept, days)));
            }
        }

        (calendar, fault) = (new HolidayCalendar(new DaySet(days)), "");
        return true;
    }

    private static DateOnly KeptOn(DateOnly date, string rule, HashSet<int> days)
    {
        switch (rule)
        {
            case "sub":
                while (date.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday || days.Contains(LocalTime.DayOf(date)))
                {
                    date = date.AddDays(1);
                }

                return date;
            case "obs" when date.DayOfWeek == DayOfWeek.Saturday:
                return date.AddDays(-1);
            case "obs" or "mon" when date.DayOfWeek == DayOfWeek.Sunday:
                return date.AddDays(1);
            default:
                return date;
        }
    }

    private static int Number(Group group, int otherwise) =>
        group.Success ? int.Parse(group.ValueSpan, CultureInfo.InvariantCulture) : otherwise;

    // The groups are read once: looking one up by name costs more than the date of a year.
    private static Func<int, DateOnly> DateRule(Match match)
    {
        if (match.Groups["kings"].Success)
        {
            return KingsDay;
        }

        if (match.Groups["easter"].Success)
        {
            var days = Number(match.Groups["offset"], 0);
            return year => Easter(year).AddDays(days);
        }

        var month = Number(match.Groups["month"], 1);
        if (!match.Groups["weekday"].Success)
        {
            var day = Number(match.Groups["day"], 1);
            return year => new DateOnly(year, month, Math.Min(day, DateTime.DaysInMonth(year, month)));
        }

        var weekday = Array.IndexOf(HoursText.Weekdays, match.Groups["weekday"].Value);
        var nth = Number(match.Groups["nth"], 1);
        var offset = Number(match.Groups["after"], 0);
        return year => NthWeekday(year, month, weekday, nth, offset);
    }

    private static DateOnly KingsDay(int year)
    {
        var day = new DateOnly(year, 4, year < 2014 ? 30 : 27);
        return day.DayOfWeek == DayOfWeek.Sunday ? day.AddDays(-1) : day;
    }

    private static DateOnly NthWeekday(int year, int month, int weekday, int nth, int offset)
    {
        if (nth < 0)
        {
            var last = new DateOnly(year, month, DateTime.DaysInMonth(year, month));
            return last.AddDays(offset - (((int)last.DayOfWeek - weekday + 7) % 7));
        }

        var first = new DateOnly(year, month, 1);
        return first.AddDays(((weekday - (int)first.DayOfWeek + 7) % 7) + (7 * (nth - 1)) + offset);
    }

    private static DateOnly Easter(int year)
    {
        int a = year % 19, b = year / 100, c = year % 100;
        int d = b / 4, e = b % 4, f = (b + 8) / 25, g = (b - f + 1) / 3;
        var h = ((19 * a) + b - d - g + 15) % 30;
        int i = c / 4, k = c % 4, l = (32 + (2 * e) + (2 * i) - h - k) % 7;
        var m = (a + (11 * h) + (22 * l)) / 451;
        var n = h + l - (7 * m) + 114;
        return new DateOnly(year, n / 31, (n % 31) + 1);
    }

    [GeneratedRegex("""^(?:(?<kings>kings_day)|(?<easter>easter)(?<offset>[+-]\d{1,2})?|(?<weekday>sun|mon|tue|wed|thu|fri|sat)#(?<nth>[1-4]|-1)-(?<month>0[1-9]|1[0-2])(?<after>[+-]\d{1,2})?|(?<month>0[1-9]|1[0-2])-(?<day>0[1-9]|[12]\d|3[01]))(?:/(?<kept>sub|obs|mon))?(?:@(?<from>\d{4})?-(?<to>\d{4})?)?$""")]
    private static partial Regex Grammar();
}
