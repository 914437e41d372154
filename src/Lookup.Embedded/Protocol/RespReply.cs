using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Lookup.Embedded.Protocol;

/// <summary>Writes answers as RESP 2.</summary>
internal sealed class RespReply : IReply
{
    // A buffer that one large answer enlarged is not kept.
    private const int KeptSize = 1024 * 1024;
    private ArrayBufferWriter<byte> _buffer = new(16 * 1024);

    internal ReadOnlyMemory<byte> Written => _buffer.WrittenMemory;

    internal void Clear()
    {
        if (_buffer.Capacity > KeptSize)
        {
            _buffer = new ArrayBufferWriter<byte>(16 * 1024);
        }
        else
        {
            _buffer.ResetWrittenCount();
        }
    }

    /// <summary>Length of the bytes written, to which <see cref="Replace"/> can return.</summary>
    internal int Mark => _buffer.WrittenCount;

    /// <summary>Replaces what a command has answered so far by an error.</summary>
    internal void Replace(int mark, string error)
    {
        var kept = _buffer.WrittenSpan[..mark].ToArray();
        _buffer.ResetWrittenCount();
        _buffer.Write(kept);
        Line((byte)'-', error.ReplaceLineEndings(" "));
    }

    public void Status(string text) => Line((byte)'+', text);

    public void Number(long value) => Head((byte)':', value);

    public void Bytes(ReadOnlySpan<byte> value)
    {
        Head((byte)'$', value.Length);
        _buffer.Write(value);
        _buffer.Write("\r\n"u8);
    }

    public void Null() => _buffer.Write("$-1\r\n"u8);

    public void Array(int count) => Head((byte)'*', count);

    private void Line(byte kind, string text)
    {
        _buffer.Write([kind]);
        _buffer.Write(Encoding.UTF8.GetBytes(text));
        _buffer.Write("\r\n"u8);
    }

    private void Head(byte kind, long value)
    {
        var span = _buffer.GetSpan(32);
        span[0] = kind;
        Utf8Formatter.TryFormat(value, span[1..], out var length);
        span[length + 1] = (byte)'\r';
        span[length + 2] = (byte)'\n';
        _buffer.Advance(length + 3);
    }
}
