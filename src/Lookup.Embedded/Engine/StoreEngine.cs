// For: facts that survive any end of the process, and bytes that are never trusted without their checksum.
//
// RocksDB stores one ordered map. A script is one batch: all of it is stored or nothing. A batch goes to the log with a plain
// write, which survives a kill of the process, and becomes visible; it is acknowledged only after a sync of the log, which
// concurrent writers share, so that it survives a power failure too. After each sync the commit mark states how far the store
// reaches.
//
// At the start the log is read like RocksDB's TolerateCorruptedTailRecords: a record whose end was never written is skipped,
// as no sync had covered it; any other record that does not match its checksum is rejected. The commit mark reveals what the
// log lost without a trace (it was truncated). Then all files of the map are verified. Later reads verify what they read.
using Lookup.Redis.Topology;
using Microsoft.Extensions.Logging;
using RocksDbSharp;

namespace Lookup.Embedded.Engine;

/// <summary>An ordered map in a folder, or in memory.</summary>
internal sealed class StoreEngine : IDisposable
{
    private const int LogFiles = 4;
    private const ulong LogFileSize = 4 * 1024 * 1024;
    private const ulong WriteBuffer = 32 * 1024 * 1024;
    private const int BloomBits = 10;
    private const double MemoryBloom = 0.05;

    // Files that RocksDB keeps open for reading and merging; the process needs some for itself.
    private const int OpenFiles = 128;
    private static readonly TimeSpan WatchEvery = TimeSpan.FromMilliseconds(200);

    private readonly RocksDb _database;
    private readonly CommitMark? _mark;
    private readonly nint _memory;
    private readonly WriteOptions _writing = new();
    private readonly Lock _writer = new();
    private readonly Rounds<int, bool> _syncs;
    private readonly WriteView _view;
    private readonly ITimer? _watch;
    private readonly ILogger _log;
    private EngineFault? _stopped;
    private EngineFault? _readOnly;

    private StoreEngine(RocksDb database, CommitMark? mark, nint memory, TimeProvider clock, ILogger log)
    {
        (_database, _mark, _memory, Clock, _log) = (database, mark, memory, clock, log);
        if (mark is null)
        {
            _writing.DisableWal(1);
        }

        _syncs = new Rounds<int, bool>(_ => Task.FromResult(Sync()));
        _view = new WriteView(database, clock);
        if (mark is not null)
        {
            _watch = clock.CreateTimer(_ => Watch(), null, WatchEvery, WatchEvery);
        }
    }

    internal TimeProvider Clock { get; }

    /// <summary>Opens or creates the map of a folder; null: in memory.</summary>
    /// <exception cref="EngineFault">The map is damaged, or the disk fails.</exception>
    internal static StoreEngine Open(string? folder, EmbeddedOptions options, TimeProvider clock, ILogger log)
    {
        CommitMark? mark = null;
        RocksDb? database = null;
        // It must outlive the map, so it has no finalizer.
        var memory = folder is null ? Native.Instance.rocksdb_create_mem_env() : 0;
        try
        {
            if (folder is not null)
            {
                Directory.CreateDirectory(folder);
                mark = CommitMark.IsThere(folder) || IsThere(folder) ? CommitMark.Open(folder) : CommitMark.Create(folder);
                if (mark.Change > 0 && !IsThere(folder))
                {
                    throw EngineFaults.ForMissingStore(folder);
                }
            }

            // Opening the database writes new logs and removes these.
            var newestLog = folder is null ? null : EngineFaults.NewestLog(folder);
            // If the mark counts no changes, the setup of the folder may be unfinished.
            database = RocksDb.Open(Settings(options, memory).SetCreateIfMissing(mark is null or { Change: 0 }), folder ?? "/store");
            if (mark is not null)
            {
                Verify(database, mark, folder!, newestLog!);
            }

            return new StoreEngine(database, mark, memory, clock, log);
        }
        catch (Exception e)
        {
            database?.Dispose();
            mark?.Dispose();
            throw e is RocksDbException ? EngineFaults.FromOpenError(e, folder!) : e;
        }
    }

    /// <summary>The first file that RocksDB reads.</summary>
    internal const string FirstFile = "CURRENT";

    /// <summary>Returns true if a folder has a map. A folder with an unfinished setup has none.</summary>
    internal static bool IsThere(string folder) => File.Exists(Path.Combine(folder, FirstFile));

    /// <summary>Rejects every use after another process may have taken the folder.</summary>
    /// <exception cref="EngineFault">The store has stopped.</exception>
    internal void ThrowIfStopped()
    {
        if (Volatile.Read(ref _stopped) is { } stopped)
        {
            throw stopped;
        }
    }

    /// <summary>Creates a view for one reader at a time.</summary>
    internal SnapshotView NewReader() => new(_database, Clock);

    /// <summary>Changes the map in one step. If the action throws, its changes are discarded.</summary>
    /// <exception cref="EngineFault">Nothing was changed, or it is unknown whether it was.</exception>
    internal void Write(Action<WriteView> change)
    {
        lock (_writer)
        {
            ThrowIfReadOnly();
            try
            {
                change(_view);
                if (_view.HasChanges)
                {
                    _view.Commit(_writing);
                }
            }
            catch (RocksDbException e)
            {
                throw RefuseWrites(EngineFaults.FromWriteError(e));
            }
            finally
            {
                _view.Clear();
            }
        }
    }

