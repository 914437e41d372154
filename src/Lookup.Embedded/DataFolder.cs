// For: a folder that one process owns, whatever is removed from it.
//
//   number.key     the encryption key
//   initialised    the store's epoch: from then on it must not open without facts
//   db/            the files of the engine, see Engine/; earlier versions had those of Garnet, in store/
//   socket/        the socket of the process that has it open
//   lock           the file that earlier versions lock
//
// The folder itself is locked, which no removal of a file undoes, and so is the engine's commit mark, which a store requires.
using System.Globalization;
using Lookup.Embedded.Engine;

namespace Lookup.Embedded;

/// <summary>The folder of an embedded store, owned by one process at a time.</summary>
internal sealed class DataFolder : IDisposable
{
    // Names of sockets are limited to about 100 bytes.
    private const int MaxSocketFolder = 90;

    private static readonly string[] Own = ["number.key", "initialised", "db", "socket", "lock"];

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private readonly FolderLock? _folderLock;
    private readonly FileStream _lock;
    private readonly bool _temporary;
    private readonly bool _isMade;
    private bool _abandoned;

    private DataFolder(string path, string socketFolder, FolderLock? folderLock, FileStream lockFile, bool temporary, bool isMade)
    {
        _isMade = isMade;
        Path = path;
        SocketFolder = socketFolder;
        _folderLock = folderLock;
        _lock = lockFile;
        _temporary = temporary;
    }

    internal string Path { get; }

    /// <summary>A folder with a short path that only this user can enter.</summary>
    internal string SocketFolder { get; }

    internal string KeyFile => System.IO.Path.Combine(Path, "number.key");

    /// <summary>Path of the engine's files.</summary>
    internal string StoreFolder => System.IO.Path.Combine(Path, "db");

    /// <summary>Path of the files that a conversion of an earlier version's store creates.</summary>
    internal string ConvertedFolder => System.IO.Path.Combine(Path, "db-converted");

    /// <summary>Path of an earlier version's files.</summary>
    internal string OldStoreFolder => System.IO.Path.Combine(Path, "store");

    /// <summary>True if the folder has a store.</summary>
    internal bool HasStore => IsMarked || StoreEngine.IsThere(StoreFolder) || NeedsConversion;

    /// <summary>True if the setup of the store was completed.</summary>
    internal bool IsMarked => File.Exists(Marker);

    /// <summary>True if the files are those of an earlier version.</summary>
    internal bool NeedsConversion => !Directory.Exists(StoreFolder) && Directory.Exists(System.IO.Path.Combine(OldStoreFolder, "AOF"));

    private string Marker => System.IO.Path.Combine(Path, "initialised");

    /// <summary>
    /// Rejects a folder without a store, or, if a new store may be created, a folder with other files. Changes nothing.
    /// </summary>
    /// <exception cref="InvalidOperationException">The message says what to do.</exception>
    internal static void Check(string path, bool create)
    {
        var full = System.IO.Path.GetFullPath(path);
        string[] entries;
        try
        {
            // If the path is not a folder, or cannot be created, opening it reports the reason.
            if (File.Exists(full))
            {
                return;
            }

            entries = Directory.Exists(full) ? Directory.GetFileSystemEntries(full) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidOperationException(Explain(e, full), e);
        }

        if (entries.Any(IsOfStore))
        {
            return;
        }

        if (!create)
        {
            throw new InvalidOperationException(
                $"There is no store in {full}: correct the path, or set up a new, empty store with 'lookup init --data {full}' ('lookup serve --create' does it at its start).");
        }

        if (entries.FirstOrDefault(entry => !IsOfSetUp(entry)) is { } other)
        {
            throw new InvalidOperationException(
                $"The folder {full} has no store, but other files ('{System.IO.Path.GetFileName(other)}'): name an empty folder for a new store.");
        }
    }

    /// <summary>Removes a store that was just set up when this is disposed, and the folder if it was created for it.</summary>
    internal void Abandon() => _abandoned = true;

