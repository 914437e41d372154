using System.Text;

namespace Lookup.Cli.Agi;

/// <summary>Reads lines that end with a line feed from a connection, with a limit on their length.</summary>
internal sealed class AgiLines(Stream stream)
{
    /// <summary>Longest line in bytes. Asterisk cuts its own at 4,096.</summary>
    public const int MaxLine = 4096;

    private readonly byte[] _buffer = new byte[MaxLine];
    private int _start;
    private int _end;

    /// <summary>Returns the next line without its end.</summary>
    /// <exception cref="AgiFault">The connection ended, or the line is too long.</exception>
    public async ValueTask<string> ReadAsync(CancellationToken ct)
    {
        var searched = 0;
        while (true)
        {
            var length = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            if (length >= 0)
            {
                length += searched;
                // Latin-1 keeps every byte apart, so that nothing is lost in a caller's name of another encoding.
                var line = Encoding.Latin1.GetString(_buffer, _start, length).TrimEnd('\r');
                _start += length + 1;
                return line;
            }

            searched = _end - _start;
            if (searched == MaxLine)
            {
                throw new AgiFault($"A line is longer than {MaxLine} bytes.");
            }

            if (_start > 0)
            {
                Buffer.BlockCopy(_buffer, _start, _buffer, 0, searched);
                (_start, _end) = (0, searched);
            }

            var read = await stream.ReadAsync(_buffer.AsMemory(_end), ct);
            if (read == 0)
            {
                throw new AgiFault("The connection ended.");
            }

            _end += read;
        }
    }
}
