// For: handing every change of the store to every stream that watches, without one of them holding up the replica, and
// without a queue for each.
//
// The hub is told of changes by the replica and keeps the newest of each partition in a ring, once for all. A stream
// owns nothing but its position: the version up to which it was told of each partition. It takes what follows on its
// position from the ring. Where the ring does not reach back so far, the store's own feed does, and where that does not
// either, continuity is lost and the stream ends. So a slow stream costs no memory and nobody waits for it, and a stream
// that resumes is one with an old position.
//
// Versions say whether something is missing, but not whether they are still the same: a server that took over, or that
// lost its end in a crash, may give a version that was told to another change. So a stream keeps a mark of the last change
// it told of each partition, also in its token, and makes sure that the store has that very change at that version: when
// it begins, when the replica follows a partition anew, and with each page that it reads from the store.
//
// While nobody watches nothing is kept.
//
// Reference: J. Kreps et al., "Kafka: a distributed messaging system for log processing" (2011), consumers with offsets.
using Lookup.Redis.Following;
using Lookup.Redis.Store;

namespace Lookup.Server.Watch;

/// <summary>The newest changes of all partitions. Thread-safe.</summary>
internal sealed class ChangeHub : IReplicaObserver
{
    private readonly ChangeRing[] _rings;
    private TaskCompletionSource _pulse = NewPulse();
    private int _watchers;

    public ChangeHub(IFactStore store, LookupServerOptions options)
    {
        _rings = new ChangeRing[store.Manifest.Partitions];
        for (var p = 0; p < _rings.Length; p++)
        {
            _rings[p] = new ChangeRing(options.WatchBacklog);
        }
    }

    internal int Partitions => _rings.Length;

    /// <summary>Ends when something may have come. To be taken before looking.</summary>
    internal Task Pulse => Volatile.Read(ref _pulse).Task;

    /// <summary>The changes of one partition.</summary>
    internal ChangeRing this[int partition] => _rings[partition];

    /// <summary>From now on changes are kept, until as many <see cref="Leave"/>.</summary>
    /// <returns>How many watch now.</returns>
    internal int Join() => Interlocked.Increment(ref _watchers);

    internal void Leave() => Interlocked.Decrement(ref _watchers);

    /// <inheritdoc/>
    public void Changed(int partition, IReadOnlyList<FeedChange> changes)
    {
        // Who joins just now finds the position before or behind these changes; both are right.
        if (Volatile.Read(ref _watchers) == 0)
        {
            _rings[partition].Begin(changes[^1].Version);
            return;
        }

        _rings[partition].Add(changes);
        Wake();
    }

    /// <inheritdoc/>
    public void Wrote(int partition, ulong version, Core.Numbers.NumberPseudonym key, Core.Facts.FactId id)
    {
        // The feed brings it.
    }

    /// <inheritdoc/>
    public void Lost(int partition) => _rings[partition].Stop();

    /// <inheritdoc/>
    public void Following(int partition, ulong version)
    {
        _rings[partition].Begin(version);
        Wake();
    }

    private static TaskCompletionSource NewPulse() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Wake() => Interlocked.Exchange(ref _pulse, NewPulse()).TrySetResult();
}
