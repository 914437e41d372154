using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Lookup.Cli.Files;
using Lookup.Cli.Lists;

namespace Lookup.Cli.Import;

/// <summary>Reads delimited text. Rejects line breaks inside quotes, so that an unclosed quote costs one line and not the rest of the file.</summary>
internal sealed class CsvRecordReader : IRecordReader
{
    private readonly LineSource _source;
    private readonly byte _delimiter;
    private readonly string[] _columns;
    private readonly Field?[] _fields;
    private readonly bool _hasParts;
    private readonly IReadOnlyList<int> _partLengths;
    private readonly Range[] _values;
    private readonly byte[][] _lastBytes;
    private readonly string[] _lastTexts;
    private readonly LineFilter? _filter;
    private readonly int _answer = -1;
    private readonly string? _region;
    private readonly string _reasonPrefix;
    private long _lines;
    private string? _total;

    /// <summary>Reads the header; detects the delimiter if <paramref name="separator"/> is null.</summary>
    /// <exception cref="CliException">The header does not fit the mapping.</exception>
    public CsvRecordReader(InputFile input, ColumnMap map, char? separator, bool noHeader, LineFilter? filter = null)
    {
        _filter = filter;
        _region = map.Fixed.GetValueOrDefault(Field.Region);
        _reasonPrefix = map.ReasonPrefix;
        var layout = LayoutSniffer.Lines(input, ImportFormat.Csv, separator);
        _delimiter = layout.Delimiter;
        _source = new LineSource(input, layout);
        try
        {
            var first = new ImportRecord();
            if (!_source.Read(first, out var fault))
            {
                throw new CliException($"{input.Name} is empty: there is nothing to import.");
            }

            if (fault != ListFault.None)
            {
                throw new CliException($"{input.At(first.Line)}: {(fault == ListFault.Quote ? "in the header " + QuoteFault : first.Faults[0].Reason)}.");
            }

            var header = CsvScanner.Values(first.Raw.Span, _delimiter);
            _columns = [.. header.Select((name, i) => noHeader ? (i + 1).ToString(CultureInfo.InvariantCulture) : Encoding.UTF8.GetString(name).Trim())];
            _fields = Resolve(input, map, _columns, input.At(first.Line), noHeader);
            map.CheckNeeds(input.Name);
            if (filter?.Column is { } answer)
            {
                _answer = Array.FindIndex(_columns, column => column.Equals(answer, StringComparison.OrdinalIgnoreCase));
            }

            _hasParts = map.NumberParts.Count > 0;
            _partLengths = map.PartLengths;
            _values = new Range[_columns.Length];
            _lastBytes = new byte[_columns.Length][];
            _lastTexts = new string[_columns.Length];
            if (noHeader)
            {
                _source.Rewind();
            }
        }
        catch
        {
            _source.Dispose();
            throw;
        }
    }

    private static string QuoteFault => "a quote is not closed on its line, or text follows a closing quote: double a quote that is part of a value";

    public long Skipped => _filter?.Skipped ?? 0;

    public IEnumerable<string> Notes => (_filter?.Notes ?? []).Concat(_total is null ? [] : [_total]);

    public bool Read(ImportRecord record)
    {
        while (_source.Read(record, out var fault))
        {
            _lines++;
            if (fault == ListFault.Quote)
            {
                record.Faults.Add(new LineFault("", QuoteFault));
            }
            else if (fault == ListFault.None && !TryCopyFields(record))
            {
                continue;
            }

            return !IsTotal(record);
        }

        return false;
    }

    public void Dispose() => _source.Dispose();

