using System.Buffers;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

namespace Lookup.Cli.Files;

/// <summary>Formats of import files.</summary>
internal enum ImportFormat
{
    Csv,
    Ndjson,
}

/// <summary>How to open a file.</summary>
/// <param name="Sheet">Name of the sheet of a workbook; null: the first visible sheet with data.</param>
/// <param name="IsWindows1252">Whether a text without a byte order mark is Windows-1252.</param>
/// <param name="JoinsMembers">Whether an archive may hold the list in several files.</param>
internal readonly record struct InputOptions(string? Sheet = null, bool IsWindows1252 = false, bool JoinsMembers = false);

/// <summary>
/// An opened file or standard input as UTF-8 text: decompressed, a workbook or Parquet as CSV, with its beginning in <see cref="Head"/>.
/// </summary>
internal sealed class InputFile : IDisposable
{
    /// <summary>Maximum bytes of <see cref="Head"/>.</summary>
    public const int HeadSize = 64 * 1024;

    private const string StandardInput = "-";

    private static readonly byte[] ByteOrderMark = [0xef, 0xbb, 0xbf];

    private static readonly SearchValues<byte> NumberBytes = SearchValues.Create("+0123456789 -()./"u8);

    private readonly Stream _file;
    private readonly List<IDisposable> _opened;

    private InputFile(string path, bool isPipe, Stream file, List<IDisposable> opened, Stream content, byte[] head, List<string> forms, Stream? table, bool isXml)
    {
        var sheet = table as SheetStream;
        FileName = NameOf(path);
        Path = isPipe ? null : System.IO.Path.GetFullPath(path);
        _file = file;
        _opened = opened;
        Name = sheet is null ? FileName : $"{FileName}, sheet '{sheet.Name}'";
        IsSheet = sheet is not null;
        IsTable = table is not null;
        IsXml = isXml;
        // Old spreadsheets end lines with CR alone, which every reader would treat as one line.
        var hasReturnsAlone = head.AsSpan().Contains((byte)'\r') && !head.AsSpan().Contains((byte)'\n');
        if (hasReturnsAlone)
        {
            head.AsSpan().Replace((byte)'\r', (byte)'\n');
            forms.Add("CR line ends");
        }

        Forms = forms;
        Head = head;
        Stream = new PrefixedStream(head, content, hasReturnsAlone);
    }

    /// <summary>Name for messages, with the sheet of a workbook.</summary>
    public string Name { get; }

    /// <summary>Name of the file.</summary>
    public string FileName { get; }

    /// <summary>Full path; null for standard input and for a pipe, which can be read only once.</summary>
    public string? Path { get; }

    /// <summary>The first bytes of the content.</summary>
    public byte[] Head { get; }

    /// <summary>The whole content; line ends of CR alone are replaced by LF.</summary>
    public Stream Stream { get; }

    /// <summary>What was undone to read the content, for example "gzip" or "UTF-16".</summary>
    public IReadOnlyList<string> Forms { get; }

    /// <summary>Whether the stored file is gzip.</summary>
    public bool IsGzip => Forms.Contains("gzip");

    /// <summary>Whether the stored file is an archive, a workbook, Parquet or XML rather than the list's text.</summary>
    public bool IsConverted => IsTable || IsXml || Forms.Any(form => form.StartsWith("zip ", StringComparison.Ordinal));

    /// <summary>Whether the content is a sheet of a workbook; its lines are the rows.</summary>
    public bool IsSheet { get; }

    /// <summary>Whether the stored file is a table, a workbook or Parquet, read as CSV.</summary>
    public bool IsTable { get; }

    /// <summary>Whether the content is an XML list of numbers, read as CSV.</summary>
    public bool IsXml { get; }

    /// <summary>Describes what the file was taken for, in one line.</summary>
    /// <param name="layout">The layout of the content.</param>
    public string ReadAs(string layout) => string.Join(", ", [.. Forms, layout]);

    /// <summary>Names a line for messages.</summary>
    public string At(long line) => $"{Name}, {(IsSheet ? "row" : "line")} {line}";

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

    /// <summary>Length of the stored file in bytes; 0 if it has no <see cref="Path"/>.</summary>
    public long Length => Path is null ? 0 : _file.Length;

    /// <summary>How much of <see cref="Length"/> has been read.</summary>
    public long Position => Path is null ? 0 : _file.Position;

