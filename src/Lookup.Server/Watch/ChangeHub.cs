// For: delivering every change of the store to every Watch stream, without a queue per stream and without a slow stream blocking the
// replica.
//
// The replica reports changes to the hub, which keeps the latest of each partition in a ring shared by all streams. A stream owns only
// its position: the version of each partition up to which it has delivered changes. It reads the following changes from the ring. If the
// ring does not reach back that far, it reads them from the store's feed; if the feed does not either, the stream has lost changes and
// ends. So a slow stream costs no memory and delays nothing, and a resumed stream is one with an old position.
//
// Versions show whether a change is missing, but not whether a version still means the same change: a new primary, or one that lost
// its latest writes in a crash, may reuse a delivered version for another change. So a stream keeps a mark of the last change it
// delivered for each partition, also in its resume token, and verifies that the store has this very change at this version: when it
// starts, when the replica follows a partition again, and with each page that it reads from the store.
//
// While there is no stream, nothing is kept.
//
// Reference: J. Kreps et al., "Kafka: a distributed messaging system for log processing" (2011), consumers with offsets.
using Lookup.Redis;
using Lookup.Redis.Following;

namespace Lookup.Server.Watch;

/// <summary>The latest changes of all partitions. Thread-safe.</summary>
internal sealed class ChangeHub : IReplicaObserver
{
    private readonly ChangeRing[] _rings;
    private TaskCompletionSource _pulse = NewPulse();
    private int _watchers;

    public ChangeHub(StoreManifest manifest, LookupServerOptions options)
    {
        _rings = new ChangeRing[manifest.Partitions];
        for (var p = 0; p < _rings.Length; p++)
        {
            _rings[p] = new ChangeRing(options.WatchBacklog);
        }
    }

    internal int Partitions => _rings.Length;

    /// <summary>Completes when there may be new changes. Take it before reading.</summary>
    internal Task Pulse => Volatile.Read(ref _pulse).Task;

    /// <summary>The changes of one partition.</summary>
    internal ChangeRing this[int partition] => _rings[partition];

    /// <summary>Open streams.</summary>
    internal int Streams => Volatile.Read(ref _watchers);

    /// <summary>Adds a stream: changes are kept until every stream has called <see cref="Leave"/>.</summary>
    /// <returns>The number of streams.</returns>
    internal int Join() => Interlocked.Increment(ref _watchers);

    internal void Leave() => Interlocked.Decrement(ref _watchers);

    /// <inheritdoc/>
    public void Changed(int partition, IReadOnlyList<FeedChange> changes)
    {
        // A stream that joins now sees a position before or after these changes; both are correct.
        if (Volatile.Read(ref _watchers) == 0)
        {
            _rings[partition].Restart(changes[^1].Version);
            return;
        }

        _rings[partition].Add(changes);
        Wake();
    }

    /// <inheritdoc/>
    public void Wrote(int partition, ulong version, Core.Numbers.NumberPseudonym key, Core.Facts.FactId id)
    {
        // The feed delivers the change.
    }

    /// <inheritdoc/>
    public void Lost(int partition) => _rings[partition].Stop();

    /// <inheritdoc/>
    public void Following(int partition, ulong version)
    {
        _rings[partition].Restart(version);
        Wake();
    }

    private static TaskCompletionSource NewPulse() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Wake() => Interlocked.Exchange(ref _pulse, NewPulse()).TrySetResult();
}
