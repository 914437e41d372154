// For: a folder that one process has, whatever is removed from it.
//
//   number.key     the number key
//   initialised    the store's epoch: from then on it must not open without facts
//   db/            the files of the engine, see Engine/; earlier versions had those of Garnet, in store/
//   socket/        the socket of the process that has it open
//   lock           what earlier versions lock
//
// The folder itself is locked, which no removal of a file undoes, and so is the engine's commit mark, which a store needs.
using System.Globalization;
using Lookup.Embedded.Engine;

namespace Lookup.Embedded;

/// <summary>The folder of an embedded store, held by one process at a time.</summary>
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

    /// <summary>Where the engine's files are.</summary>
    internal string StoreFolder => System.IO.Path.Combine(Path, "db");

    /// <summary>Where those are that are being made from the ones of an earlier version.</summary>
    internal string ConvertedFolder => System.IO.Path.Combine(Path, "db-converted");

    /// <summary>Where an earlier version had its files.</summary>
    internal string OldStoreFolder => System.IO.Path.Combine(Path, "store");

    /// <summary>Whether an earlier process left facts here.</summary>
    internal bool HasStore => IsMarked || StoreEngine.IsThere(StoreFolder) || NeedsConversion;

    /// <summary>Whether an earlier process finished the store here.</summary>
    internal bool IsMarked => File.Exists(Marker);

    /// <summary>Whether the files are those of an earlier version.</summary>
    internal bool NeedsConversion => !Directory.Exists(StoreFolder) && Directory.Exists(System.IO.Path.Combine(OldStoreFolder, "AOF"));

    private string Marker => System.IO.Path.Combine(Path, "initialised");

    /// <summary>Refuses a folder in which no store was set up, or, where one may be, one that has other things in it. Leaves it as it is.</summary>
    /// <exception cref="InvalidOperationException">The message says what to do.</exception>
    internal static void Check(string path, bool create)
    {
        var full = System.IO.Path.GetFullPath(path);
        string[] entries;
        try
        {
            // What is no folder, or cannot be made, is refused with its own reason when it is opened.
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
                $"The folder {full} has no store, and other things in it ('{System.IO.Path.GetFileName(other)}'): name an empty folder for a new store.");
        }
    }

    /// <summary>Removes everything of a store that was just set up, and the folder if it was made for it, when this is disposed of.</summary>
    internal void Abandon() => _abandoned = true;

    /// <summary>Opens a folder, which is made where its parent is there.</summary>
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

            folderLock = FolderLock.TryTake(full) ?? throw new InvalidOperationException(InUse(full));
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

    /// <summary>From now on the folder counts as one with facts: without them it must not open.</summary>
    internal void MarkInitialised(ulong epoch)
    {
        using var stream = new FileStream(Marker, FileMode.Create, FileAccess.Write);
        stream.Write(System.Text.Encoding.ASCII.GetBytes(epoch.ToString("x16", CultureInfo.InvariantCulture)));
        stream.Flush(flushToDisk: true);
    }

    /// <summary>Puts the converted files in place, and removes the old ones.</summary>
    internal void TakeConverted()
    {
        Directory.Move(ConvertedFolder, StoreFolder);
        RemoveOld();
    }

    /// <summary>Removes the files of an earlier version once there are those of this one.</summary>
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

    // A key alone is no store: what was set up has the files of an engine, or was marked.
    private static bool IsOfStore(string entry) => System.IO.Path.GetFileName(entry) switch
    {
        "initialised" => true,
        "db" => CommitMark.IsThere(entry) || StoreEngine.IsThere(entry),
        "store" => Directory.Exists(System.IO.Path.Combine(entry, "AOF")),
        _ => false,
    };

    // What a set-up that was stopped before its first file of the engine may have left.
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
            throw new InvalidOperationException($"The data folder {full} cannot be made, because {parent} does not exist: make that first, or correct the path.");
        }

        Directory.CreateDirectory(full);
        return true;
    }

    private static string SocketFolderIn(string full)
    {
        // In the folder itself nothing is left behind in another place when the process is killed.
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
        (_, Errors.TooManyFiles) => $"The data folder {full} cannot be opened, because this process has as many files open as it may: raise the limit (ulimit -n), then start again.",
        (UnauthorizedAccessException, _) => $"The data folder {full} cannot be written by the user {Environment.UserName}: change its owner or its rights, or name another folder.",
        (FileNotFoundException or DirectoryNotFoundException, _) => $"The data folder {full} cannot be made there: name another place.",
        (_, Errors.WouldBlock) => InUse(full),
        _ when OperatingSystem.IsWindows() => InUse(full),
        _ => $"The data folder {full} cannot be used: {e.Message}",
    };

    private static string InUse(string full) => $"The data folder {full} is in use by another process.";

    // .NET passes the system's number on.
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
