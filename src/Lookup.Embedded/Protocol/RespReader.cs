using System.Buffers.Text;
using Lookup.Embedded.Engine;

namespace Lookup.Embedded.Protocol;

/// <summary>Reads commands as RESP arrays of strings from a stream.</summary>
internal sealed class RespReader(Stream stream)
{
    /// <summary>Maximum length of a command in bytes: a whole filter plus its frame.</summary>
    private const int MaxCommand = 544 * 1024 * 1024;
    private const int MaxArguments = 1024 * 1024;
    private const int FirstSize = 64 * 1024;

    private byte[] _buffer = new byte[FirstSize];
    private int _start;
    private int _end;

    /// <summary>Reads more bytes.</summary>
    /// <returns>False if the client has closed the connection.</returns>
    internal async ValueTask<bool> FillAsync(CancellationToken cancellation)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start.._end).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length)
        {
            if (_buffer.Length >= MaxCommand)
            {
                throw new CommandFault("ERR Protocol error: a command is too long");
            }

            Array.Resize(ref _buffer, (int)Math.Min(MaxCommand, _buffer.Length * 2L));
        }

        var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellation);
        _end += read;
        return read > 0;
    }

    /// <summary>
    /// Reads the next command; returns false if it is incomplete. The command is valid until the next <see cref="FillAsync"/>.
    /// </summary>
    /// <exception cref="CommandFault">The bytes are not a command.</exception>
    internal bool TryRead(Command command)
    {
        command.Reset(_buffer);
        var at = _start;
        if (!TryHead(ref at, (byte)'*', MaxArguments, out var count))
        {
            return false;
        }

        for (var i = 0; i < count; i++)
        {
            if (!TryHead(ref at, (byte)'$', MaxCommand, out var length) || _end - at < length + 2)
            {
                return false;
            }

            command.Add(at, length);
            at += length + 2;
        }

        _start = at;
        return true;
    }

    private bool TryHead(ref int at, byte kind, int max, out int value)
    {
        value = 0;
        var line = _buffer.AsSpan(at.._end);
        var end = line.IndexOf("\r\n"u8);
        if (end < 0)
        {
            return false;
        }

        if (line[0] != kind || !Utf8Parser.TryParse(line[1..end], out value, out var used) || used != end - 1 || value < 0 || value > max)
        {
            throw new CommandFault("ERR Protocol error: expected an array of strings");
        }

        at += end + 2;
        return true;
    }
}
