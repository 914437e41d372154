using System.Globalization;

namespace Lookup.Embedded;

/// <summary>The folder of an embedded store, held by one process at a time.</summary>
internal sealed class DataFolder : IDisposable
{
    // Names of sockets are limited to about 100 bytes.
    private const int MaxSocketFolder = 90;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private readonly FileStream _lock;
    private readonly bool _temporary;

    private DataFolder(string path, string socketFolder, FileStream lockFile, bool temporary)
    {
        Path = path;
        SocketFolder = socketFolder;
        _lock = lockFile;
        _temporary = temporary;
    }

    internal string Path { get; }

    /// <summary>A folder with a short path that only this user can enter.</summary>
    internal string SocketFolder { get; }

    internal string KeyFile => System.IO.Path.Combine(Path, "number.key");

    internal string StoreFolder => System.IO.Path.Combine(Path, "store");

    /// <summary>Whether an earlier process left facts here.</summary>
    internal bool HasStore => File.Exists(Marker);

    private string Marker => System.IO.Path.Combine(Path, "initialised");

    /// <summary>Opens a folder.</summary>
    /// <exception cref="InvalidOperationException">Another process has it open.</exception>
    internal static DataFolder Open(string? path)
    {
        var full = path is null ? Private("lookup-memory-") : System.IO.Path.GetFullPath(path);
        Directory.CreateDirectory(full);
        if (!OperatingSystem.IsWindows() && path is null)
            File.SetUnixFileMode(full, OwnerOnly);
        FileStream lockFile;
        try
        {
            lockFile = new FileStream(
                System.IO.Path.Combine(full, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new InvalidOperationException($"The data folder {full} is in use by another process.", e);
        }

        // In the folder itself nothing is left behind in another place when the process is killed.
        var socketFolder = System.IO.Path.Combine(full, "socket");
        if (System.Text.Encoding.UTF8.GetByteCount(socketFolder) > MaxSocketFolder)
            socketFolder = Private("lookup-");
        else if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(socketFolder);
        else
            Directory.CreateDirectory(socketFolder, OwnerOnly);
        return new DataFolder(full, socketFolder, lockFile, temporary: path is null);
    }

    /// <summary>From now on the folder counts as one with facts: without them it must not open.</summary>
    internal void MarkInitialised(ulong epoch)
    {
        using var stream = new FileStream(Marker, FileMode.Create, FileAccess.Write);
        stream.Write(System.Text.Encoding.ASCII.GetBytes(epoch.ToString("x16", CultureInfo.InvariantCulture)));
        stream.Flush(flushToDisk: true);
    }

    public void Dispose()
    {
        _lock.Dispose();
        Directory.Delete(SocketFolder, recursive: true);
        if (_temporary)
            Directory.Delete(Path, recursive: true);
    }

    private static string Private(string prefix) => Directory.CreateTempSubdirectory(prefix).FullName;
}