    /// <summary>Estimates the lines of the file from its length and its beginning; 0 if unknown.</summary>
    public long EstimateLines()
    {
        // Lists of numbers compress to about a fifth.
        var bytes = Forms.Count > 0 ? Length * 5 : Length;
        var lines = Head.AsSpan().Count((byte)'\n');
        return Head.Length == 0 ? 0 : bytes * lines / Head.Length;
    }

    /// <summary>Opens a file, or standard input for "-".</summary>
    /// <exception cref="CliException">The file does not exist, or has no list.</exception>
    public static InputFile Open(string path, Stream standardInput, InputOptions options = default)
    {
        var isInput = path == StandardInput;
        var name = NameOf(path);
        var file = isInput ? standardInput : OpenFile(path);
        var opened = new List<IDisposable> { file };
        try
        {
            return Open(path, name, isInput || !file.CanSeek, file, opened, options);
        }
        catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException)
        {
            Dispose(opened);
            throw new CliException($"{name} {Damaged(path)}.", inner: exception);
        }
        catch
        {
            Dispose(opened);
            throw;
        }
    }

    /// <summary>Detects the format from the file's extension, else from the first character.</summary>
    public ImportFormat DetectFormat()
    {
        if (IsTable || IsXml)
        {
            return ImportFormat.Csv;
        }

        var name = FileName.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? FileName[..^3] : FileName;
        var extension = System.IO.Path.GetExtension(name).ToLowerInvariant();
        if (extension is ".ndjson" or ".jsonl" or ".json")
        {
            return ImportFormat.Ndjson;
        }

        var start = Head.AsSpan().TrimStart([(byte)' ', (byte)'\t', (byte)'\r', (byte)'\n']);
        return extension is not (".csv" or ".tsv" or ".txt") && start is [(byte)'{', ..] ? ImportFormat.Ndjson : ImportFormat.Csv;
    }

    /// <summary>Whether the first line starts with a number, so it is not a header.</summary>
    /// <param name="isAlone">Whether the line has nothing else.</param>
    public bool BeginsWithNumber(out bool isAlone)
    {
        var line = Head.AsSpan();
        line = line.StartsWith(ByteOrderMark) ? line[ByteOrderMark.Length..] : line;
        line = SeparatorLine(out var skipped) is null ? line : line[skipped..];
        var end = line.IndexOfAny((byte)'\n', (byte)'\r');
        line = end < 0 ? line : line[..end];
        var separator = line.IndexOfAny(",;\t|"u8);
        isAlone = separator < 0;
        var value = isAlone ? line : line[..separator];
        value = value.Trim("\" "u8);
        return value.Length > 0 && value.IndexOfAnyExcept(NumberBytes) < 0;
    }

    /// <summary>SHA-256 of the stored file, 64 hexadecimal digits; empty if it has no <see cref="Path"/>.</summary>
    public string Sha256()
    {
        if (Path is null)
        {
            return "";
        }

        using var file = new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    /// <summary>Identifies the file by its length, its sheet and a hash of its beginning.</summary>
    public string Fingerprint() => $"{Length}:{Convert.ToHexStringLower(SHA256.HashData(Head))}{(IsSheet ? ":" + Name : "")}";

    public void Dispose() => Dispose(_opened);

    private static void Dispose(List<IDisposable> opened)
    {
        for (var i = opened.Count - 1; i >= 0; i--)
        {
            opened[i].Dispose();
        }
    }

    private static string NameOf(string path) => path == StandardInput ? "standard input" : System.IO.Path.GetFileName(path);

    private static FileStream OpenFile(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
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
    }

    private static InputFile Open(string path, string name, bool isPipe, Stream file, List<IDisposable> opened, InputOptions options)
    {
        var forms = new List<string>();
        var start = ReadStart(file, 8);
        Stream content = new PrefixedStream(start, file, replaceReturns: false);
        Stream? table = null;
        if (start is [0x1f, 0x8b, ..])
        {
            content = new ExpansionBound(new GzipContent(content, name, isPipe ? null : path), name, isPipe ? null : file.Length);
            opened.Add(content);
            forms.Add("gzip");
        }
        else if (start is [(byte)'P', (byte)'K', 3 or 5 or 7, 4 or 6 or 8, ..])
        {
            content = OpenArchive(name, file, options, forms);
            opened.Add(content);
            table = content as SheetStream;
        }
        else if (start is [(byte)'P', (byte)'A', (byte)'R', (byte)'1', ..] && file.CanSeek)
        {
            content = table = ParquetStream.Open(file, name);
            opened.Add(content);
            forms.Add("Parquet");
        }
        else if (path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase))
        {
            throw new CliException($"{name} is not a valid gzip file: rename it without '.gz', or compress it again.");
        }

        if (options.Sheet is not null && table is not SheetStream)
        {
            throw CliException.Usage($"--sheet applies only to an Excel workbook (.xlsx), which {name} is not. Drop the option.");
        }

        var head = ReadStart(content, HeadSize);
        if (table is null && Encoded(head, options) is { } encoding)
        {
            content = Encoding.CreateTranscodingStream(new PrefixedStream(head, content, replaceReturns: false), encoding, Encoding.UTF8);
            opened.Add(content);
            forms.Add(encoding is UnicodeEncoding ? "UTF-16" : "Windows-1252");
            head = ReadStart(content, HeadSize);
        }

        var isXml = table is null && NumberXmlStream.Fits(head);
        if (isXml)
        {
            content = new NumberXmlStream(new PrefixedStream(head, content, replaceReturns: false), name);
            opened.Add(content);
            forms.Add("XML");
            head = ReadStart(content, HeadSize);
        }

        return Fault(head) is { } fault
            ? throw new CliException($"{name} {fault}.")
            : new InputFile(path, isPipe, file, opened, content, head, forms, table, isXml);
    }

    private static Stream OpenArchive(string name, Stream file, InputOptions options, List<string> forms)
    {
        if (!file.CanSeek)
        {
            throw new CliException($"{name} is a zip archive or a workbook, which cannot be read from a pipe: name the file.");
        }

        file.Position = 0;
        var archive = new ZipArchive(file, ZipArchiveMode.Read, leaveOpen: true);
        try
        {
            if (archive.GetEntry("xl/workbook.xml") is not null)
            {
                SheetStream.CheckParts(archive, name);
                archive.Dispose();
                file.Position = 0;
                var sheet = SheetStream.Open(file, name, options.Sheet);
                forms.Add(sheet.Describe());
                return sheet;
            }

            if (archive.GetEntry("xl/workbook.bin") is not null || archive.GetEntry("mimetype") is not null)
            {
                throw new CliException($"{name} is a spreadsheet in another format than .xlsx: save it as .xlsx or as CSV.");
            }

            var content = new MemberStream(archive, name, options.JoinsMembers);
            forms.Add(content.Describe());
            return new ExpansionBound(content, name, file.Length);
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    private static byte[] ReadStart(Stream content, int size)
    {
        var start = new byte[size];
        Array.Resize(ref start, content.ReadAtLeast(start, size, throwOnEndOfStream: false));
        return start;
    }

    private static Encoding? Encoded(ReadOnlySpan<byte> head, InputOptions options) => head switch
    {
        [0xff, 0xfe, ..] or [not 0, 0, not 0, 0, ..] => Encoding.Unicode,
        [0xfe, 0xff, ..] or [0, not 0, 0, not 0, ..] => Encoding.BigEndianUnicode,
        _ => options.IsWindows1252 && !head.StartsWith(ByteOrderMark) ? CodePagesEncodingProvider.Instance.GetEncoding(1252) : null,
    };

    private static string Damaged(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase)
        ? "is not a valid gzip file: rename it without '.gz', or compress it again"
        : "is truncated or damaged: get a new copy of the file";

    private static string? Fault(ReadOnlySpan<byte> head) => head switch
    {
        [0xd0, 0xcf, 0x11, 0xe0, ..] => "is an old Excel workbook (.xls), or one with a password: save it as .xlsx without a password, or as CSV",
        [(byte)'%', (byte)'P', (byte)'D', (byte)'F', ..] => "is a PDF: get the list as CSV",
        [(byte)'P', (byte)'A', (byte)'R', (byte)'1', ..] => "is a Parquet file in an archive or a pipe: unpack it and name the file",
        _ => head.Contains((byte)0) ? "is not text: save it as CSV or NDJSON" : FormatFault(head),
    };

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
