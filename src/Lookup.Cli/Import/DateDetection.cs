using System.Text;
using Lookup.Cli.Files;

namespace Lookup.Cli.Import;

/// <summary>
/// Detects the order of day and month in a file without --date-format. Only dates that have one reading prove an order; a column
/// with a date that has two is refused, never guessed.
/// </summary>
internal sealed class DateDetection
{
    private static readonly Field[] Times = [Field.Effective, Field.Since, Field.Until, Field.Appointment, Field.LastTransaction];

    private readonly Dictionary<Field, (DateText Format, long Line, string Text)> _found = [];

    /// <summary>Whether the beginning of the file has dates to detect.</summary>
    public static bool IsNeeded(InputFile input) => DateText.HasDate(Encoding.UTF8.GetString(input.Head));

    /// <summary>Reads the whole file and returns the order of each column with such dates.</summary>
    /// <exception cref="CliException">A date has two readings, or two dates of a column contradict each other.</exception>
    public static IReadOnlyDictionary<Field, DateText> Run(InputFile input, IRecordReader reader, ColumnMap map)
    {
        var detection = new DateDetection();
        var record = new ImportRecord();
        while (reader.Read(record))
        {
            foreach (var field in Times)
            {
                if (record[field] is { } text)
                {
                    detection.Add(input, map.Where(field), field, record.Line, text);
                }
            }
        }

        return detection._found.ToDictionary(pair => pair.Key, pair => pair.Value.Format);
    }

    private void Add(InputFile input, string column, Field field, long line, string text)
    {
        var (day, month) = DateText.Read(text);
        if (day is null && month is null)
        {
            return;
        }

        if (day is not null && month is not null)
        {
            if (day != month)
            {
                throw CliException.Usage(
                    $"{input.At(line)}, {column}: '{text}' is {Words(day)} or {Words(month)}: set --date-format {Format(text, "d", "M")} or --date-format {Format(text, "M", "d")}.");
            }

            _found.TryAdd(field, (DateText.DayFirst, 0, text));
            return;
        }

        var format = day is not null ? DateText.DayFirst : DateText.MonthFirst;
        if (_found.TryGetValue(field, out var known) && known.Line > 0 && known.Format != format)
        {
            throw CliException.Usage(
                $"{input.At(line)}, {column}: '{text}' has the {(day is not null ? "day" : "month")} first, but '{known.Text}' on line {known.Line} has the {(day is not null ? "month" : "day")} first: write the dates in one form.");
        }

        _found[field] = (format, line, text);
    }

    private static string Words(DateTime? date) => date!.Value.ToString("d MMMM yyyy", System.Globalization.CultureInfo.InvariantCulture);

    // With one letter, days and months of one digit and of two are read.
    private static string Format(string text, string first, string second)
    {
        var separator = text.First(c => !char.IsAsciiDigit(c));
        return $"{first}{separator}{second}{separator}yyyy";
    }
}
