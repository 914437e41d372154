using System.Security.Cryptography;

namespace Lookup.Cli.Scrub;

/// <summary>The progress of an output.</summary>
internal sealed record OutputState
{
    public string File { get; init; } = "";

    public long Bytes { get; init; }

    /// <summary>Lines, without a header.</summary>
    public long Lines { get; init; }

    /// <summary>SHA-256 of the bytes, in hex.</summary>
    public string Sha256 { get; init; } = "";
}

/// <summary>An append-only output that is hashed as it is written.</summary>
internal sealed class OutputFile : IDisposable
{
    private const int Block = 1 << 20;

    private readonly FileStream _stream;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    private OutputFile(string path, FileStream stream)
    {
        Path = path;
        _stream = stream;
    }

    public string Path { get; }

    public long Length { get; private set; }

    /// <summary>Creates an empty output, replacing an existing file.</summary>
    public static OutputFile Create(string path) => new(path, Open(path, FileMode.Create));

    /// <summary>Resumes after what an earlier run saved; truncates what it wrote beyond that.</summary>
    /// <exception cref="CliException">The file has changed since that run.</exception>
    public static OutputFile Resume(string path, OutputState state)
    {
        OutputFile output;
        try
        {
            output = new OutputFile(path, Open(path, FileMode.Open));
        }
        catch (FileNotFoundException exception)
        {
            throw Changed(path, exception);
        }

        try
        {
            return output.TrySkip(state) ? output : throw Changed(path, null);
        }
        catch
        {
            output.Dispose();
            throw;
        }
    }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        _stream.Write(bytes);
        _hash.AppendData(bytes);
        Length += bytes.Length;
    }

    /// <summary>Flushes to disk, so that the content survives a power failure.</summary>
    public void Flush() => _stream.Flush(flushToDisk: true);

    /// <summary>SHA-256 of the content, in hex.</summary>
    public string Hash() => Convert.ToHexStringLower(_hash.GetCurrentHash());

    public void Dispose()
    {
        _stream.Dispose();
        _hash.Dispose();
    }

    private static FileStream Open(string path, FileMode mode) => new(path, mode, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);

    private static CliException Changed(string path, Exception? inner) =>
        new($"'{path}' has changed since the stopped run: start over with --restart.", inner: inner);

    private bool TrySkip(OutputState state)
    {
        if (_stream.Length < state.Bytes)
        {
            return false;
        }

        _stream.SetLength(state.Bytes);
        var block = new byte[Block];
        int read;
        while ((read = _stream.Read(block)) > 0)
        {
            _hash.AppendData(block, 0, read);
        }

        Length = state.Bytes;
        return Hash() == state.Sha256;
    }
}
