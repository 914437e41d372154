namespace Lookup.Cli.Import;

/// <summary>Truncates long lines, for a reader that would hold a line of any length in memory. Line ends stay.</summary>
/// <param name="content">The lines.</param>
/// <param name="longest">Maximum bytes of a line, without its end.</param>
internal sealed class ShortLineStream(Stream content, int longest) : ForwardStream
{
    // Bytes of the current line so far.
    private long _length;

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
