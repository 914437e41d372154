using System.Text.Json;

namespace Lookup.Cli.Scrub;

/// <summary>The folder of a scrub: its outputs, the checkpoint while it runs, and the manifest when it is done.</summary>
internal sealed class ScrubFolder : IDisposable
{
    private readonly string _suffix;
    private readonly FileStream _lock;

    private ScrubFolder(string path, string suffix, FileStream locked)
    {
        Path = path;
        _suffix = suffix;
        _lock = locked;
    }

    public string Path { get; }

    public string ManifestPath => System.IO.Path.Combine(Path, "manifest.json");

    public string CheckpointPath => System.IO.Path.Combine(Path, "checkpoint.json");

    /// <summary>Takes the folder for this run; makes it where there is none.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="extension">Extension of the outputs, ".csv".</param>
    /// <param name="hypothetical">The outputs permit nothing, and their names say so.</param>
    /// <param name="compress">The outputs are gzip files.</param>
    /// <exception cref="CliException">It cannot be written to, or another run has it.</exception>
    public static ScrubFolder Open(string path, string extension, bool hypothetical, bool compress)
    {
        path = System.IO.Path.GetFullPath(path);
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CliException($"The folder '{path}' cannot be made: {exception.Message}", inner: exception);
        }

        FileStream locked;
        try
        {
            locked = new FileStream(System.IO.Path.Combine(path, ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new CliException($"The folder '{path}' cannot be written to: check its permissions.", inner: exception);
        }
        catch (IOException exception)
        {
            throw new CliException(
                exception.Message.Contains("being used", StringComparison.Ordinal)
                    ? $"Another scrub is writing to '{path}': wait for it, or choose another folder."
                    : $"The folder '{path}' cannot be written to: {exception.Message}",
                inner: exception);
        }

        return new ScrubFolder(path, (hypothetical ? ".what-if" : "") + extension, locked) { Compressed = compress };
    }

    public bool Compressed { get; private init; }

    /// <summary>Name of an output's file.</summary>
    public string NameOf(int output) =>
        OutputNames.All[output] + (output == OutputNames.Invalid ? System.IO.Path.ChangeExtension("." + _suffix, ".csv")[1..] : _suffix) + (Compressed ? ".gz" : "");

    public string PathOf(int output) => System.IO.Path.Combine(Path, NameOf(output));

    /// <summary>What an earlier run has left to go on with; null: begin anew.</summary>
    /// <exception cref="CliException">The folder holds something that must not be written over.</exception>
    public ScrubState? Find(string identity, bool restart)
    {
        if (restart)
        {
            File.Delete(ManifestPath);
            File.Delete(CheckpointPath);
            return null;
        }

        if (File.Exists(ManifestPath))
        {
            throw new CliException($"'{Path}' holds a finished scrub: choose another folder, or write over it with --restart.");
        }

        if (ScrubState.Read(CheckpointPath) is { } state)
        {
            return state.Identity == identity ? state : throw new CliException(
                $"'{Path}' holds a scrub that was stopped, of another file or with another question: repeat that command to go on with it, choose another folder, or write over it with --restart.");
        }

        var taken = Enumerable.Range(0, OutputNames.All.Count).Select(PathOf).FirstOrDefault(File.Exists);
        return taken is null ? null : throw new CliException($"'{taken}' is there already: choose another folder, or write over it with --restart.");
    }

    /// <summary>Makes the finished scrub known; from here on the folder is not written to any more.</summary>
    public void Finish(ScrubManifest manifest)
    {
        DurableFile.Write(ManifestPath, JsonSerializer.SerializeToUtf8Bytes(manifest, ScrubJson.Readable.ScrubManifest));
        File.Delete(CheckpointPath);
    }

    public void Dispose() => _lock.Dispose();
}