    private static Field?[] Resolve(InputFile input, ColumnMap map, string[] columns, string at, bool noHeader)
    {
        map.CheckMapped(columns, input.Name);
        var fields = new Field?[columns.Length];
        var seen = new Dictionary<Field, string>();
        for (var i = 0; i < columns.Length; i++)
        {
            if (!map.TryResolve(columns[i], out var field, out var fault))
            {
                if (fault.Length > 0)
                {
                    throw CliException.Usage(noHeader
                        ? $"{input.Name}: column {columns[i]} is not mapped: use --map field={columns[i]} or --ignore {columns[i]}."
                        : $"{at}: {fault}");
                }

                continue;
            }

            if (!seen.TryAdd(field, columns[i]) && (field != Field.Number || map.NumberParts.Count == 0))
            {
                throw CliException.Usage($"{at}: {ColumnMap.Duplicate(field, seen[field], columns[i])}");
            }

            fields[i] = field;
        }

        var order = map.NumberParts.Select(part => Array.FindIndex(columns, column => column.Equals(part, StringComparison.OrdinalIgnoreCase))).ToList();
        if (!order.SequenceEqual(order.Order()))
        {
            throw CliException.Usage($"{input.Name}: --map number={string.Join('+', map.NumberParts)} must name the columns in file order.");
        }

        if (!map.Has(Field.Number))
        {
            throw CliException.Usage(
                $"{at}: no column for the number: use --map number=COLUMN; the columns are: {string.Join(", ", columns)}.");
        }

        if (!map.Has(Field.Kind))
        {
            throw CliException.Usage(
                $"{at}: no column for the kind of fact: use --set kind=KIND ({KindNames.List}) or --map kind=COLUMN.");
        }

        return fields;
    }

    /// <summary>Whether the line states the count of lines before it, so that no line follows.</summary>
    private bool IsTotal(ImportRecord record)
    {
        if (_lines == 1 || !_source.IsAtEnd || TrailingTotal.Of(record.Raw.Span, record[Field.Region] ?? _region, out var isNamed) is not { } count)
        {
            return false;
        }

        if (count == _lines - 1)
        {
            _total = $"the last line counts {count:N0} lines, as many as there are";
            return true;
        }

        if (isNamed)
        {
            record.Faults.Clear();
            record.Faults.Add(new LineFault("", $"the line counts {count:N0} lines, but {_lines - 1:N0} are before it: the file may be incomplete"));
        }

        return false;
    }

    /// <summary>Copies the values; false if the line has no fact.</summary>
    private bool TryCopyFields(ImportRecord record)
    {
        var raw = record.Raw.Span;
        var count = CsvScanner.Split(raw, _delimiter, _values);
        // Some programs end every line but the header with a delimiter.
        if (count != _columns.Length && !(count == _columns.Length + 1 && raw[^1] == _delimiter))
        {
            record.Faults.Add(new LineFault("", $"the line has {count} values; the first line has {_columns.Length}"));
            return true;
        }

        if (_answer >= 0)
        {
            var isText = TryText(raw[_values[_answer]], _answer, out var answer);
            if (!_filter!.Counts(isText ? answer : "?", out var fault))
            {
                if (fault.Length == 0)
                {
                    return false;
                }

                record.Faults.Add(new LineFault(_columns[_answer], fault));
            }
        }

        var part = 0;
        for (var i = 0; i < _fields.Length; i++)
        {
            if (_fields[i] is not { } field)
            {
                continue;
            }

            if (!TryText(raw[_values[i]], i, out var text))
            {
                record.Faults.Add(new LineFault(_columns[i], "the text is not UTF-8: save the file as UTF-8, or set --encoding windows-1252"));
            }
            else if (field == Field.Number && _hasParts)
            {
                AddPart(record, i, part++, text);
            }
            else
            {
                record[field] = field == Field.Reason && text.Length > 0 ? _reasonPrefix + text : text;
            }
        }

        return _filter is null || record.Faults.Count > 0 || _filter.Counts(record[Field.Number] ?? "", record[Field.Region] ?? _region);
    }

    /// <summary>Adds a part of the number; without a part, the rest could be another number.</summary>
    private void AddPart(ImportRecord record, int column, int part, string text)
    {
        if (text.Length == 0 || (part < _partLengths.Count && text.Length != _partLengths[part]))
        {
            record.Faults.Add(new LineFault(_columns[column], text.Length == 0 ? "a part of the number is missing" : $"this part of the number must have {_partLengths[part]} digits"));
        }

        record[Field.Number] += text;
    }

    /// <summary>Returns the text of a column; reuses the string if the value repeats on the next line.</summary>
    private bool TryText(ReadOnlySpan<byte> bytes, int column, out string text)
    {
        if (_lastBytes[column] is { } last && bytes.SequenceEqual(last))
        {
            text = _lastTexts[column];
            return true;
        }

        text = "";
        if (!Utf8.IsValid(bytes))
        {
            return false;
        }

        text = Encoding.UTF8.GetString(bytes).Trim();
        text = bytes.Contains((byte)'"') ? text.Replace("\"\"", "\"", StringComparison.Ordinal) : text;
        _lastBytes[column] = bytes.ToArray();
        _lastTexts[column] = text;
        return true;
    }
}
