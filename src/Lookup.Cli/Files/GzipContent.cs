using System.IO.Compression;

namespace Lookup.Cli.Files;

/// <summary>Decompresses all members of a gzip file, and refuses other bytes between or behind them, which <see cref="GZipStream"/> drops.</summary>
internal sealed class GzipContent : ForwardStream
{
    private readonly string _name;
    private readonly string? _path;
    private readonly Feed _feed;
    private readonly GZipStream _members;

    /// <param name="content">The compressed content.</param>
    /// <param name="name">Name of the file, for messages.</param>
    /// <param name="path">The file, to find the first other byte; null: it cannot be read twice.</param>
    public GzipContent(Stream content, string name, string? path)
    {
        (_name, _path) = (name, path);
        _feed = new Feed(content, long.MaxValue);
        _members = new GZipStream(_feed, CompressionMode.Decompress);
    }

    public override int Read(Span<byte> buffer)
    {
        var read = _members.Read(buffer);
        // After a member the decompressor asks for more, unless it holds bytes that are not another member.
        return read > 0 || buffer.IsEmpty || _feed.HasEnded ? read
            : throw new CliException($"{_name} has bytes after its gzip content, {Place()}: a part of the list may be lost. Compress the whole list again.");
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _members.Dispose();
        }

        base.Dispose(disposing);
    }

    private string Place()
    {
        if (_path is null)
        {
            return $"before byte {_feed.Position + 1}";
        }

        // Read again, byte by byte from where the last bytes were handed out.
        using var file = new FileStream(_path, FileMode.Open, FileAccess.Read, FileShare.Read);
        var feed = new Feed(file, _feed.Start);
        using var members = new GZipStream(feed, CompressionMode.Decompress);
        var buffer = new byte[1 << 16];
        try
        {
            while (members.Read(buffer) > 0)
            {
            }
        }
        catch (InvalidDataException)
        {
            // The other bytes begin like a member.
        }

        return $"from byte {feed.Position}";
    }

    /// <summary>Hands out the compressed content, byte by byte from a position.</summary>
    private sealed class Feed(Stream content, long single) : ForwardStream
    {
        /// <summary>Whether the end was read.</summary>
        public bool HasEnded { get; private set; }

        /// <summary>Bytes handed out.</summary>
        public new long Position { get; private set; }

        /// <summary>Bytes handed out before the last read.</summary>
        public long Start { get; private set; }

        public override int Read(Span<byte> buffer)
        {
            var read = content.Read(buffer[..(int)Math.Min(buffer.Length, Math.Max(1, single - Position))]);
            HasEnded |= read == 0;
            (Start, Position) = (Position, Position + read);
            return read;
        }
    }
}
