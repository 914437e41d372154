// For: answering numbers that are asked again and again from memory, no older than the replica's filters are.
//
// A dialer asks for the same number more than once, and a list is streamed again. What was read of a number, that there
// is nothing included, is kept and used instead of another read: only where a filter of the replica would be used too,
// so that freshness, a token's demand and "exact" are decided in one place, and the answer has the age of that filter.
//
// What must hold: who took a partition's state from the replica, and then finds facts here, finds all that the state's
// version covers. The replica tells every change before it publishes a version that covers it, so it suffices that
//
//   an entry that lacks a change is gone, for ever, when the replica has been told that the change is taken note of.
//
// The danger is a read in flight: it is answered, then the change is written, told and published, and only then what was
// read is kept. So each partition has a floor, the newest version told, and keeping needs a read of at least that
// version: the store says with each read what it is at least as new as. Raising the floor and removing the changed
// numbers is one critical section of the partition, comparing with the floor and keeping is another:
//
//   - kept before: the entry is there, and is removed.
//   - kept after: the floor is at or above the change. A read that is as new as the floor has the change; another one is
//     refused.
//
// Versions tell older from newer only while one history is followed. A failover may put another one in its place, and
// changes may be missed; then the replica tells that the partition is lost. Each time a partition is lost or followed
// again a new session begins; a read counts only for the session in which it was sent, and entries of other sessions
// are not found. So losing a partition costs nothing but the increment of a number.
//
// Finding takes no lock. The state is read before the entry, and the entry is removed before the state is published; so
// whoever sees the state sees the removal.
//
// Which entries stay is decided by BitFaster.Caching's LRU in three queues, which a list asked once does not flush. It
// counts entries; the bytes are counted here, and nothing is kept while there are too many of them.
//
// References: BitFaster.Caching, ConcurrentLru; "Scaling Memcache at Facebook" (2013), 3.2.1, whose leases are for the
// same race.
using BitFaster.Caching.Lru;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;

namespace Lookup.Server.Reading;

/// <summary>What was read of numbers, until it changes. Thread-safe.</summary>
internal sealed class FactCache : IReplicaObserver
{
    /// <summary>Largest entry that is kept, its share of the tables included. That of a number with a few facts has about 250 bytes.</summary>
    internal const int MaxEntry = 4_096;

    // An entry without values: the tables of the cache and the objects.
    private const int LeastEntry = CacheEntry.Overhead + 32;

    // One pass over all entries frees so many of them.
    private const int TrimShare = 8;

    private readonly FastConcurrentLru<NumberPseudonym, CacheEntry>? _entries;
    private readonly PartitionSession[] _partitions;
    private readonly long _limit;
    private long _bytes;
    private long _added;
    private long _gone;
    private long _invalidated;
    private long _hits;
    private long _misses;
    private int _trimming;

    /// <summary>Makes an empty one, which follows nothing yet.</summary>
    /// <param name="partitions">Partitions of the store.</param>
    /// <param name="bytes">Most memory for entries in bytes; 0: nothing is ever kept.</param>
    internal FactCache(int partitions, int bytes)
    {
        _limit = bytes;
        _partitions = [.. Enumerable.Range(0, partitions).Select(_ => new PartitionSession())];
        Doorkeeper = new Doorkeeper(bytes / LeastEntry);
        if (bytes > 0)
        {
            _entries = new FastConcurrentLru<NumberPseudonym, CacheEntry>(Math.Max(TrimShare, bytes / LeastEntry));
        }
    }

    /// <summary>Whether anything is kept at all.</summary>
    internal bool IsOn => _entries is not null;

    /// <summary>Whether entries are being removed in the background.</summary>
    internal bool IsMakingRoom => Volatile.Read(ref _trimming) != 0;

    /// <summary>Numbers of lists that were asked before.</summary>
    internal Doorkeeper Doorkeeper { get; }

    /// <summary>Bytes of the entries.</summary>
    internal long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Entries.</summary>
    internal long Count => Interlocked.Read(ref _added) - Interlocked.Read(ref _gone);

    /// <summary>Numbers answered from here.</summary>
    internal long Hits => Interlocked.Read(ref _hits);

    /// <summary>Numbers that were looked for and had to be read.</summary>
    internal long Misses => Interlocked.Read(ref _misses);

    /// <summary>Entries that had to make room.</summary>
    internal long Evictions => Interlocked.Read(ref _gone) - Interlocked.Read(ref _invalidated);

    /// <summary>Entries removed because a fact of the number changed.</summary>
    internal long Invalidations => Interlocked.Read(ref _invalidated);

    /// <summary>The entries, each with its bytes, counted anew. Not at one moment while others use the cache.</summary>
    internal IEnumerable<(NumberPseudonym Key, int Bytes)> Entries =>
        _entries?.Where(e => e.Value.Data is not null).Select(e => (e.Key, CacheEntry.Overhead + e.Value.Data!.Length)) ?? [];

    /// <summary>Takes note of numbers that were looked for.</summary>
    internal void Note(int hits, int misses)
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

    /// <summary>The session of a partition. Take it before a read is sent; what was read is kept for it alone.</summary>
    internal int Session(int partition) => Volatile.Read(ref _partitions[partition].Number);

    /// <summary>
    /// What is known of a number. Ask only after a state of the replica was taken that may be used; the facts found then
    /// have everything that the state's version covers.
    /// </summary>
    internal bool TryFind(int partition, NumberPseudonym key, out PackedFacts facts)
    {
        facts = new PackedFacts(Find(key)?.Data);
        return IsOfNow(partition, facts);
    }

    /// <summary>The first step of <see cref="TryFind"/>; then what it has, then whether that is of now.</summary>
    internal CacheEntry? Find(NumberPseudonym key) => _entries is not null && _entries.TryGet(key, out var entry) ? entry : null;

    /// <summary>Whether there are facts, read in the present session of their partition.</summary>
    internal bool IsOfNow(int partition, in PackedFacts facts) => !facts.IsNone && facts.Session == Session(partition);

    /// <summary>Keeps what was read of a number, beside what is known of it, unless it may have changed since.</summary>
    /// <param name="session">Of the partition, taken before the read was sent.</param>
    /// <param name="partition">The number's partition.</param>
    /// <param name="version">What was read is at least as new.</param>
    /// <param name="key">The number.</param>
    /// <param name="ids">What was read.</param>
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
            if (!state.IsFollowed || state.Number != session || version < state.Floor)
            {
                return;
            }

            if (!_entries.TryGet(key, out var entry))
            {
                _entries.AddOrUpdate(key, new CacheEntry(this, fresh));
            }
            else if (entry.Data is { } known)
            {
                // One that is evicted meanwhile takes what was read with it.
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

    private void Remove(NumberPseudonym key)
    {
        if (_entries!.TryRemove(key))
        {
            Interlocked.Increment(ref _invalidated);
        }
    }

    // The cache frees room in a pass over all entries, which no call should wait for.
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
