using System.Text;
using System.Text.Unicode;
using CsvHelper;

namespace Lookup.Cli.Import;

/// <summary>
/// Reads delimited text. Rejects line breaks inside quotes, so that an unclosed quote costs one line and not the rest of
/// the file.
/// </summary>
internal sealed class CsvRecordReader : IRecordReader
{
    private readonly CsvReader _reader;
    private readonly Queue<CsvMalformedRecord> _malformed = new();
    private readonly Field?[] _fields;
    private readonly byte[][] _lastBytes;
    private readonly string[] _lastTexts;
    private byte[] _raw = [];
    private bool _pending;

    /// <summary>Reads the header; detects the delimiter from it if <paramref name="separator"/> is null.</summary>
    /// <exception cref="CliException">The header does not fit the mapping.</exception>
    public CsvRecordReader(InputFile input, ColumnMap map, char? separator, bool noHeader)
    {
        _reader = CsvReader.Create(
            // One byte more than the maximum, to detect longer lines.
            new ShortLineStream(input.Stream, ImportRecord.MaxLine + 1),
            new CsvReaderOptions
            {
                HasHeader = false,
                Separator = separator ?? DetectSeparator(input.Head),
                TrackLineNumbers = true,
                AllowLineBreaksInQuotes = false,
                MalformedData = CsvMalformedDataHandling.Skip,
                OnMalformedRecord = _malformed.Enqueue,
                BufferSize = 4 * ImportRecord.MaxLine,
            },
            leaveOpen: true);
        try
        {
            if (!_reader.Read() || _malformed.Count > 0)
            {
                throw new CliException(_malformed.TryPeek(out var bad)
                    ? $"{input.Name}, line {bad.LineNumber}: the header has {Describe(bad.Reason)}."
                    : $"{input.Name} is empty.");
            }

            var columns = Enumerable.Range(0, _reader.FieldCount)
                .Select(i => noHeader ? (i + 1).ToString(System.Globalization.CultureInfo.InvariantCulture) : _reader.GetString(i).Trim())
                .ToArray();
            _fields = Resolve(input, map, columns, noHeader);
            map.CheckNeeds(input.Name);
            _lastBytes = new byte[columns.Length][];
            _lastTexts = new string[columns.Length];
            _pending = noHeader;
        }
        catch
        {
            _reader.Dispose();
            throw;
        }
    }

    public bool Read(ImportRecord record)
    {
        if (_malformed.Count == 0 && !_pending)
        {
            _pending = ReadNext();
        }

        // The reader skips malformed lines up to the next valid one, so report them first.
        if (_malformed.TryDequeue(out var bad))
        {
            record.Reset(bad.LineNumber, Encoding.UTF8.GetBytes(bad.RawRecord));
            record.Faults.Add(new LineFault("", $"the line has {Describe(bad.Reason)}"));
            return true;
        }

        if (!_pending)
        {
            return false;
        }

        _pending = false;
        CopyFields(record);
        return true;
    }

    public void Dispose() => _reader.Dispose();

    /// <summary>Returns the separator that occurs most often outside quotes in the first line; a comma if there is none.</summary>
    internal static char DetectSeparator(ReadOnlySpan<byte> head)
    {
        ReadOnlySpan<char> candidates = [',', ';', '\t', '|'];
        Span<int> counts = stackalloc int[candidates.Length];
        var quoted = false;
        foreach (var b in head)
        {
            if (b is (byte)'\n' or (byte)'\r')
            {
                break;
            }

            quoted ^= b == '"';
            var candidate = quoted ? -1 : candidates.IndexOf((char)b);
            if (candidate >= 0)
            {
                counts[candidate]++;
            }
        }

        var best = 0;
        for (var i = 1; i < counts.Length; i++)
        {
            best = counts[i] > counts[best] ? i : best;
        }

        return candidates[best];
    }

    private static Field?[] Resolve(InputFile input, ColumnMap map, string[] columns, bool noHeader)
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
                        : $"{input.Name}, line 1: {fault}");
                }

                continue;
            }

            if (!seen.TryAdd(field, columns[i]) && (field != Field.Number || map.NumberParts.Count == 0))
            {
                throw CliException.Usage($"{input.Name}, line 1: {ColumnMap.Duplicate(field, seen[field], columns[i])}");
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
                $"{input.Name}, line 1: no column for the number: use --map number=COLUMN; the columns are: {string.Join(", ", columns)}.");
        }

        if (!map.Has(Field.Kind))
        {
            throw CliException.Usage(
                $"{input.Name}, line 1: no column for the kind of fact: use --set kind=KIND ({KindNames.List}) or --map kind=COLUMN.");
        }

        return fields;
    }

    private static string Describe(CsvMalformedReason reason) => reason switch
    {
        CsvMalformedReason.StrayQuote => "a quote inside an unquoted value: quote the value and double the quote",
        CsvMalformedReason.TextAfterClosingQuote => "text after a closing quote: double a quote that is part of the value",
        CsvMalformedReason.UnterminatedQuote => "a quote that is never closed",
        CsvMalformedReason.LineBreakInQuotes => "a quote that is not closed on the same line",
        _ => "invalid CSV syntax",
    };

    private bool ReadNext()
    {
        try
        {
            return _reader.Read();
        }
        catch (CsvFormatException exception)
        {
            throw new CliException($"Line {exception.LineNumber} is not valid CSV: the file is damaged or has another format.", inner: exception);
        }
    }

    private void CopyFields(ImportRecord record)
    {
        var raw = _reader.RawRecord;
        if (_raw.Length < raw.Length)
        {
            _raw = new byte[raw.Length * 2];
        }

        raw.CopyTo(_raw);
        record.Reset(_reader.LineNumber, _raw.AsMemory(0, raw.Length));
        if (raw.Length > ImportRecord.MaxLine)
        {
            record.Faults.Add(new LineFault("", $"the line is longer than {ImportRecord.MaxLine} bytes"));
            return;
        }

        if (!Utf8.IsValid(raw))
        {
            record.Faults.Add(new LineFault("", "the line is not UTF-8: save the file as UTF-8"));
            return;
        }

        if (_reader.FieldCount != _fields.Length)
        {
            if (_reader.FieldCount == 1 && _reader.IsEmpty(0))
            {
                record.Faults.Add(new LineFault("", "the line is blank"));
                return;
            }

            record.Faults.Add(new LineFault("", $"the line has {_reader.FieldCount} values; the first line has {_fields.Length}"));
            return;
        }

        for (var i = 0; i < _fields.Length; i++)
        {
            if (_fields[i] is { } field)
            {
                record[field] = field == Field.Number && record[field] is { } before ? before + Text(i) : Text(i);
            }
        }
    }

    /// <summary>Returns the text of a column; reuses the string if the value repeats on the next line.</summary>
    private string Text(int column)
    {
        var bytes = _reader.GetSpan(column);
        if (_lastBytes[column] is { } last && bytes.SequenceEqual(last))
        {
            return _lastTexts[column];
        }

        var text = Encoding.UTF8.GetString(bytes).Trim();
        _lastBytes[column] = bytes.ToArray();
        _lastTexts[column] = text;
        return text;
    }
}
