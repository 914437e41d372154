using System.Globalization;
using System.Text;
using Parquet;
using Parquet.Schema;

namespace Lookup.Cli.Files;

/// <summary>
/// Reads a Parquet file as CSV: the column names, then a line for each row. A whole number keeps its digits, a time becomes ISO 8601,
/// and a value of a nested column becomes a text that no field accepts. One row group is in memory at a time.
/// </summary>
internal sealed class ParquetStream : TextStream
{
    // Read as blank, the value could lose a withdrawal.
    private const string Nested = "#NESTED";

    // Bounds of a row group in memory. Writers make groups of 100,000 to a million rows.
    private const long MaxCells = 32_000_000;
    private const long MaxBytes = 1L << 30;

    private readonly string _name;
    private readonly ParquetReader _reader;
    private readonly DataField[] _fields;
    private Func<int, string>[] _columns = [];
    private int _rows;
    private int _row;
    private int _group = -1;

    private ParquetStream(string name, ParquetReader reader)
    {
        _name = name;
        _reader = reader;
        _fields = reader.Schema.DataFields;
    }

    /// <summary>Opens a file.</summary>
    /// <exception cref="CliException">The file cannot be read, or its row groups are too large.</exception>
    public static ParquetStream Open(Stream file, string name)
    {
        ParquetReader? reader = null;
        try
        {
            file.Position = 0;
            reader = ParquetReader.CreateAsync(file, new ParquetOptions { TreatByteArrayAsString = true }, leaveStreamOpen: true).GetAwaiter().GetResult();
            var stream = new ParquetStream(name, reader);
            stream.CheckSizes();
            return stream;
        }
        catch (Exception exception) when (exception is not CliException)
        {
            Close(reader);
            throw new CliException($"{name} is a Parquet file that cannot be read (encrypted or damaged): write it again, or save it as CSV.", inner: exception);
        }
        catch
        {
            Close(reader);
            throw;
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Close(_reader);
        }

        base.Dispose(disposing);
    }

    protected override void Write(StringBuilder text)
    {
        if (_group < 0)
        {
            _group = 0;
            for (var i = 0; i < _fields.Length; i++)
            {
                Append(text, i, _fields[i].Path.ToString());
            }

            text.Append('\n');
        }

        while (text.Length < Piece && (_row < _rows || TryNextGroup()))
        {
            for (var i = 0; i < _columns.Length; i++)
            {
                Append(text, i, _columns[i](_row));
            }

            text.Append('\n');
            _row++;
        }
    }

    private static void Close(ParquetReader? reader)
    {
        if (reader is not null)
        {
            reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private void CheckSizes()
    {
        if (_fields.Length == 0)
        {
            throw new CliException($"{_name} is a Parquet file without columns.");
        }

        foreach (var group in _reader.RowGroups)
        {
            if (group.RowCount > MaxCells / _fields.Length || group.RowGroup.TotalByteSize > MaxBytes
                || group.RowGroup.Columns.Sum(column => column.MetaData?.TotalUncompressedSize ?? 0) > MaxBytes)
            {
                throw new CliException(
                    $"{_name} has a row group of {group.RowCount:N0} rows and {_fields.Length:N0} columns, more than fits in memory: write it with smaller row groups, for example 100,000 rows.");
            }
        }
    }

    private bool TryNextGroup()
    {
        try
        {
            while (_group < _reader.RowGroupCount)
            {
                using var group = _reader.OpenRowGroupReader(_group++);
                _row = 0;
                _rows = checked((int)group.RowCount);
                if (_rows > 0)
                {
                    _columns = [.. _fields.Select(field => ColumnAsync(group, field).GetAwaiter().GetResult())];
                    return true;
                }
            }

            return false;
        }
        catch (Exception exception)
        {
            throw new InvalidDataException("A row group is damaged.", exception);
        }
    }

    private async Task<Func<int, string>> ColumnAsync(ParquetRowGroupReader group, DataField field)
    {
        if (field.MaxRepetitionLevel > 0 || field.Path.Length > 1)
        {
            return static _ => Nested;
        }

        if (field.ClrType == typeof(string) || field.ClrType == typeof(ReadOnlyMemory<char>))
        {
            var texts = new string?[_rows];
            await group.ReadAsync(field, texts.AsMemory()!);
            return row => texts[row] ?? "";
        }

        return field.ClrType switch
        {
            var type when type == typeof(bool) => await ValuesAsync<bool>(static value => value ? "true" : "false"),
            var type when type == typeof(sbyte) => await NumbersAsync<sbyte>(),
            var type when type == typeof(byte) => await NumbersAsync<byte>(),
            var type when type == typeof(short) => await NumbersAsync<short>(),
            var type when type == typeof(ushort) => await NumbersAsync<ushort>(),
            var type when type == typeof(int) => await NumbersAsync<int>(),
            var type when type == typeof(uint) => await NumbersAsync<uint>(),
            var type when type == typeof(long) => await NumbersAsync<long>(),
            var type when type == typeof(ulong) => await NumbersAsync<ulong>(),
            var type when type == typeof(float) => await ValuesAsync<float>(static value => Fraction(value)),
            var type when type == typeof(double) => await ValuesAsync<double>(static value => Fraction(value)),
            var type when type == typeof(decimal) => await ValuesAsync<decimal>(static value => value.ToString("0.############################", CultureInfo.InvariantCulture)),
            var type when type == typeof(DateTime) => await ValuesAsync<DateTime>(value => Time(field, value)),
            var type when type == typeof(DateOnly) => await ValuesAsync<DateOnly>(static value => value.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)),
            _ => static _ => Nested,
        };

        Task<Func<int, string>> NumbersAsync<T>()
            where T : struct, IFormattable => ValuesAsync<T>(static value => value.ToString(null, CultureInfo.InvariantCulture));

        async Task<Func<int, string>> ValuesAsync<T>(Func<T, string> format)
            where T : struct
        {
            if (field.IsNullable)
            {
                var some = new T?[_rows];
                await group.ReadAsync<T>(field, some.AsMemory());
                return row => some[row] is { } value ? format(value) : "";
            }

            var all = new T[_rows];
            await group.ReadAsync<T>(field, all.AsMemory());
            return row => format(all[row]);
        }
    }

    // Columns of whole numbers with gaps are often stored as fractions; above 2^53 their last digits would be wrong.
    private static string Fraction(double value) => Math.Abs(value) < 1L << 53
        ? value.ToString("0.################", CultureInfo.InvariantCulture)
        : value.ToString("R", CultureInfo.InvariantCulture);

    private static string Time(DataField field, DateTime value)
    {
        var isDate = field is DateTimeDataField { DateTimeFormat: DateTimeFormat.Date };
        var zone = !isDate && (field is not DateTimeDataField { DateTimeFormat: DateTimeFormat.Timestamp } stamp || stamp.IsAdjustedToUTC) ? "'Z'" : "";
        return value.ToString(isDate ? "yyyy-MM-dd" : "yyyy-MM-dd'T'HH:mm:ss.FFFFFF" + zone, CultureInfo.InvariantCulture);
    }

    private static void Append(StringBuilder text, int column, string value)
    {
        text.Append(column > 0 ? "," : "");
        AppendValue(text, value);
    }
}
