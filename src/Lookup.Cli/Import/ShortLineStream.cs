namespace Lookup.Cli.Import;

/// <summary>Cuts lines behind so many bytes, for a reader that would hold a line of any length in memory. Line ends stay.</summary>
/// <param name="content">The lines.</param>
/// <param name="longest">Bytes that are left of a line, without its end.</param>
internal sealed class ShortLineStream(Stream content, int longest) : Stream
{
    // Of the line that is being read.
    private long _length;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        int read;
        int kept;
        do
        {
            read = content.Read(buffer);
            kept = Cut(buffer[..read]);
        }
        while (kept == 0 && read > 0);

        return kept;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private int Cut(Span<byte> bytes)
    {
        var kept = 0;
        for (var at = 0; at < bytes.Length;)
        {
            var end = bytes[at..].IndexOfAny((byte)'\n', (byte)'\r');
            var length = end < 0 ? bytes.Length - at : end;
            var keep = (int)Math.Clamp(longest - _length, 0, length);
            _length = end < 0 ? _length + length : 0;
            if (kept != at)
            {
                bytes.Slice(at, keep).CopyTo(bytes[kept..]);
            }

            kept += keep;
            at += length;
            if (end >= 0)
            {
                bytes[kept++] = bytes[at++];
            }
        }

        return kept;
    }
}
