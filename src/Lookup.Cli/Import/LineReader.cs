namespace Lookup.Cli.Import;

/// <summary>Splits a stream into lines of bytes and truncates lines beyond a limit.</summary>
internal sealed class LineReader(Stream stream, int maxLine)
{
    private readonly byte[] _buffer = new byte[Math.Max(maxLine, 64 * 1024) * 2];
    private int _start;
    private int _end;
    private bool _ended;

    /// <summary>Number of the last line read, from 1.</summary>
    public long Line { get; private set; }

    /// <summary>Whether the last line was truncated.</summary>
    public bool TooLong { get; private set; }

    /// <summary>Reads a line without its end; the memory stays valid until the next read.</summary>
    public bool Read(out ReadOnlyMemory<byte> line)
    {
        TooLong = false;
        ReadOnlyMemory<byte> beginning = default;
        while (true)
        {
            var length = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            if (length >= 0 || (_ended && _start < _end))
            {
                var end = length >= 0 ? _start + length : _end;
                var next = length >= 0 ? end + 1 : end;
                if (end > _start && _buffer[end - 1] == '\r')
                {
                    end--;
                }

                TooLong |= end - _start > maxLine;
                line = TooLong ? (beginning.Length > 0 ? beginning : _buffer.AsMemory(_start, maxLine).ToArray()) : _buffer.AsMemory(_start, end - _start);
                _start = next;
                Line++;
                return true;
            }

            if (_ended)
            {
                line = beginning;
                if (TooLong)
                {
                    Line++;
                }

                return TooLong;
            }

            if (_end - _start > maxLine)
            {
                beginning = TooLong ? beginning : _buffer.AsMemory(_start, maxLine).ToArray();
                TooLong = true;
                _start = _end;
            }

            Fill();
        }
    }

    private void Fill()
    {
        Buffer.BlockCopy(_buffer, _start, _buffer, 0, _end - _start);
        _end -= _start;
        _start = 0;
        var read = stream.Read(_buffer, _end, _buffer.Length - _end);
        _ended = read == 0;
        _end += read;
    }
}
