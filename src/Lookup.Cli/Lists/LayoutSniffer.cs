using System.Text;
using Lookup.Cli.Files;

namespace Lookup.Cli.Lists;

/// <summary>Layout options of the command line; null: detect.</summary>
internal sealed record LayoutChoice(ImportFormat? Format, char? Delimiter, bool? Header, string? Column, string? Region);

/// <summary>
/// Detects the layout of a list from its beginning. An ambiguous layout is an error, never a guess: the wrong column would
/// permit calls to numbers that were not checked.
/// </summary>
internal static class LayoutSniffer
{
    private const int SampleRecords = 1000;

    private static readonly byte[] ByteOrderMark = [0xef, 0xbb, 0xbf];

    /// <summary>Detects the layout.</summary>
    /// <exception cref="CliException">The column of the number is ambiguous.</exception>
    public static ListLayout Sniff(InputFile input, LayoutChoice choice)
    {
        var layout = Begin(input, choice.Region, out var text, out var separator);
        if (choice.Delimiter is not null && input.IsTable)
        {
            throw CliException.Usage($"--delimiter applies only to CSV, but {input.Name} is not a text: drop it.");
        }

        choice = choice with { Delimiter = choice.Delimiter ?? separator };
        layout = layout with { Format = choice.Format ?? Format(input, text) };
        return layout.Format == ImportFormat.Ndjson
            ? JsonSniffer.Sniff(input.Name, layout, text, IsWhole(input), choice)
            : Csv(input, layout, text, IsWhole(input), choice);
    }

    /// <summary>Detects how the file splits into lines and values, without choosing a column.</summary>
    public static ListLayout Lines(InputFile input, ImportFormat format, char? delimiter)
    {
        var layout = Begin(input, null, out var text, out var separator);
        return layout with
        {
            Format = format,
            Columns = 0,
            IsSingleLine = true,
            Delimiter = (byte)(input.IsTable ? ',' : delimiter ?? separator ?? (char)DetectDelimiter(text, IsWhole(input))),
        };
    }

    /// <summary>Returns the values of the first lines.</summary>
    public static List<string[]> FirstLines(InputFile input, ListLayout layout)
    {
        _ = Begin(input, null, out var text, out _);
        return Sample(text, IsWhole(input), layout.Delimiter, out _, out _);
    }

    private static bool IsWhole(InputFile input) => input.Head.Length < InputFile.HeadSize;

    /// <summary>Finds what stands before the first line.</summary>
    private static ListLayout Begin(InputFile input, string? region, out ReadOnlySpan<byte> text, out char? separator)
    {
        var head = input.Head.AsSpan();
        var mark = head.StartsWith(ByteOrderMark) ? ByteOrderMark : [];
        separator = input.SeparatorLine(out var separatorLine);
        var skip = mark.Length + (separator is null ? 0 : separatorLine);
        text = head[skip..];
        var end = text.IndexOf((byte)'\n');
        return new ListLayout
        {
            Format = ImportFormat.Csv,
            Region = region,
            Mark = mark,
            Skip = skip,
            SkipLines = separator is null ? 0 : 1,
            NewLine = end > 0 && text[end - 1] == '\r' ? [(byte)'\r', (byte)'\n'] : [(byte)'\n'],
        };
    }

    private static ImportFormat Format(InputFile input, ReadOnlySpan<byte> text)
    {
        var start = text.TrimStart([(byte)' ', (byte)'\t', (byte)'\r', (byte)'\n']);
        return start is [(byte)'{', ..] ? ImportFormat.Ndjson : input.DetectFormat();
    }

    private static ListLayout Csv(InputFile input, ListLayout layout, ReadOnlySpan<byte> text, bool isWhole, LayoutChoice choice)
    {
        var name = input.Name;
        var delimiter = (byte)(choice.Delimiter ?? (char)DetectDelimiter(text, isWhole));
        var sample = Sample(text, isWhole, delimiter, out var first, out var before);
        if (sample.Count == 0)
        {
            return text.TrimStart([(byte)' ', (byte)'\t', (byte)'\r', (byte)'\n']).IsEmpty
                ? layout
                : throw new CliException($"{name}: the first line is longer than {InputFile.HeadSize} bytes, or has an unclosed quote, so the columns cannot be detected.");
        }

        if (OddFirstLine(text, isWhole, choice) is { } columnsBelow)
        {
            throw CliException.Usage(
                $"{input.At(layout.SkipLines + before.Lines + 1)}: '{Encoding.UTF8.GetString(text.Slice(before.Bytes, first.Content)).Trim()}' is one value, but the lines after it have {columnsBelow}: remove the line, or set --delimiter.");
        }

        var names = sample[0];
        var columns = Enumerable.Range(0, names.Length)
            .Select(i => new ColumnSample(names[i], sample.Skip(1).Select(values => i < values.Length ? values[i] : ""), choice.Region))
            .ToArray();
        var column = Column(name, names, columns, choice);
        if (columns[column].HoldsDates)
        {
            throw CliException.Usage(
                $"{name}: column {column + 1} '{names[column]}' holds dates such as {columns[column].FirstDate}, not numbers: select another with --column.");
        }

        var isNamed = choice.Column is not null && IsName(names[column], choice.Column);
        var hasHeader = choice.Header ?? (isNamed || ColumnSample.LooksLikeName(names[column], choice.Region));
        layout = layout with
        {
            Delimiter = delimiter,
            Columns = names.Length,
            Column = column,
            HasHeader = hasHeader,
            ColumnName = hasHeader ? names[column] : (column + 1).ToString(System.Globalization.CultureInfo.InvariantCulture),
        };
        return !hasHeader ? layout : layout with
        {
            Header = text.Slice(before.Bytes, first.Content).ToArray(),
            Skip = layout.Skip + before.Bytes + first.Total,
            SkipLines = layout.SkipLines + before.Lines + first.Lines,
            Added = [.. layout.Added.Select(added => Unused(added, names))],
        };
    }

