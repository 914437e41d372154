using RocksDbSharp;

namespace Lookup.Embedded.Engine;

/// <summary>Reads what was committed at one moment, which <see cref="Begin"/> sets.</summary>
internal sealed class SnapshotView : ReadView
{
    private readonly RocksDb _database;
    private readonly ReadOptions _options = new ReadOptions().SetVerifyChecksums(true);
    private Snapshot? _snapshot;

    internal SnapshotView(RocksDb database, TimeProvider clock)
        : base(clock)
    {
        _database = database;
    }

    /// <summary>Fixes the current moment for reads until <see cref="End"/>; does nothing if one is fixed already.</summary>
    internal void Begin()
    {
        if (_snapshot is not null)
        {
            return;
        }

        _snapshot = _database.CreateSnapshot();
        _options.SetSnapshot(_snapshot);
    }

    /// <summary>Releases the moment, so that the engine can drop its data.</summary>
    internal void End()
    {
        _snapshot?.Dispose();
        _snapshot = null;
    }

    private protected override byte[]? Get(ReadOnlySpan<byte> key) => _database.Get(key, readOptions: _options);

    private protected override Iterator Iterate(ReadOptions options) => _database.NewIterator(readOptions: options.SetSnapshot(_snapshot!));
}
