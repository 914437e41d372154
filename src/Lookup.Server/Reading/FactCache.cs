// For: answering repeated checks of a number from memory, with facts no older than the replica's filters.
//
// A dialer checks the same number more than once, and lists are streamed again. The cache keeps the facts read for a number, including
// their absence, and replaces another read. It is used only where a filter of the replica may be used too, so that freshness, tokens
// and "exact" are decided in one place, and the answer has the age of that filter.
//
// Invariant: a reader that takes a partition's state from the replica and then finds facts here finds every change that the state's
// version covers. The replica reports every change before it publishes a version that covers it, so it suffices that
//
//   an entry that lacks a change has been removed for good when the call that reports the change returns.
//
// The danger is a read in flight: the store answers it, then the change is written, reported and published, and only then the result
// is cached. So each partition has a floor, the latest version reported, and caching requires a read of at least that version: the
// store returns with each read the version that it is at least as new as. Raising the floor and removing the changed numbers is one
// critical section of the partition; comparing with the floor and caching is another:
//
//   - cached before: the entry exists and is removed.
//   - cached after: the floor is at or above the change. A read as new as the floor includes the change; an older read is not
//     cached.
//
// Versions are comparable only within one replication history. After a fail-over the history may differ and changes may be missing;
// then the replica reports the partition as lost. Each time a partition is lost or followed again, a new cache session starts. A read
// is valid only for the session in which it was sent, and entries of other sessions are not found. So losing a partition costs only
// the increment of a counter. A rotation of the encryption key starts new sessions too: later changes are not reported under the
// pseudonyms of the old key, which may come into use again.
//
// Lookups take no lock. A reader reads the state before the entry, and an entry is removed before the state is published, so a reader
// that sees the state also sees the removal.
//
// BitFaster.Caching's three-queue LRU selects the entries to evict; a list checked once does not flush it. It counts entries; this
// class counts bytes and caches nothing while there are too many.
//
// References: BitFaster.Caching, ConcurrentLru; "Scaling Memcache at Facebook" (2013), 3.2.1, whose leases are for the
// same race.
using BitFaster.Caching.Lru;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;

namespace Lookup.Server.Reading;

/// <summary>Caches the facts of recently checked numbers until they change. Thread-safe.</summary>
internal sealed class FactCache : IReplicaObserver
{
    /// <summary>Maximum size of an entry, including its share of the tables. An entry with a few facts has about 250 bytes.</summary>
    internal const int MaxEntry = 4_096;

    // An entry without values: its share of the cache tables and its objects.
    private const int LeastEntry = CacheEntry.Overhead + 32;

    // Position of the key generation in a session. Partitions are lost far less often than 2^24 times.
    private const int KeyGenerationBits = 24;

    // Entries freed in one pass over all entries.
    private const int TrimShare = 8;

    private readonly FastConcurrentLru<NumberPseudonym, CacheEntry>? _entries;
    private readonly PartitionSession[] _partitions;
    private readonly NumberCipher? _cipher;
    private readonly long _limit;
    private long _bytes;
    private long _added;
    private long _gone;
    private long _invalidated;
    private long _hits;
    private long _misses;
    private int _trimming;

    /// <summary>Creates an empty cache that follows no partition yet.</summary>
    /// <param name="partitions">Partitions of the store.</param>
    /// <param name="bytes">Maximum memory for entries in bytes; 0 disables the cache.</param>
    /// <param name="cipher">Makes the pseudonyms; null if its key never changes.</param>
    internal FactCache(int partitions, int bytes, NumberCipher? cipher = null)
    {
        (_limit, _cipher) = (bytes, cipher);
        _partitions = [.. Enumerable.Range(0, partitions).Select(_ => new PartitionSession())];
        Doorkeeper = new Doorkeeper(bytes / LeastEntry);
        if (bytes > 0)
        {
            _entries = new FastConcurrentLru<NumberPseudonym, CacheEntry>(Math.Max(TrimShare, bytes / LeastEntry));
        }
    }

    /// <summary>Whether the cache is enabled.</summary>
    internal bool IsOn => _entries is not null;

    /// <summary>Whether a background pass is removing entries.</summary>
    internal bool IsMakingRoom => Volatile.Read(ref _trimming) != 0;

    /// <summary>Remembers recently checked list numbers.</summary>
    internal Doorkeeper Doorkeeper { get; }

    /// <summary>Bytes of all entries.</summary>
    internal long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>The number of entries.</summary>
    internal long Count => Interlocked.Read(ref _added) - Interlocked.Read(ref _gone);

    /// <summary>Numbers answered from the cache.</summary>
    internal long Hits => Interlocked.Read(ref _hits);

    /// <summary>Numbers that were not in the cache and had to be read.</summary>
    internal long Misses => Interlocked.Read(ref _misses);

    /// <summary>Entries evicted to free memory.</summary>
    internal long Evictions => Interlocked.Read(ref _gone) - Interlocked.Read(ref _invalidated);

    /// <summary>Entries removed because a fact of the number changed.</summary>
    internal long Invalidations => Interlocked.Read(ref _invalidated);

    /// <summary>Recounts entries and bytes. Not consistent during concurrent use.</summary>
    internal IEnumerable<(NumberPseudonym Key, int Bytes)> Entries =>
        _entries?.Where(e => e.Value.Data is not null).Select(e => (e.Key, CacheEntry.Overhead + e.Value.Data!.Length)) ?? [];

