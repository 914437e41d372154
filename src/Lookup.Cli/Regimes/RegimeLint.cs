using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Lookup.Core.Regimes;

namespace Lookup.Cli.Regimes;

/// <summary>Something in the regime files that is wrong, or that may be.</summary>
/// <param name="IsFault">It has to be mended; else it may be meant like this.</param>
/// <param name="Place">File and field, for example "nl.json.sources.tw"; empty where <paramref name="What"/> begins with it.</param>
/// <param name="What">What is wrong, and how to mend it.</param>
internal sealed record RegimeFinding(bool IsFault, string Place, string What);

/// <summary>Examines files that compile for what compiling cannot see.</summary>
internal static partial class RegimeLint
{
    /// <summary>Holidays must be known through the end of this year.</summary>
    public const int LastHolidayYear = 2035;

    public static List<RegimeFinding> Examine(IEnumerable<RegimeDocument> files, DateOnly today)
    {
        var findings = new List<RegimeFinding>();
        foreach (var file in files)
        {
            ExamineSources(file, today, findings);
            ExamineRows(file, findings);
            ExamineRegisters(file, findings);
            ExamineCalendars(file, today, findings);
        }

        return [.. findings.OrderByDescending(finding => finding.IsFault)];
    }

    private static void ExamineSources(RegimeDocument file, DateOnly today, List<RegimeFinding> findings)
    {
        var used = RegimeDocument.SourcesIn(file.Json).ToHashSet();
        if (file.Json["calendarSources"] is JsonObject calendars)
        {
            used.UnionWith(calendars.Select(calendar => (string)calendar.Value!));
        }

        foreach (var (key, _) in file.Sources)
        {
            var place = $"{file.Name}.sources.{key}";
            var verified = file.VerifiedOn(key);
            if (!used.Contains(key))
            {
                findings.Add(new(false, place, "no rule and no calendar names this source: remove it, or name it where it counts"));
            }

            if (verified > today)
            {
                findings.Add(new(true, place + ".verified", $"{Day(verified)} lies ahead; give the day on which the source was last checked"));
            }
            else if (verified < RegimeSet.VerifiedSince(today))
            {
                findings.Add(new(true, place + ".verified", $"{Day(verified)} is more than {RegimeSet.MonthsVerified} months ago; read the source again, correct the rules that rest on it, and give the new date"));
            }
        }
    }

    private static void ExamineRows(RegimeDocument file, List<RegimeFinding> findings)
    {
        for (var i = 0; i < file.Rows.Count; i++)
        {
            var row = file.Rows[i];
            if (i > 0 && file.Rows[i - 1].Until is { } ended && ended != row.From)
            {
                findings.Add(new(true, $"{file.Name}.regimes[{i}].from", $"no row holds between {ended}, where {file.Rows[i - 1].Id} ends, and {row.From}: calls are NOT_COVERED then"));
            }

            var rules = RegimeDocument.Objects(row.Json, "rules").ToList();
            for (var r = 0; r < rules.Count; r++)
            {
                if (!Overlaps(row, rules[r]))
                {
                    findings.Add(new(true, $"{file.Name}.regimes[{i}].rules[{r}]", $"is never in force: {RegimeRow.Words((string?)rules[r]["from"], (string?)rules[r]["until"])} lies outside {row.Id}, {row.Period}"));
                }
            }
        }
    }

    private static bool Overlaps(RegimeRow row, JsonObject rule)
    {
        var (from, until) = ((string?)rule["from"], (string?)rule["until"]);
        return (until is null || (string.CompareOrdinal(row.From, until) < 0 && string.CompareOrdinal(from ?? "", until) < 0))
            && (from is null || row.Until is null || string.CompareOrdinal(from, row.Until) < 0);
    }

    private static void ExamineRegisters(RegimeDocument file, List<RegimeFinding> findings)
    {
        var asked = RegimeDocument.AllObjects(file.Json).Select(json => (string?)(json["register"] as JsonValue)).ToHashSet();
        foreach (var (register, i) in RegimeDocument.Objects(file.Json, "registers").Select((register, i) => (register, i)))
        {
            if (!asked.Contains((string)register["name"]!))
            {
                findings.Add(new(false, $"{file.Name}.registers[{i}]", $"no rule asks the register \"{(string)register["name"]!}\": its subscribers are called"));
            }
        }
    }

    private static void ExamineCalendars(RegimeDocument file, DateOnly today, List<RegimeFinding> findings)
    {
        if (file.Json["calendars"] is not JsonObject calendars)
        {
            return;
        }

        var used = RegimeDocument.AllObjects(file.Json).Select(json => (string?)(json["holidays"] as JsonValue)).ToHashSet();
        foreach (var (name, days) in calendars)
        {
            var place = $"{file.Name}.calendars.{name}";
            if (!used.Contains(name))
            {
                findings.Add(new(false, place, "no rule on hours names this calendar"));
            }

            // A year counts as known when it has no fewer days than the poorest of the last three: single days of one year do not matter.
            var rules = days!.AsArray().Select(day => Years((string)day!)).ToList();
            int DaysIn(int year) => rules.Count(rule => rule.From <= year && year <= rule.To);
            var usual = Enumerable.Range(today.Year - 2, 3).Min(DaysIn);
            for (var year = today.Year + 1; year <= LastHolidayYear; year++)
            {
                if (DaysIn(year) < usual)
                {
                    findings.Add(new(false, place, string.Create(CultureInfo.InvariantCulture, $"has {DaysIn(year)} holidays in {year} and {usual} before: give the dates through {LastHolidayYear}, or calls on those that are missing are permitted")));
                    break;
                }
            }
        }
    }

    private static (int From, int To) Years(string rule)
    {
        var match = YearRange().Match(rule);
        return match.Success
            ? (Year(match.Groups["from"], int.MinValue), Year(match.Groups["to"], int.MaxValue))
            : (int.MinValue, int.MaxValue);
    }

    private static int Year(Group group, int otherwise) => group.Success ? int.Parse(group.ValueSpan, CultureInfo.InvariantCulture) : otherwise;

    private static string Day(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    [GeneratedRegex(@"@(?<from>\d{4})?-(?<to>\d{4})?$")]
    private static partial Regex YearRange();
}