    /// <summary>Opens a folder, and creates it if its parent exists.</summary>
    /// <exception cref="InvalidOperationException">Another process has it open, or it cannot be used; the message says why.</exception>
    internal static DataFolder Open(string? path)
    {
        FolderLock? folderLock = null;
        FileStream? lockFile = null;
        var full = "";
        try
        {
            full = path is null ? Private("lookup-memory-") : System.IO.Path.GetFullPath(path);
            var isMade = Make(full);
            PrivateFiles.Close(full);
            if (!OperatingSystem.IsWindows() && path is null)
            {
                File.SetUnixFileMode(full, OwnerOnly);
            }

            folderLock = FolderLock.TryAcquire(full) ?? throw new InvalidOperationException(InUse(full));
            lockFile = new FileStream(System.IO.Path.Combine(full, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            return new DataFolder(full, SocketFolderIn(full), folderLock, lockFile, temporary: path is null, isMade);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            lockFile?.Dispose();
            folderLock?.Dispose();
            throw e as InvalidOperationException ?? new InvalidOperationException(Explain(e, full), e);
        }
    }

    /// <summary>Marks the folder as one with facts: from now on it must not open without them.</summary>
    internal void MarkInitialised(ulong epoch)
    {
        using var stream = new FileStream(Marker, FileMode.Create, FileAccess.Write);
        stream.Write(System.Text.Encoding.ASCII.GetBytes(epoch.ToString("x16", CultureInfo.InvariantCulture)));
        stream.Flush(flushToDisk: true);
    }

    /// <summary>Puts the converted files in place, and removes the old ones.</summary>
    internal void InstallConverted()
    {
        Directory.Move(ConvertedFolder, StoreFolder);
        RemoveOld();
    }

    /// <summary>Removes the files of an earlier version if those of this version exist.</summary>
    internal void RemoveOld()
    {
        if (StoreEngine.IsThere(StoreFolder) && Directory.Exists(OldStoreFolder))
        {
            Directory.Delete(OldStoreFolder, recursive: true);
        }
    }

    public void Dispose()
    {
        _lock.Dispose();
        if (Directory.Exists(SocketFolder))
        {
            Directory.Delete(SocketFolder, recursive: true);
        }

        _folderLock?.Dispose();
        if (_temporary)
        {
            Directory.Delete(Path, recursive: true);
        }
        else if (_abandoned)
        {
            Remove();
        }
    }

    private void Remove()
    {
        foreach (var entry in Own.Select(name => System.IO.Path.Combine(Path, name)))
        {
            if (Directory.Exists(entry))
            {
                Directory.Delete(entry, recursive: true);
            }
            else
            {
                File.Delete(entry);
            }
        }

        if (_isMade)
        {
            Directory.Delete(Path);
        }
    }

    // A key alone is no store: a store has the files of an engine, or was marked.
    private static bool IsOfStore(string entry) => System.IO.Path.GetFileName(entry) switch
    {
        "initialised" => true,
        "db" => CommitMark.IsThere(entry) || StoreEngine.IsThere(entry),
        "store" => Directory.Exists(System.IO.Path.Combine(entry, "AOF")),
        _ => false,
    };

    // Possible remains of a setup that was interrupted before the first file of the engine.
    private static bool IsOfSetUp(string entry) => System.IO.Path.GetFileName(entry) switch
    {
        "db" => Directory.Exists(entry) && !Directory.EnumerateFileSystemEntries(entry).Any(),
        var name => name is "number.key" or "lock" or "socket" or "lost+found",
    };

    private static bool Make(string full)
    {
        if (Directory.Exists(full))
        {
            return false;
        }

        if (File.Exists(full))
        {
            throw new InvalidOperationException($"The data folder {full} is a file; name a folder.");
        }

        if (System.IO.Path.GetDirectoryName(full) is { } parent && !Directory.Exists(parent))
        {
            throw new InvalidOperationException($"The data folder {full} cannot be created, because {parent} does not exist: create that first, or correct the path.");
        }

        Directory.CreateDirectory(full);
        return true;
    }

    private static string SocketFolderIn(string full)
    {
        // A socket in the folder itself leaves nothing elsewhere when the process is killed.
        var folder = System.IO.Path.Combine(full, "socket");
        if (System.Text.Encoding.UTF8.GetByteCount(folder) > MaxSocketFolder)
        {
            return Private("lookup-");
        }

        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, OwnerOnly);
        }

        return folder;
    }

    private static string Explain(Exception e, string full) => (e, Errno(e)) switch
    {
        (_, Errors.ReadOnly) => $"The data folder {full} is on a disk that is mounted read-only: mount it for writing, or name another folder.",
        (_, Errors.Full) => $"The disk of the data folder {full} is full: free some space, then start again.",
        (_, Errors.TooManyFiles) => $"The data folder {full} cannot be opened, because this process has reached its limit of open files: raise the limit (ulimit -n), then start again.",
        (UnauthorizedAccessException, _) => $"The user {Environment.UserName} cannot write to the data folder {full}: change its owner or permissions, or name another folder.",
        (FileNotFoundException or DirectoryNotFoundException, _) => $"The data folder {full} cannot be created there: name another location.",
        (_, Errors.WouldBlock) => InUse(full),
        _ when OperatingSystem.IsWindows() => InUse(full),
        _ => $"The data folder {full} cannot be used: {e.Message}",
    };

    private static string InUse(string full) => $"The data folder {full} is in use by another process.";

    // .NET passes the operating system's error number through.
    private static int Errno(Exception e) => e.HResult;

    private static string Private(string prefix) => Directory.CreateTempSubdirectory(prefix).FullName;

    private static class Errors
    {
        internal const int WouldBlock = 11;
        internal const int TooManyFiles = 24;
        internal const int Full = 28;
        internal const int ReadOnly = 30;
    }
}
