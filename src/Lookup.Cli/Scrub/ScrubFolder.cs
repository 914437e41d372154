using System.Text.Json;
using Lookup.Cli.Files;
using Lookup.Cli.Lists;

namespace Lookup.Cli.Scrub;

/// <summary>The folder of a scrub: its outputs, the checkpoint while it runs, and the manifest after it has finished.</summary>
internal sealed class ScrubFolder : IDisposable
{
    private readonly string _suffix;
    private readonly IDisposable _lock;

    private ScrubFolder(string path, string suffix, IDisposable locked)
    {
        Path = path;
        _suffix = suffix;
        _lock = locked;
    }

    public string Path { get; }

    public string ManifestPath => System.IO.Path.Combine(Path, "manifest.json");

    public string CheckpointPath => System.IO.Path.Combine(Path, "checkpoint.json");

    /// <summary>Creates the folder if necessary, and locks it for this run.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="extension">Extension of the outputs, for example ".csv".</param>
    /// <param name="hypothetical">Whether the outputs are what-if answers; their names then say so.</param>
    /// <param name="compress">Whether the outputs are gzip files.</param>
    /// <exception cref="CliException">The folder is not writable, or another run uses it.</exception>
    public static ScrubFolder Open(string path, string extension, bool hypothetical, bool compress)
    {
        path = System.IO.Path.GetFullPath(path);
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CliException($"Folder '{path}' cannot be created: {exception.Message}", inner: exception);
        }

        var locked = FileLock.Take(
            System.IO.Path.Combine(path, ".lock"), $"Another scrub is writing to '{path}': wait for it, or choose another folder.", $"Folder '{path}' is not writable");
        return new ScrubFolder(path, (hypothetical ? ".what-if" : "") + extension, locked) { Compressed = compress };
    }

    public bool Compressed { get; private init; }

    /// <summary>File name of an output.</summary>
    public string NameOf(int output) =>
        OutputNames.All[output] + (output == OutputNames.Invalid ? System.IO.Path.ChangeExtension("." + _suffix, ".csv")[1..] : _suffix) + (Compressed ? ".gz" : "");

    /// <exception cref="CliException">An output is the list itself.</exception>
    public void MustNotReplace(string? list)
    {
        for (var i = 0; i < OutputNames.All.Count; i++)
        {
            OutputPath.Of(PathOf(i), "The output", list);
        }
    }

    public string PathOf(int output) => System.IO.Path.Combine(Path, NameOf(output));

    /// <summary>Returns the state of a stopped run to resume; null to start from the beginning.</summary>
    /// <exception cref="CliException">The folder has content that must not be overwritten.</exception>
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
            throw new CliException($"'{Path}' contains a finished scrub: choose another folder, or overwrite it with --restart.");
        }

        if (ScrubState.Read(CheckpointPath) is { } state)
        {
            return state.Identity == identity ? state : throw new CliException(
                $"'{Path}' contains a stopped scrub of another file or question: repeat that command to resume it, choose another folder, or overwrite it with --restart.");
        }

        var taken = Enumerable.Range(0, OutputNames.All.Count).Select(PathOf).FirstOrDefault(File.Exists);
        return taken is null ? null : throw new CliException($"'{taken}' already exists: choose another folder, or overwrite it with --restart.");
    }

    /// <summary>Writes the manifest, which marks the scrub as finished, and deletes the checkpoint.</summary>
    public void Finish(ScrubManifest manifest)
    {
        DurableFile.Write(ManifestPath, JsonSerializer.SerializeToUtf8Bytes(manifest, ScrubJson.Readable.ScrubManifest));
        File.Delete(CheckpointPath);
    }

    public void Dispose() => _lock.Dispose();
}
