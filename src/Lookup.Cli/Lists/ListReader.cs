using System.Security.Cryptography;
using Lookup.Cli.Files;

namespace Lookup.Cli.Lists;

/// <summary>
/// Splits a list into chunks of records. Reads and hashes every byte once; memory does not depend on the length of the file
/// or its lines.
/// </summary>
internal sealed class ListReader(Stream content, string name, ListLayout layout) : IDisposable
{
    /// <summary>Maximum bytes of a line, or of a record with line breaks inside quotes.</summary>
    public const int MaxLine = 1 << 20;

    /// <summary>Bytes to keep of a longer line.</summary>
    private const int Beginning = 1024;

    private readonly byte[] _buffer = new byte[4 * MaxLine];
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private int _start;
    private int _end;
    private int _hashed;
    private bool _ended;
    private bool _begun;

    /// <summary>Bytes of the content consumed so far.</summary>
    public long Position { get; private set; }

    /// <summary>Lines consumed so far.</summary>
    public long Line { get; private set; }

    /// <summary>Skips what an earlier run processed.</summary>
    /// <returns>False if the content has changed since that run.</returns>
    public bool TrySkip(long position, long line, ReadOnlySpan<byte> hash)
    {
        _begun = true;
        while (Position < position)
        {
            if (_start == _end && !Fill())
            {
                return false;
            }

            Advance((int)Math.Min(position - Position, _end - _start));
        }

        Line = line;
        Span<byte> found = stackalloc byte[32];
        CurrentHash(found);
        return found.SequenceEqual(hash);
    }

    /// <summary>Fills a chunk; false at the end of the list.</summary>
    /// <exception cref="CliException">The file is damaged.</exception>
    public bool Read(ListChunk chunk, CancellationToken ct)
    {
        if (!_begun)
        {
            _begun = true;
            SkipHeader();
        }

        var begin = Position;
        chunk.Reset(Line + 1);
        while (!chunk.IsFull)
        {
            if (!TryReadRecord(chunk))
            {
                ct.ThrowIfCancellationRequested();
                if (_ended)
                {
                    break;
                }

                Fill();
            }
        }

        chunk.EndLine = Line;
        chunk.EndPosition = Position;
        CurrentHash(chunk.EndHash);
        return Position > begin;
    }

    /// <summary>SHA-256 of the content up to <see cref="Position"/>, in hex.</summary>
    public string Hash()
    {
        Span<byte> hash = stackalloc byte[32];
        CurrentHash(hash);
        return Convert.ToHexStringLower(hash);
    }

    public void Dispose() => _hash.Dispose();

    private bool TryReadRecord(ListChunk chunk)
    {
        var data = _buffer.AsSpan(_start, _end - _start);
        if (data.IsEmpty)
        {
            return false;
        }

        // The result must not depend on how much of the file is in the buffer.
        const int Window = MaxLine + 2;
        var isCut = data.Length > Window;
        var window = isCut ? data[..Window] : data;
        var last = _ended && !isCut;
        if (layout.IsSingleLine && window.IndexOf((byte)'\n') is >= 0 and var end)
        {
            // A quote that is not closed costs its line, and no line after it can be part of a value.
            window = window[..(end + 1)];
            last = true;
            isCut = false;
        }

        CsvRecord found;
        if (layout.Format == ImportFormat.Csv)
        {
            if (!CsvScanner.TryRead(window, last, layout.Delimiter, layout.Column, layout.Columns, out found))
            {
                if (!isCut)
                {
                    return false;
                }

                found = FirstLine(window);
                found.Fault = ListFault.Quote;
            }
            else if (found.Lines > 1 && found.Content > MaxLine)
            {
                found = FirstLine(window);
                found.Fault = ListFault.Quote;
            }
        }
        else if (window.IndexOf((byte)'\n') >= 0 || last || isCut)
        {
            found = FirstLine(window);
        }
        else
        {
            return false;
        }

        if (found.Content > MaxLine || (isCut && found.Total == window.Length && window[^1] != '\n'))
        {
            AddTruncated(chunk);
            return true;
        }

        if (data[..found.Content].IndexOfAnyExcept((byte)' ', (byte)'\t') < 0)
        {
            chunk.Blank++;
        }
        else
        {
            chunk.Add(data[..found.Total], new ListRecord
            {
                Content = found.Content,
                Total = found.Total,
                FieldStart = found.FieldStart,
                FieldLength = found.FieldLength,
                Line = (int)(Line + 1 - chunk.FirstLine),
                Fault = found.Fault,
            });
        }

        Line += found.Lines;
        Advance(found.Total);
        return true;
    }

    /// <summary>Keeps the beginning of a line that is too long and skips the rest.</summary>
    private void AddTruncated(ListChunk chunk)
    {
        chunk.Add(_buffer.AsSpan(_start, Beginning), new ListRecord
        {
            Content = Beginning,
            Total = Beginning,
            Line = (int)(Line + 1 - chunk.FirstLine),
            Fault = ListFault.LineTooLong,
        });
        Line++;
        while (true)
        {
            var end = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            Advance(end < 0 ? _end - _start : end + 1);
            if (end >= 0 || !Fill())
            {
                return;
            }
        }
    }

    private static CsvRecord FirstLine(ReadOnlySpan<byte> data)
    {
        var end = data.IndexOf((byte)'\n');
        var length = end < 0 ? data.Length : end;
        return new CsvRecord
        {
            Content = length > 0 && data[length - 1] == '\r' ? length - 1 : length,
            Total = end < 0 ? length : end + 1,
            Lines = 1,
        };
    }

    private void SkipHeader()
    {
        while (Position < layout.Skip)
        {
            if (_start == _end && !Fill())
            {
                return;
            }

            Advance((int)Math.Min(layout.Skip - Position, _end - _start));
        }

        Line = layout.SkipLines;
    }

    private void Advance(int bytes)
    {
        _start += bytes;
        Position += bytes;
    }

    private void CurrentHash(Span<byte> hash)
    {
        HashRead();
        _hash.GetCurrentHash(hash);
    }

    private void HashRead()
    {
        _hash.AppendData(_buffer, _hashed, _start - _hashed);
        _hashed = _start;
    }

    private bool Fill()
    {
        HashRead();
        Buffer.BlockCopy(_buffer, _start, _buffer, 0, _end - _start);
        _end -= _start;
        _start = 0;
        _hashed = 0;
        try
        {
            var read = content.Read(_buffer, _end, _buffer.Length - _end);
            _ended = read == 0;
            _end += read;
            return read > 0;
        }
        catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException)
        {
            throw new CliException($"{name} is truncated or damaged after line {Line}: get a new copy of the file.", inner: exception);
        }
    }
}
