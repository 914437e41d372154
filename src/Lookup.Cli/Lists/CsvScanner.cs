// Purpose: find the end of a CSV record and the position of its number without allocating a string.
//
// RFC 4180 plus two rules, because lists are long and quotes are often wrong. A quote opens a quoted value only at the
// start of the value; elsewhere it is an ordinary character. And a record over several lines is accepted only if it is
// complete: if a quote is never closed, or the count of columns is wrong, only the first line is rejected and reading
// continues at the next line. So a forgotten quote costs one line and not the rest of the file.
namespace Lookup.Cli.Lists;

/// <summary>A record at the start of some bytes.</summary>
internal struct CsvRecord
{
    /// <summary>Bytes of the record without its line end.</summary>
    public int Content;

    /// <summary>Bytes of the record with its line end.</summary>
    public int Total;

    /// <summary>Lines of the record.</summary>
    public int Lines;

    /// <summary>Start of the wanted column, after its opening quote.</summary>
    public int FieldStart;

    public int FieldLength;

    /// <summary>Columns of the record; valid only without a fault.</summary>
    public int Columns;

    public ListFault Fault;
}

internal static class CsvScanner
{
    /// <summary>Finds the first record.</summary>
    /// <param name="data">Bytes from the start of a record.</param>
    /// <param name="last">Whether nothing follows <paramref name="data"/>.</param>
    /// <param name="delimiter">The column delimiter.</param>
    /// <param name="column">The column to locate, from 0.</param>
    /// <param name="columns">Columns that a record must have; 0: any.</param>
    /// <param name="record">The record.</param>
    /// <returns>False if the record continues after <paramref name="data"/>.</returns>
    public static bool TryRead(ReadOnlySpan<byte> data, bool last, byte delimiter, int column, int columns, out CsvRecord record)
    {
        record = default;
        var end = data.IndexOf((byte)'\n');
        if (end < 0 && !last)
        {
            return false;
        }

        var line = end < 0 ? data : data[..end];
        if (line.IndexOf((byte)'"') < 0)
        {
            TakeLine(data, line, ref record);
            Locate(line[..record.Content], delimiter, column, ref record);
            if (columns > 0 && record.Columns != columns)
            {
                record.Fault = ListFault.Columns;
            }

            return true;
        }

        return TryReadQuoted(data, line, last, delimiter, column, columns, ref record);
    }

    /// <summary>Returns the values of one complete record as bytes, without quotes.</summary>
    public static List<byte[]> Values(ReadOnlySpan<byte> content, byte delimiter)
    {
        var ranges = new Range[content.Count(delimiter) + 1];
        var values = new List<byte[]>();
        foreach (var range in ranges.AsSpan(0, Split(content, delimiter, ranges)))
        {
            values.Add(content[range].ToArray());
        }

        return values;
    }

    /// <summary>Finds the values of one complete record, without their quotes; doubled quotes stay doubled.</summary>
    /// <returns>The count of values, which may exceed the room for them.</returns>
    public static int Split(ReadOnlySpan<byte> content, byte delimiter, Span<Range> values)
    {
        var position = 0;
        for (var count = 0; ; count++)
        {
            int start;
            int end;
            if (position < content.Length && content[position] == '"')
            {
                start = position + 1;
                end = start + content[start..].IndexOf((byte)'"');
                while (end + 1 < content.Length && content[end + 1] == '"')
                {
                    end += 2;
                    end += content[end..].IndexOf((byte)'"');
                }

                position = end + 1;
            }
            else
            {
                start = position;
                var length = content[start..].IndexOf(delimiter);
                position = end = length < 0 ? content.Length : start + length;
            }

            if (count < values.Length)
            {
                values[count] = start..end;
            }

            if (position >= content.Length || content[position] != delimiter)
            {
                return count + 1;
            }

            position++;
        }
    }

    private static void TakeLine(ReadOnlySpan<byte> data, ReadOnlySpan<byte> line, ref CsvRecord record)
    {
        record.Lines = 1;
        record.Total = Math.Min(line.Length + 1, data.Length);
        record.Content = line.Length > 0 && line[^1] == '\r' ? line.Length - 1 : line.Length;
    }

    private static void Locate(ReadOnlySpan<byte> content, byte delimiter, int column, ref CsvRecord record)
    {
        var start = 0;
        for (var i = 0; i < column; i++)
        {
            var next = content[start..].IndexOf(delimiter);
            if (next < 0)
            {
                record.Columns = i + 1;
                return;
            }

            start += next + 1;
        }

        var rest = content[start..];
        var length = rest.IndexOf(delimiter);
        record.FieldStart = start;
        record.FieldLength = length < 0 ? rest.Length : length;
        record.Columns = column + 1 + (length < 0 ? 0 : rest.Count(delimiter));
    }

    private static bool TryReadQuoted(
        ReadOnlySpan<byte> data, ReadOnlySpan<byte> line, bool last, byte delimiter, int column, int columns, ref CsvRecord record)
    {
        var position = 0;
        for (var index = 0; ; index++)
        {
            int start;
            int end;
            if (position < data.Length && data[position] == '"')
            {
                start = position + 1;
                end = start;
                while (true)
                {
                    var quote = data[end..].IndexOf((byte)'"');
                    if (quote < 0)
                    {
                        return last && Refuse(data, line, ref record);
                    }

                    end += quote;
                    if (end + 1 == data.Length && !last)
                    {
                        return false;
                    }

                    if (end + 1 == data.Length || data[end + 1] != '"')
                    {
                        break;
                    }

                    end += 2;
                }

                position = end + 1;
            }
            else
            {
                start = position;
                var length = data[position..].IndexOfAny(delimiter, (byte)'\n');
                if (length < 0 && !last)
                {
                    return false;
                }

                position = length < 0 ? data.Length : position + length;
                end = position;
                if (end > start && data[end - 1] == '\r' && (position == data.Length || data[position] == '\n'))
                {
                    end--;
                }
            }

            if (index == column)
            {
                record.FieldStart = start;
                record.FieldLength = end - start;
            }

            if (position < data.Length && data[position] == delimiter)
            {
                position++;
                continue;
            }

            record.Columns = index + 1;
            return TryEnd(data, line, last, position, columns, ref record);
        }
    }

    /// <summary>Checks that the line ends after the last value.</summary>
    private static bool TryEnd(ReadOnlySpan<byte> data, ReadOnlySpan<byte> line, bool last, int position, int columns, ref CsvRecord record)
    {
        var rest = data[position..];
        if (rest is [(byte)'\r'] && !last)
        {
            return false;
        }

        if (rest is not ([] or [(byte)'\n', ..] or [(byte)'\r'] or [(byte)'\r', (byte)'\n', ..]))
        {
            return Refuse(data, line, ref record);
        }

        if (rest.IsEmpty && !last)
        {
            return false;
        }

        record.Content = position > 0 && data[position - 1] == '\r' ? position - 1 : position;
        record.Total = position + (rest is [] ? 0 : rest is [(byte)'\r', (byte)'\n', ..] ? 2 : 1);
        record.Lines = 1 + data[..record.Content].Count((byte)'\n');
        if (columns > 0 && record.Columns != columns)
        {
            if (record.Lines > 1)
            {
                return Refuse(data, line, ref record);
            }

            record.Fault = ListFault.Columns;
        }

        return true;
    }

    private static bool Refuse(ReadOnlySpan<byte> data, ReadOnlySpan<byte> line, ref CsvRecord record)
    {
        record = new CsvRecord { Fault = ListFault.Quote };
        TakeLine(data, line, ref record);
        return true;
    }
}
