using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Lookup.Core.Regimes;

namespace Lookup.Cli.Regimes;

/// <summary>A finding in the regime files.</summary>
/// <param name="IsFault">Whether it must be fixed; false: a warning.</param>
/// <param name="Place">File and field, for example "nl.json.sources.tw"; empty if <paramref name="What"/> starts with it.</param>
/// <param name="What">The problem and its fix.</param>
internal sealed record RegimeFinding(bool IsFault, string Place, string What);

/// <summary>Finds problems that compilation does not detect.</summary>
internal static partial class RegimeLint
{
    /// <summary>The last year for which calendars must list holidays.</summary>
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
                findings.Add(new(false, place, "no rule or calendar refers to this source: remove it, or refer to it"));
            }

            if (verified > today)
            {
                findings.Add(new(true, place + ".verified", $"{Day(verified)} is in the future; enter the day on which the source was last checked"));
            }
            else if (verified < RegimeSet.VerifiedSince(today))
            {
                findings.Add(new(true, place + ".verified", $"{Day(verified)} is more than {RegimeSet.MonthsVerified} months ago; read the source again, correct the rules that depend on it, and enter the new date"));
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
                findings.Add(new(true, $"{file.Name}.regimes[{i}].from", $"no row applies between {ended}, when {file.Rows[i - 1].Id} ends, and {row.From}; calls in this gap are NOT_COVERED"));
            }

            var rules = RegimeDocument.Objects(row.Json, "rules").ToList();
            for (var r = 0; r < rules.Count; r++)
            {
                if (!Overlaps(row, rules[r]))
                {
                    findings.Add(new(true, $"{file.Name}.regimes[{i}].rules[{r}]", $"is never in force: {RegimeRow.Words((string?)rules[r]["from"], (string?)rules[r]["until"])} is outside {row.Id}, {row.Period}"));
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
                findings.Add(new(false, $"{file.Name}.registers[{i}]", $"no rule uses the register \"{(string)register["name"]!}\", so calls to its subscribers are permitted"));
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
                findings.Add(new(false, place, "no rule refers to this calendar"));
            }

            // A year is complete if it has at least as many days as the poorest of the last three years; one-off holidays do not matter.
            var rules = days!.AsArray().Select(day => Years((string)day!)).ToList();
            int DaysIn(int year) => rules.Count(rule => rule.From <= year && year <= rule.To);
            var usual = Enumerable.Range(today.Year - 2, 3).Min(DaysIn);
            for (var year = today.Year + 1; year <= LastHolidayYear; year++)
            {
                if (DaysIn(year) < usual)
                {
                    findings.Add(new(false, place, string.Create(CultureInfo.InvariantCulture, $"has {DaysIn(year)} holidays in {year}, but {usual} in earlier years: add the dates through {LastHolidayYear}, or calls on missing holidays are permitted")));
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