    private static int Column(string name, string[] names, ColumnSample[] columns, LayoutChoice choice)
    {
        if (choice.Column is { } wanted)
        {
            var found = Enumerable.Range(0, names.Length).Where(i => choice.Header != false && IsName(names[i], wanted)).ToList();
            if (found.Count > 1)
            {
                throw CliException.Usage($"{name}: the columns {string.Join(" and ", found.Select(i => i + 1))} are both named '{wanted}': select one by its position.");
            }

            return found.Count == 1 ? found[0]
                : int.TryParse(wanted, out var position) && position >= 1 && position <= names.Length ? position - 1
                : throw CliException.Usage($"{name} has no column '{wanted}'; the columns are {List(names)}.");
        }

        return names.Length == 1 && (columns[0].Numbers > 0 || columns[0].Filled == 0) ? 0 : ColumnSample.Choose(name, columns, List(names));
    }

    private static List<string[]> Sample(
        ReadOnlySpan<byte> text, bool isWhole, byte delimiter, out CsvRecord first, out (int Bytes, int Lines) before)
    {
        var sample = new List<string[]>();
        first = default;
        before = default;
        var start = 0;
        while (sample.Count < SampleRecords && start < text.Length &&
            CsvScanner.TryRead(text[start..], isWhole, delimiter, 0, 0, out var record))
        {
            var content = text.Slice(start, record.Content);
            var isBlank = content.IndexOfAnyExcept((byte)' ', (byte)'\t') < 0;
            start += record.Total;
            if (isBlank && sample.Count == 0)
            {
                before = (start, before.Lines + 1);
            }

            if (isBlank || record.Fault != ListFault.None)
            {
                continue;
            }

            sample.Add([.. CsvScanner.Values(content, delimiter).Select(value => Encoding.UTF8.GetString(value).Trim())]);
            first = sample.Count == 1 ? record : first;
        }

        return sample;
    }

    /// <summary>Returns the delimiter that splits most lines into the same count of columns, else the one that occurs most often in the first line.</summary>
    private static byte DetectDelimiter(ReadOnlySpan<byte> text, bool isWhole)
    {
        var best = (Delimiter: (byte)',', Columns: 1, Alike: 0);
        foreach (var delimiter in ",;\t|"u8)
        {
            var sample = Sample(text, isWhole, delimiter, out _, out _);
            if (sample.Count == 0)
            {
                continue;
            }

            var columns = sample[0].Length;
            var alike = sample.Count(values => values.Length == columns);
            if (columns > 1 && alike * 10 >= sample.Count * 8 && (alike, columns).CompareTo((best.Alike, best.Columns)) > 0)
            {
                best = (delimiter, columns, alike);
            }
        }

        return best.Columns > 1 ? best.Delimiter : MostFrequent(text);
    }

    /// <summary>Returns the delimiter that occurs most often outside quotes in the first line; a comma if there is none.</summary>
    private static byte MostFrequent(ReadOnlySpan<byte> text)
    {
        Span<int> counts = stackalloc int[128];
        var quoted = false;
        foreach (var b in text)
        {
            if (b == '\n')
            {
                break;
            }

            quoted ^= b == '"';
            if (!quoted && b < counts.Length)
            {
                counts[b]++;
            }
        }

        var best = (byte)',';
        foreach (var delimiter in ";\t|"u8)
        {
            best = counts[delimiter] > counts[best] ? delimiter : best;
        }

        return best;
    }

    /// <summary>Returns the columns of the other lines if only the first line is a single value, such as a title; otherwise null.</summary>
    private static int? OddFirstLine(ReadOnlySpan<byte> text, bool isWhole, LayoutChoice choice)
    {
        foreach (var delimiter in choice.Delimiter is { } named ? [(byte)named] : ",;\t|"u8.ToArray())
        {
            var sample = Sample(text, isWhole, delimiter, out _, out _);
            if (sample.Count > 1 && sample[0].Length == 1 && sample[1].Length > 1 && sample.Skip(1).All(values => values.Length == sample[1].Length))
            {
                return sample[1].Length;
            }
        }

        return null;
    }

    private static bool IsName(string name, string wanted) => string.Equals(name.Trim(), wanted.Trim(), StringComparison.OrdinalIgnoreCase);

    private static string List(string[] names) => string.Join(", ", names.Select((name, i) => $"{i + 1} '{name}'"));

    private static string Unused(string added, string[] names)
    {
        var name = added;
        for (var i = 2; names.Any(taken => IsName(taken, name)); i++)
        {
            name = $"{added}_{i}";
        }

        return name;
    }
}
