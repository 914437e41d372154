using System.Text;
using System.Text.Unicode;
using CsvHelper;

namespace Lookup.Cli.Import;

/// <summary>
/// Reads delimited text. A line break inside quotes is refused, so that a quote that is never closed costs one line and
/// not the rest of the file.
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

    /// <summary>Reads the header; <paramref name="separator"/> null: the one that its line shows.</summary>
    /// <exception cref="CliException">The header does not fit the mapping.</exception>
    public CsvRecordReader(InputFile input, ColumnMap map, char? separator, bool noHeader)
    {
        _reader = CsvReader.Create(
            // A byte more than a line may have shows that it was longer.
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
                    : $"{input.Name} is empty: there is nothing to import.");
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

        // The reader skips malformed lines and goes on to the next good one, so those come first.
        if (_malformed.TryDequeue(out var bad))
        {
            record.Begin(bad.LineNumber, Encoding.UTF8.GetBytes(bad.RawRecord));
            record.Faults.Add(new LineFault("", $"the line has {Describe(bad.Reason)}"));
            return true;
        }

        if (!_pending)
        {
            return false;
        }

        _pending = false;
        Take(record);
        return true;
    }

    public void Dispose() => _reader.Dispose();

    /// <summary>The separator that occurs most often in the first line outside quotes; a comma where there is none.</summary>
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
                        ? $"{input.Name}: column {columns[i]} has no field: map it with --map field={columns[i]}, or leave it out with --ignore {columns[i]}."
                        : $"{input.Name}, line 1: {fault}");
                }

                continue;
            }

            if (!seen.TryAdd(field, columns[i]) && (field != Field.Number || map.NumberParts.Count == 0))
            {
                throw CliException.Usage($"{input.Name}, line 1: {ColumnMap.Twice(field, seen[field], columns[i])}");
            }

            fields[i] = field;
        }

        var order = map.NumberParts.Select(part => Array.FindIndex(columns, column => column.Equals(part, StringComparison.OrdinalIgnoreCase))).ToList();
        if (!order.SequenceEqual(order.Order()))
        {
            throw CliException.Usage($"{input.Name}: --map number={string.Join('+', map.NumberParts)} must name the columns in the order of the file.");
        }

        if (!map.Has(Field.Number))
        {
            throw CliException.Usage(
                $"{input.Name}, line 1: no column holds the number: map it with --map number=COLUMN; the columns are: {string.Join(", ", columns)}.");
        }

        if (!map.Has(Field.Kind))
        {
            throw CliException.Usage(
                $"{input.Name}, line 1: no column holds the kind of fact: say it with --set kind=KIND ({KindNames.List}), or map a column with --map kind=COLUMN.");
        }

        return fields;
    }

    private static string Describe(CsvMalformedReason reason) => reason switch
    {
        CsvMalformedReason.StrayQuote => "a quote inside a value that is not quoted: quote the value and double the quote",
        CsvMalformedReason.TextAfterClosingQuote => "text after a closing quote: double a quote that belongs to the value",
        CsvMalformedReason.UnterminatedQuote => "a quote that is never closed",
        CsvMalformedReason.LineBreakInQuotes => "a quote that is not closed on the same line",
        _ => "a form that cannot be read",
    };

    private bool ReadNext()
    {
        try
        {
            return _reader.Read();
        }
        catch (CsvFormatException exception)
        {
            throw new CliException($"Line {exception.LineNumber} cannot be read as delimited text: the file is damaged or of another format.", inner: exception);
        }
    }

    private void Take(ImportRecord record)
    {
        var raw = _reader.RawRecord;
        if (_raw.Length < raw.Length)
        {
            _raw = new byte[raw.Length * 2];
        }

        raw.CopyTo(_raw);
        record.Begin(_reader.LineNumber, _raw.AsMemory(0, raw.Length));
        if (raw.Length > ImportRecord.MaxLine)
        {
            record.Faults.Add(new LineFault("", $"the line is longer than {ImportRecord.MaxLine} bytes"));
            return;
        }

        if (!Utf8.IsValid(raw))
        {
            record.Faults.Add(new LineFault("", "the line is not UTF-8: save the file with that encoding"));
            return;
        }

        if (_reader.FieldCount != _fields.Length)
        {
            if (_reader.FieldCount == 1 && _reader.IsEmpty(0))
            {
                record.Faults.Add(new LineFault("", "the line is blank"));
                return;
            }

            record.Faults.Add(new LineFault("", $"the line has {_reader.FieldCount} values where the first line has {_fields.Length}"));
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

    /// <summary>The text of a column; a value that repeats from line to line is made once.</summary>
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
