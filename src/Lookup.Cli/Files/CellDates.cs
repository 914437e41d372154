using System.Globalization;
using DocumentFormat.OpenXml.Packaging;
using DocumentFormat.OpenXml.Spreadsheet;

namespace Lookup.Cli.Files;

/// <summary>
/// Tells which cells of a workbook show a date, and converts their serial number. A date is a number whose format shows a day or
/// a year; a number with another format is never taken for one.
/// </summary>
internal sealed class CellDates
{
    // Excel counts 29 February 1900, which did not exist, as day 60.
    private const int FirstReliableDay = 61;

    private static readonly DateTime Epoch1900 = new(1899, 12, 30);
    private static readonly DateTime Epoch1904 = new(1904, 1, 1);

    private readonly List<bool> _isDate = [];
    private readonly bool _from1904;

    public CellDates(WorkbookPart workbook)
    {
        _from1904 = workbook.Workbook!.WorkbookProperties?.Date1904?.Value ?? false;
        if (workbook.WorkbookStylesPart?.Stylesheet is not { } styles)
        {
            return;
        }

        var custom = new Dictionary<uint, string>();
        foreach (var format in styles.NumberingFormats?.Elements<NumberingFormat>() ?? [])
        {
            custom[format.NumberFormatId?.Value ?? 0] = format.FormatCode?.Value ?? "";
        }

        foreach (var format in styles.CellFormats?.Elements<CellFormat>() ?? [])
        {
            var id = format.NumberFormatId?.Value ?? 0;
            _isDate.Add(custom.TryGetValue(id, out var code) ? ShowsDate(code) : id is (>= 14 and <= 17) or 22 or (>= 27 and <= 31) or 36 or (>= 50 and <= 58));
        }
    }

    /// <summary>Returns the date or time of a cell in ISO 8601; null if the cell does not show a date.</summary>
    public string? TryDate(uint style, decimal serial)
    {
        if (style >= _isDate.Count || !_isDate[(int)style] || serial < (_from1904 ? 0 : FirstReliableDay) || serial >= 2_958_466)
        {
            return null;
        }

        var days = decimal.Truncate(serial);
        var time = (_from1904 ? Epoch1904 : Epoch1900).AddDays((double)days).AddMilliseconds((double)decimal.Round((serial - days) * 86_400_000m));
        // A serial number holds a time to some milliseconds.
        var second = new DateTime((time.Ticks + (TimeSpan.TicksPerSecond / 2)) / TimeSpan.TicksPerSecond * TimeSpan.TicksPerSecond);
        time = Math.Abs((time - second).TotalMilliseconds) <= 5 ? second : time;
        return time.ToString(
            time.TimeOfDay == TimeSpan.Zero ? "yyyy-MM-dd" : time.Millisecond == 0 ? "yyyy-MM-dd'T'HH:mm:ss" : "yyyy-MM-dd'T'HH:mm:ss.fff",
            CultureInfo.InvariantCulture);
    }

    /// <summary>Whether a number format shows a day or a year: "d" or "y" outside quotes, brackets and escapes.</summary>
    internal static bool ShowsDate(string code)
    {
        for (var i = 0; i < code.Length && code[i] != ';'; i++)
        {
            switch (code[i])
            {
                case '"':
                    i = End(code, '"', i + 1);
                    break;
                case '[':
                    i = End(code, ']', i + 1);
                    break;
                case '\\' or '_' or '*':
                    i++;
                    break;
                case 'd' or 'D' or 'y' or 'Y':
                    return true;
            }
        }

        return false;

        static int End(string code, char end, int from) => code.IndexOf(end, Math.Min(from, code.Length)) is >= 0 and var at ? at : code.Length;
    }
}