    /// <summary>Waits until everything written before is durable.</summary>
    /// <exception cref="EngineFault">It is not durable, or that is unknown.</exception>
    internal Task SyncAsync() => _mark is null ? Task.CompletedTask : _syncs.JoinAsync([], CancellationToken.None);

    /// <summary>Writes everything to the files of the map, so that the next start has no log to read.</summary>
    internal void Flush() => _database.Flush(new FlushOptions().SetWaitForFlush(true));

    public void Dispose()
    {
        _watch?.Dispose();
        try
        {
            // Waits for the current writer and blocks later ones.
            lock (_writer)
            {
                if ((_stopped ?? _readOnly) is null && _mark is not null)
                {
                    Flush();
                }

                _stopped ??= new EngineFault(EngineFault.Stopped, "The store is closed.");
            }
        }
        catch (RocksDbException e)
        {
            // The log has all changes.
            EngineLog.NotFlushed(_log, e.Message);
        }

        _view.Dispose();
        _database.Dispose();
        _mark?.Dispose();
        if (_memory != 0)
        {
            Native.Instance.rocksdb_env_destroy(_memory);
        }
    }

    private static DbOptions Settings(EmbeddedOptions options, nint memory)
    {
        var table = new BlockBasedTableOptions()
            .SetFilterPolicy(BloomFilterPolicy.Create(BloomBits, false))
            .SetBlockCache(Cache.CreateLru((ulong)options.MemoryMiB * 1024 * 1024))
            .SetCacheIndexAndFilterBlocks(true)
            .SetPinL0FilterAndIndexBlocksInCache(true)
            .SetFormatVersion(6);
        var settings = new DbOptions()
            .SetParanoidChecks(true)
            .SetWalRecoveryMode(Recovery.TolerateCorruptedTailRecords)
            .SetMaxTotalWalSize((ulong)options.LogLimitMiB * 1024 * 1024)
            .SetWriteBufferSize(Math.Min(WriteBuffer, (ulong)options.LogLimitMiB * 1024 * 1024 / 2))
            .SetMemtablePrefixBloomSizeRatio(MemoryBloom)
            // There is one writer at a time.
            .SetAllowConcurrentMemtableWrite(false)
            .SetEnableWriteThreadAdaptiveYield(false)
            .SetMaxOpenFiles(OpenFiles)
            .SetInfoLogLevel(InfoLogLevel.Warn)
            .SetKeepLogFileNum(LogFiles)
            .SetMaxLogFileSize(LogFileSize)
            .SetStatsDumpPeriodSec(0)
            .SetLevelCompactionDynamicLevelBytes(true)
            .SetCompression(Compression.Lz4)
            .SetBlockBasedTableFactory(table);
        // Most fields that are looked up before they are written are new.
        Native.Instance.rocksdb_options_set_memtable_whole_key_filtering(settings.Handle, 1);
        Native.Instance.rocksdb_options_set_track_and_verify_wals_in_manifest(settings.Handle, 1);
        if (memory != 0)
        {
            settings.SetEnv(memory);
        }

        return settings;
    }

    private static void Verify(RocksDb database, CommitMark mark, string folder, string newestLog)
    {
        var has = database.GetLatestSequenceNumber();
        if (has < mark.Change)
        {
            throw EngineFaults.ForMissingChanges(mark.Change - has, folder, newestLog);
        }

        Native.Instance.rocksdb_verify_checksum(database.Handle);
    }

    // Runs one at a time.
    private bool Sync()
    {
        ThrowIfReadOnly();
        var change = _database.GetLatestSequenceNumber();
        if (change == _mark!.Change)
        {
            return true;
        }

        try
        {
            Native.Instance.rocksdb_flush_wal(_database.Handle, 1);
            _mark.Write(change);
            return true;
        }
        catch (Exception e) when (e is RocksDbException or IOException)
        {
            // After a failed sync the contents of the disk are unknown.
            throw RefuseWrites(EngineFaults.FromWriteError(e));
        }
    }

    private void Watch()
    {
        if (_stopped is null && !_mark!.IsInPlace)
        {
            Stop(new EngineFault(EngineFault.Stopped, $"The file {CommitMark.FileName} of the data folder was removed or replaced while the store was open, so this process no longer owns the folder and has stopped using it. Find out what removed it, then start the service again."));
        }
    }

    private void ThrowIfReadOnly()
    {
        ThrowIfStopped();
        if (Volatile.Read(ref _readOnly) is { } fault)
        {
            throw fault;
        }
    }

    private EngineFault Stop(EngineFault fault) => Keep(ref _stopped, fault);

    // Existing data can still be read: checksums verify it.
    private EngineFault RefuseWrites(EngineFault fault) => Keep(ref _readOnly, fault);

    private EngineFault Keep(ref EngineFault? place, EngineFault fault)
    {
        if (Interlocked.CompareExchange(ref place, fault, null) is null)
        {
            EngineLog.Stopped(_log, fault.Message);
        }

        return fault;
    }
}
