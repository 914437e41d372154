namespace Lookup.Cli.Files;

/// <summary>Passes decompressed content on, and refuses content that no list has: lists of numbers compress to a fifth, at best to a fiftieth.</summary>
/// <param name="content">The decompressed content.</param>
/// <param name="name">Name of the file, for messages.</param>
/// <param name="stored">Bytes of the stored file; null: unknown, so nothing is refused.</param>
internal sealed class ExpansionBound(Stream content, string name, long? stored) : ForwardStream
{
    private const int MaxFactor = 200;

    // Less is read in a second, whatever it is.
    private const long Free = 256L << 20;

    private readonly long _max = stored is { } length ? Math.Max(Free, length * MaxFactor) : long.MaxValue;
    private long _read;

    public override int Read(Span<byte> buffer)
    {
        var read = content.Read(buffer);
        _read += read;
        return _read <= _max ? read
            : throw new CliException($"{name} expands to more than {MaxFactor} times its size, which no list of numbers does: get a new copy of the file.");
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            content.Dispose();
        }

        base.Dispose(disposing);
    }
}
