using System.Globalization;
using System.Text.RegularExpressions;

namespace Lookup.Cli.Files;

/// <summary>How a file writes its dates: a format of --date-format, or an order that every date of a column proves.</summary>
internal sealed partial class DateText
{
    private readonly string[] _formats;

    private DateText(string[] formats) => _formats = formats;

    public static DateText DayFirst { get; } = new(WithTime("d/M/yyyy", "d.M.yyyy", "d-M-yyyy"));

    public static DateText MonthFirst { get; } = new(WithTime("M/d/yyyy", "M.d.yyyy", "M-d-yyyy"));

    /// <summary>Parses --date-format.</summary>
    /// <exception cref="CliException">The format is not valid.</exception>
    public static DateText Parse(string format)
    {
        var match = Syntax().Match(format);
        var parts = new[] { match.Groups["a"].Value, match.Groups["b"].Value, match.Groups["c"].Value };
        var isWhole = match.Success && parts.Select(part => part[0]).Order().SequenceEqual(['M', 'd', 'y'])
            && (match.Groups["s"].Length > 0 || parts.All(part => part.Length > 1));
        return !isWhole
            ? throw CliException.Usage(
                $"--date-format '{format}' is not valid; write day (dd or d), month (MM or M) and year (yyyy) with one of '/', '.', '-', ' ' or nothing between them, for example dd/MM/yyyy or dd-MM-yyyy HH:mm.")
            : new DateText(match.Groups["t"].Length > 0 ? [format.Replace("T", "'T'", StringComparison.Ordinal)] : WithTime(format));
    }

    /// <summary>Converts a date to ISO 8601; a time of day may follow a format without one.</summary>
    public bool TryConvert(string text, out string iso)
    {
        var isDate = DateTime.TryParseExact(text.Trim(), _formats, CultureInfo.InvariantCulture, DateTimeStyles.None, out var time);
        iso = !isDate ? "" : time.ToString(
            text.Count(':') switch { 0 => "yyyy-MM-dd", 1 => "yyyy-MM-dd'T'HH:mm", _ => "yyyy-MM-dd'T'HH:mm:ss" }, CultureInfo.InvariantCulture);
        return isDate;
    }

    /// <summary>Whether a text is a date of eight digits, 20240312.</summary>
    public static bool IsBare(string text) =>
        text.Length == 8 && text[..2] is "19" or "20" && DateTime.TryParseExact(text, "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    /// <summary>Whether a text is a date, or a time with its date.</summary>
    public static bool IsDate(string text) => IsBare(text) || Iso().IsMatch(text) || Read(text) is not (null, null);

    /// <summary>Whether a text has a date with day and month in either order.</summary>
    public static bool HasDate(string text) => Anywhere().IsMatch(text);

    /// <summary>Returns the two readings of a date with day and month; null for one that does not exist.</summary>
    public static (DateTime? DayFirst, DateTime? MonthFirst) Read(string text) => Whole().IsMatch(text.Trim())
        ? (DayFirst.Time(text), MonthFirst.Time(text))
        : (null, null);

    private static string[] WithTime(params string[] formats) =>
        [.. formats.SelectMany(format => new[] { format, format + " HH:mm", format + " HH:mm:ss", format + " H:mm" })];

    private DateTime? Time(string text) =>
        DateTime.TryParseExact(text.Trim(), _formats, CultureInfo.InvariantCulture, DateTimeStyles.None, out var time) ? time : null;

    [GeneratedRegex("^(?<a>dd?|MM?|yyyy)(?<s>[-/. ]?)(?<b>dd?|MM?|yyyy)\\k<s>(?<c>dd?|MM?|yyyy)(?<t>[ T]HH:mm(:ss)?)?$")]
    private static partial Regex Syntax();

    [GeneratedRegex(@"^\d{1,2}([-/.])\d{1,2}\1\d{4}( \d{1,2}:\d{2}(:\d{2})?)?$")]
    private static partial Regex Whole();

    [GeneratedRegex(@"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ]|$)", RegexOptions.CultureInvariant)]
    private static partial Regex Iso();

    [GeneratedRegex(@"\b\d{1,2}([-/.])\d{1,2}\1\d{4}\b")]
    private static partial Regex Anywhere();
}