    /// <summary>Counts lookups.</summary>
    internal void CountLookups(int hits, int misses)
    {
        if (_entries is null)
        {
            return;
        }

        if (hits > 0)
        {
            Interlocked.Add(ref _hits, hits);
        }

        if (misses > 0)
        {
            Interlocked.Add(ref _misses, misses);
        }
    }

    /// <summary>Returns the cache session of a partition. Take it before sending a read, whose result is cached for this session only.</summary>
    internal int Session(int partition) => Session(_partitions[partition]);

    /// <summary>
    /// Finds the facts of a number. Call only after taking a usable state of the replica; the facts then include every change that
    /// the state's version covers.
    /// </summary>
    internal bool TryFind(int partition, NumberPseudonym key, out PackedFacts facts)
    {
        facts = new PackedFacts(Find(key)?.Data);
        return IsOfNow(partition, facts);
    }

    /// <summary>The first step of <see cref="TryFind"/>; then read the entry's data, then call <see cref="IsOfNow"/>.</summary>
    internal CacheEntry? Find(NumberPseudonym key) => _entries is not null && _entries.TryGet(key, out var entry) ? entry : null;

    /// <summary>Returns whether there are facts and they were read in the current session of their partition.</summary>
    internal bool IsOfNow(int partition, in PackedFacts facts) => !facts.IsNone && facts.Session == Session(partition);

    /// <summary>Caches the facts read for a number, in addition to those cached, unless they may have changed since.</summary>
    /// <param name="session">The partition's session, taken before the read was sent.</param>
    /// <param name="partition">The number's partition.</param>
    /// <param name="version">The version that the read is at least as new as.</param>
    /// <param name="key">The number.</param>
    /// <param name="ids">The facts read.</param>
    /// <param name="values">The values, in the order of <paramref name="ids"/>.</param>
    internal void Keep(
        int session, int partition, ulong version, NumberPseudonym key, ReadOnlySpan<FactId> ids, ReadOnlySpan<StoredValue> values)
    {
        var size = PackedFacts.SizeOf(values);
        if (_entries is null || size > MaxEntry - CacheEntry.Overhead || !HasRoom(CacheEntry.Overhead + size))
        {
            return;
        }

        var fresh = PackedFacts.Write(session, ids, values);
        var state = _partitions[partition];
        lock (state.Gate)
        {
            if (!state.IsFollowed || Session(state) != session || version < state.Floor)
            {
                return;
            }

            if (!_entries.TryGet(key, out var entry))
            {
                _entries.AddOrUpdate(key, new CacheEntry(this, fresh));
            }
            else if (entry.Data is { } known)
            {
                // If the entry is evicted now, the facts read are lost with it.
                entry.TryReplace(known, PackedFacts.Join(fresh, known, MaxEntry - CacheEntry.Overhead));
            }
        }
    }

    /// <inheritdoc/>
    public void Changed(int partition, IReadOnlyList<FeedChange> changes)
    {
        if (_entries is null)
        {
            return;
        }

        var state = _partitions[partition];
        lock (state.Gate)
        {
            state.Raise(changes[^1].Version);
            foreach (var change in changes)
            {
                Remove(change.Key);
            }
        }
    }

    /// <inheritdoc/>
    public void Wrote(int partition, ulong version, NumberPseudonym key, FactId id)
    {
        if (_entries is null)
        {
            return;
        }

        var state = _partitions[partition];
        lock (state.Gate)
        {
            state.Raise(version);
            Remove(key);
        }
    }

    /// <inheritdoc/>
    public void Lost(int partition)
    {
        var state = _partitions[partition];
        lock (state.Gate)
        {
            state.IsFollowed = false;
            Volatile.Write(ref state.Number, state.Number + 1);
        }
    }

    /// <inheritdoc/>
    public void Following(int partition, ulong version)
    {
        var state = _partitions[partition];
        lock (state.Gate)
        {
            state.IsFollowed = true;
            state.Floor = version;
            Volatile.Write(ref state.Number, state.Number + 1);
        }
    }

    internal void SizeChanged(int bytes) => Interlocked.Add(ref _bytes, bytes);

    internal void Added() => Interlocked.Increment(ref _added);

    internal void Removed() => Interlocked.Increment(ref _gone);

    private int Session(PartitionSession state) => Volatile.Read(ref state.Number) + ((_cipher?.KeyGeneration ?? 0) << KeyGenerationBits);

    private void Remove(NumberPseudonym key)
    {
        if (_entries!.TryRemove(key))
        {
            Interlocked.Increment(ref _invalidated);
        }
    }

    // The cache frees memory in a pass over all entries; no call should wait for it.
    private bool HasRoom(int size)
    {
        if (Bytes + size <= _limit)
        {
            return true;
        }

        if (Interlocked.Exchange(ref _trimming, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                static cache =>
                {
                    cache._entries!.Trim((int)Math.Clamp(cache.Count / TrimShare, 1, cache._entries.Capacity));
                    Volatile.Write(ref cache._trimming, 0);
                },
                this,
                preferLocal: false);
        }

        return false;
    }

    private sealed class PartitionSession
    {
        internal readonly Lock Gate = new();
        internal int Number;

        internal bool IsFollowed { get; set; }

        internal ulong Floor { get; set; }

        internal void Raise(ulong version) => Floor = Math.Max(Floor, version);
    }
}
