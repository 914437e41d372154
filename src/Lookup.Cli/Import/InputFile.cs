using System.Buffers;
using System.IO.Compression;
using System.Security.Cryptography;

namespace Lookup.Cli.Import;

/// <summary>Formats of import files.</summary>
internal enum ImportFormat
{
    Csv,
    Ndjson,
}

/// <summary>An opened import file or standard input: decompressed, with its beginning in <see cref="Head"/>.</summary>
internal sealed class InputFile : IDisposable
{
    /// <summary>Maximum bytes of <see cref="Head"/>.</summary>
    public const int HeadSize = 64 * 1024;

    private static readonly byte[] ByteOrderMark = [0xef, 0xbb, 0xbf];

    private static readonly SearchValues<byte> NumberBytes = SearchValues.Create("+0123456789 -()./"u8);

    private readonly Stream _file;
    private readonly Stream _content;

    private InputFile(string name, string? path, Stream file, Stream content, byte[] head)
    {
        Name = name;
        Path = path;
        _file = file;
        _content = content;
        // Old spreadsheets end lines with CR alone, which every reader would treat as one line.
        HasCarriageReturnsAlone = head.AsSpan().Contains((byte)'\r') && !head.AsSpan().Contains((byte)'\n');
        if (HasCarriageReturnsAlone)
        {
            head.AsSpan().Replace((byte)'\r', (byte)'\n');
        }

        Head = head;
        Stream = new PrefixedStream(head, content, HasCarriageReturnsAlone);
    }

    /// <summary>Name for messages.</summary>
    public string Name { get; }

    /// <summary>Full path; null for standard input.</summary>
    public string? Path { get; }

    /// <summary>The first bytes of the content.</summary>
    public byte[] Head { get; }

    /// <summary>The whole content; line ends of CR alone are replaced by LF.</summary>
    public Stream Stream { get; }

    /// <summary>Whether the lines of the file end in CR alone.</summary>
    public bool HasCarriageReturnsAlone { get; }

    /// <summary>Returns the delimiter of a first line "sep=;", which Excel writes and reads; null if there is none.</summary>
    public char? SeparatorLine(out int bytes)
    {
        var text = Head.AsSpan();
        var mark = text.StartsWith(ByteOrderMark) ? ByteOrderMark.Length : 0;
        text = text[mark..];
        var end = text.IndexOf((byte)'\n');
        var line = (end < 0 ? text : text[..end]).TrimEnd((byte)'\r');
        bytes = end < 0 ? text.Length : end + 1;
        return line.Length == 5 && line.StartsWith("sep="u8) && line[4] is (byte)',' or (byte)';' or (byte)'\t' or (byte)'|' ? (char)line[4] : null;
    }

    /// <summary>Length of the stored file in bytes; 0 for standard input.</summary>
    public long Length => Path is null ? 0 : _file.Length;

    /// <summary>How much of <see cref="Length"/> has been read.</summary>
    public long Position => Path is null ? 0 : _file.Position;

    /// <summary>Estimates the lines of the file from its length and its beginning; 0 if unknown.</summary>
    public long EstimateLines()
    {
        // Lists of numbers compress to about a fifth.
        var bytes = Name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? Length * 5 : Length;
        var lines = Head.AsSpan().Count((byte)'\n');
        return Head.Length == 0 ? 0 : bytes * lines / Head.Length;
    }

