using System.Buffers.Text;

namespace Lookup.Redis.Topology;

/// <summary>Frames commands for the server in a buffer of a fixed size. The caller ensures that they fit.</summary>
internal sealed class RespBuffer(int size)
{
    private byte[] _bytes = new byte[size];

    internal int Length { get; private set; }

    internal int Free => _bytes.Length - Length;

    internal ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Length);

    internal void Clear() => Length = 0;

    /// <summary>Returns the buffer and continues with a new one.</summary>
    internal ReadOnlyMemory<byte> Detach()
    {
        var written = Written;
        _bytes = new byte[_bytes.Length];
        Length = 0;
        return written;
    }

    internal void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_bytes.AsSpan(Length));
        Length += bytes.Length;
    }

    /// <summary>Starts a command with this number of words, including its name.</summary>
    internal void AppendCommand(int words)
    {
        _bytes[Length++] = (byte)'*';
        AppendNumber(words);
    }

    /// <summary>Appends a word of a command.</summary>
    internal void AppendBulk(ReadOnlySpan<byte> bytes) => bytes.CopyTo(AppendBulk(bytes.Length));

    /// <summary>Appends a word of a command, which the caller writes into the returned span.</summary>
    internal Span<byte> AppendBulk(int length)
    {
        _bytes[Length++] = (byte)'$';
        AppendNumber(length);
        var word = _bytes.AsSpan(Length, length);
        Length += length;
        Append("\r\n"u8);
        return word;
    }

    private void AppendNumber(int number)
    {
        Utf8Formatter.TryFormat(number, _bytes.AsSpan(Length), out var written);
        Length += written;
        Append("\r\n"u8);
    }
}