    /// <summary>Opens a file, or standard input for "-".</summary>
    /// <exception cref="CliException">The file does not exist, or is not text.</exception>
    public static InputFile Open(string path, Stream standardInput)
    {
        var isInput = path == "-";
        var name = isInput ? "standard input" : System.IO.Path.GetFileName(path);
        Stream file;
        try
        {
            file = isInput ? standardInput : new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CliException($"File '{path}' does not exist.", inner: exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new CliException(Directory.Exists(path)
                ? $"'{path}' is a folder: name a file."
                : $"File '{path}' cannot be read: check its permissions.", inner: exception);
        }

        var compressed = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
        var content = compressed ? new GZipStream(file, CompressionMode.Decompress) : file;
        try
        {
            return new InputFile(name, isInput ? null : System.IO.Path.GetFullPath(path), file, content, ReadHead(content, name, compressed));
        }
        catch
        {
            content.Dispose();
            throw;
        }
    }

    /// <summary>Detects the format from the file's extension, else from the first character.</summary>
    public ImportFormat DetectFormat()
    {
        var name = Name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? Name[..^3] : Name;
        var extension = System.IO.Path.GetExtension(name).ToLowerInvariant();
        if (extension is ".ndjson" or ".jsonl" or ".json")
        {
            return ImportFormat.Ndjson;
        }

        var start = Head.AsSpan().TrimStart([(byte)' ', (byte)'\t', (byte)'\r', (byte)'\n']);
        return extension is not (".csv" or ".tsv" or ".txt") && start is [(byte)'{', ..] ? ImportFormat.Ndjson : ImportFormat.Csv;
    }

    /// <summary>Whether the first line starts with a number, so it is not a header.</summary>
    public bool BeginsWithNumber()
    {
        var line = Head.AsSpan();
        line = line.StartsWith(ByteOrderMark) ? line[ByteOrderMark.Length..] : line;
        line = SeparatorLine(out var skipped) is null ? line : line[skipped..];
        var end = line.IndexOfAny((byte)'\n', (byte)'\r');
        line = end < 0 ? line : line[..end];
        var value = line.IndexOfAny(",;\t|"u8) is var separator && separator < 0 ? line : line[..separator];
        value = value.Trim("\" "u8);
        return value.Length > 0 && value.IndexOfAnyExcept(NumberBytes) < 0;
    }

    /// <summary>SHA-256 of the stored file, 64 hexadecimal digits; empty for standard input.</summary>
    public string Sha256()
    {
        if (Path is null)
        {
            return "";
        }

        using var file = new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    /// <summary>Identifies the file by its length and a hash of its beginning.</summary>
    public string Fingerprint() => $"{Length}:{Convert.ToHexStringLower(SHA256.HashData(Head))}";

    public void Dispose()
    {
        _content.Dispose();
        _file.Dispose();
    }

    private static byte[] ReadHead(Stream content, string name, bool compressed)
    {
        var head = new byte[HeadSize];
        int length;
        try
        {
            length = content.ReadAtLeast(head, HeadSize, throwOnEndOfStream: false);
        }
        catch (InvalidDataException exception)
        {
            throw new CliException(compressed
                ? $"{name} is not a valid gzip file: rename it without '.gz', or compress it again."
                : $"{name} cannot be read.", inner: exception);
        }

        Array.Resize(ref head, length);
        var fault = head switch
        {
            [0x1f, 0x8b, ..] => "is a gzip file: give it the extension '.gz', or pipe it through 'gzip -dc'",
            [(byte)'P', (byte)'K', 3 or 5 or 7, 4 or 6 or 8, ..] => "is a zip archive or a spreadsheet: unzip it, or save it as CSV",
            [(byte)'%', (byte)'P', (byte)'D', (byte)'F', ..] => "is a PDF: get the list as CSV",
            [(byte)'P', (byte)'A', (byte)'R', (byte)'1', ..] => "is a Parquet file: convert it to CSV or NDJSON",
            [0xff, 0xfe, ..] or [0xfe, 0xff, ..] or [0, not 0, 0, not 0, ..] or [not 0, 0, not 0, 0, ..] => "is UTF-16: save it as UTF-8",
            _ => head.AsSpan().Contains((byte)0) ? "is not text: save it as CSV or NDJSON" : FormatFault(head),
        };
        return fault is null ? head : throw new CliException($"{name} {fault}.");
    }

    private static string? FormatFault(ReadOnlySpan<byte> head)
    {
        var text = (head.StartsWith(ByteOrderMark) ? head[ByteOrderMark.Length..] : head).TrimStart(" \t\r\n"u8);
        return text switch
        {
            [(byte)'<', (byte)'?' or (byte)'!' or (>= (byte)'a' and <= (byte)'z') or (>= (byte)'A' and <= (byte)'Z'), ..]
                when text.IndexOf("</"u8) >= 0 || text.IndexOf("/>"u8) >= 0 || text[1] is (byte)'?' or (byte)'!' =>
                "is XML or HTML: convert it to CSV or NDJSON",
            [(byte)'[', ..] when text[1..].TrimStart(" \t\r\n"u8) is [(byte)'{', ..] =>
                "is a JSON array: write one object per line instead, for example with jq -c '.[]'",
            _ => null,
        };
    }

    /// <summary>Reads the head, then the rest.</summary>
    private sealed class PrefixedStream(byte[] head, Stream rest, bool replaceReturns) : ForwardStream
    {
        private int _position;

        public override int Read(Span<byte> buffer)
        {
            if (_position == head.Length)
            {
                var read = rest.Read(buffer);
                if (replaceReturns)
                {
                    buffer[..read].Replace((byte)'\r', (byte)'\n');
                }

                return read;
            }

            var length = Math.Min(buffer.Length, head.Length - _position);
            head.AsSpan(_position, length).CopyTo(buffer);
            _position += length;
            return length;
        }
    }
}
