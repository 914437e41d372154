// For: answering "there is surely no such fact" from memory, and knowing how old that knowledge is.
//
// Each instance has the filter of every partition and follows its changes. A partition numbers its changes; the feed has the
// newest. One poll asks all partitions for their version; where it advanced, the replica reads the changes since, which must
// be consecutive. If they are not (the feed was trimmed, a first load bypassed it), the replica drops the filter and loads it
// again. Loading reads the version before the filter, so a filter never claims a version whose facts it does not have.
//
// A partition whose filter was rebuilt has lost no facts: the old filter stays in use and takes the changes of the feed until
// the new one is loaded and has caught up.
//
// The age of a partition counts from the moment before the poll was sent: whatever was acknowledged before that moment is in
// the filter. Between two polls, the store's change notifier triggers one immediately. If a store does not answer, the age
// grows; if a store must not be used, the filters are removed. The caller decides how old is too old.
//
// This process's clock measures the age, and a process that was suspended together with its clock does not notice. So the
// clock is compared with clocks that kept running: each poll returns the store's time, and each poll reads the wall clock. If
// one of them advanced more than the timestamps did, the knowledge is older by the difference, and a poll in progress is as
// old as what was known before it; the next one follows immediately. A suspension cannot be detected before the first poll
// after it has returned: until then, at most for the freshness bound, answers are as old as the suspension was long. See
// docs/operate/failures.md.
//
// A server that takes over from another, or restarts, may continue from an earlier version and assign the same versions to
// other facts. So each poll names the replication history of its versions; if it differs, the filter is loaded again.
//
// Readers see one immutable object per partition, replaced by one volatile write after the bits are set. The bits themselves
// are set in place: bits set early only cost a read.
using System.Threading.Channels;
using Lookup.Core.Clocks;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;

namespace Lookup.Redis.Following;

/// <summary>Settings of a replica.</summary>
public sealed record ReplicaOptions
{
    /// <summary>Pause between two polls in milliseconds, 10 to 10,000.</summary>
    public int PollMs { get; init; } = 100;

    /// <summary>Shortest pause between two polls in milliseconds, 1 to 1,000, however often facts are written.</summary>
    public int RestMs { get; init; } = 20;
}

/// <summary>What this process knows of a partition's facts. Immutable except for bits that are set early.</summary>
/// <param name="Filter">The filter; null if there is none that may be used.</param>
/// <param name="Version">The filter has all facts of this version.</param>
/// <param name="Generation">The filter's generation.</param>
/// <param name="AsOf">
/// Timestamp of the clock: the filter includes everything acknowledged before it. Meaningless without a filter.
/// </param>
/// <param name="History">The replication history of the version, see <see cref="FeedPoll"/>.</param>
public sealed record PartitionReplica(BlockFilter? Filter, ulong Version, int Generation, long AsOf, string History = "")
{
    internal static readonly PartitionReplica None = new(null, 0, 0, 0);
}

/// <summary>The filters of all partitions in this process. Thread-safe.</summary>
public sealed class FilterReplica : IAsyncDisposable, IKnownFacts
{
    // The store has limits of its own; this one prevents a hanging poll from blocking all later ones.
    private static readonly TimeSpan PollLimit = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LoadLimit = TimeSpan.FromSeconds(60);

    private readonly IChangeFeed _feed;
    private readonly TimeProvider _clock;
    private readonly TimeSpan _pause;
    private readonly TimeSpan _rest;
    private readonly PartitionReplica[] _partitions;
    private readonly Task?[] _loading;
    private readonly FactsSince?[] _since;
    private readonly Lock[] _writers;
    private readonly IReplicaObserver[] _observers;
    private readonly ClockGap _gap;
    private readonly (long Sent, long StoreTime)[] _told;
    private readonly CancellationTokenSource _stop = new();
    private Task _following = Task.CompletedTask;
    private int _disposed;

    /// <summary>Creates a replica without filters.</summary>
    /// <param name="feed">The changes to follow.</param>
    /// <param name="options">The pauses between polls.</param>
    /// <param name="clock">Measures ages.</param>
    /// <param name="observers">Receive what the replica learns.</param>
    /// <exception cref="ArgumentOutOfRangeException">A pause is out of its range.</exception>
    public FilterReplica(
        IChangeFeed feed, ReplicaOptions options, TimeProvider clock, params IEnumerable<IReplicaObserver> observers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.PollMs, 10, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.PollMs, 10_000, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.RestMs, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.RestMs, 1_000, nameof(options));
        _feed = feed;
        _clock = clock;
        _pause = TimeSpan.FromMilliseconds(options.PollMs);
        _rest = TimeSpan.FromMilliseconds(Math.Min(options.PollMs, options.RestMs));
        _observers = [.. observers];
        var count = feed.Partitions;
        _partitions = new PartitionReplica[count];
        Array.Fill(_partitions, PartitionReplica.None);
        _loading = new Task?[count];
        _since = new FactsSince?[count];
        _told = new (long, long)[count];
        _gap = new ClockGap(clock);
        _writers = [.. Enumerable.Range(0, count).Select(_ => new Lock())];
        feed.Expect(this);
    }

    /// <summary>Loads the filters and follows the store from then on. Retries while the store is away.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        await PollAsync(cancellation);
        // Partitions that take longer are loaded while calls read from the store.
        await Task.WhenAny(
            Task.WhenAll(_loading.Select(task => task ?? Task.CompletedTask)),
            Task.Delay(StartLimit, _clock, cancellation));
        await PollAsync(cancellation);
        _following = FollowAsync();
    }

    /// <summary>Partitions of the store.</summary>
    public int Partitions => _partitions.Length;

    /// <summary>Returns the current state of a partition.</summary>
    /// <param name="partition">0 to the store's partitions - 1.</param>
    public PartitionReplica Partition(int partition) => Volatile.Read(ref _partitions[partition]);

    /// <summary>
    /// Returns true if a partition's state is at least as new as a token demands, and of the history in which the token was
    /// issued.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="state">Its state.</param>
    /// <param name="demand">The token; null demands nothing.</param>
    public bool Satisfies(int partition, PartitionReplica state, ConsistencyToken? demand) =>
        demand is null
        || (demand.VersionOf(partition) is var version && version <= state.Version
            && (demand.MarkOf(partition) is var mark && (mark == 0 || mark == _feed.MarkOf(partition, version))));

    /// <inheritdoc/>
    public uint MayHold(int partition, NumberPseudonym key, ReadOnlySpan<FactId> ids) =>
        Partition(partition).Filter?.MayContain(key, ids) ?? uint.MaxValue;

    /// <summary>Adds a fact that this process wrote before the feed delivers it, so that its writer sees it here immediately.</summary>
    /// <param name="key">The number.</param>
    /// <param name="id">The timeline.</param>
    /// <param name="token">The token of the write.</param>
    public void Add(NumberPseudonym key, FactId id, ConsistencyToken token)
    {
        var partition = key.Partition(_partitions.Length);
        lock (_writers[partition])
        {
            _partitions[partition].Filter?.Add(key, id);
            _since[partition]?.Add(key, id);
            foreach (var observer in _observers)
            {
                observer.Wrote(partition, token.VersionOf(partition), key, id);
            }
        }
    }

    /// <summary>Waits until every filter includes what was acknowledged before the call.</summary>
    /// <param name="limit">Maximum wait: the age from which no filter is used.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task CatchUpAsync(TimeSpan limit, CancellationToken cancellation)
    {
        var begin = _clock.GetTimestamp();
        while (Array.Exists(_partitions, state => state.Filter is not null && state.AsOf < begin) && _clock.GetElapsedTime(begin) < limit)
        {
            await Task.Delay(_rest, _clock, cancellation);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _stop.CancelAsync();
        await _following;
        await Task.WhenAll(_loading.Select(task => task ?? Task.CompletedTask));
        _stop.Dispose();
    }

    private async Task FollowAsync()
    {
        // Capacity one: all requests that arrive during a poll or a pause share the next poll.
        var asked = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        await using var timer = _clock.CreateTimer(_ => asked.Writer.TryWrite(true), null, _pause, _pause);
        using var subscription = _feed.Listen(() => asked.Writer.TryWrite(true));
        try
        {
            while (await asked.Reader.ReadAsync(_stop.Token))
            {
                if (await PollAsync(_stop.Token))
                {
                    asked.Writer.TryWrite(true);
                }

                await Task.Delay(_rest, _clock, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The process is shutting down.
        }
    }

    /// <returns>True if the result is already too old because the process was suspended: poll again immediately.</returns>
    private async Task<bool> PollAsync(CancellationToken cancellation)
    {
        Age(_gap.Missed());
        var known = new ulong?[_partitions.Length];
        for (var p = 0; p < known.Length; p++)
        {
            var state = Partition(p);
            known[p] = state.Filter is null ? null : state.Version;
        }

        var sent = _clock.GetTimestamp();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(PollLimit);
        try
        {
            var polls = await _feed.PollAsync(known, limit.Token);
            var received = _clock.GetTimestamp();
            var missed = _gap.Missed();
            Age(missed);
            var asOf = sent - Timestamps(missed);
            for (var p = 0; p < polls.Length; p++)
            {
                var suspended = Missed(p, polls[p], sent, received);
                missed += suspended;
                ApplyPoll(p, polls[p], known[p], asOf - Timestamps(suspended));
            }

            return missed > TimeSpan.Zero;
        }
        catch (StoreUnavailableException e)
        {
            if (!IsAway(e))
            {
                Forget();
            }
        }
        catch (Exception) when (!cancellation.IsCancellationRequested)
        {
            // Any failure lets the age grow, and filters that are too old are not used.
        }

        return false;
    }

    // Returns the duration of a suspension between this poll and the one before, by the store's clock.
    private TimeSpan Missed(int partition, in FeedPoll poll, long sent, long received)
    {
        var (before, storeTime) = _told[partition];
        _told[partition] = (sent, poll.StoreTime);
        return storeTime > 0 && poll.StoreTime > 0 && poll.History == Partition(partition).History
            ? ClockGap.Missed(TimeSpan.FromMicroseconds(poll.StoreTime - storeTime), _clock.GetElapsedTime(before, received))
            : TimeSpan.Zero;
    }

    private long Timestamps(TimeSpan time) => (long)(time.TotalSeconds * _clock.TimestampFrequency);

    private void Age(TimeSpan missed)
    {
        for (var p = 0; missed > TimeSpan.Zero && p < _partitions.Length; p++)
        {
            lock (_writers[p])
            {
                if (_partitions[p] is { Filter: not null } state)
                {
                    Volatile.Write(ref _partitions[p], state with { AsOf = state.AsOf - Timestamps(missed) });
                }
            }
        }
    }

    // A store that is away returns unchanged. Any other fault means that it must not be used.
    private static bool IsAway(StoreUnavailableException e) => e.Fault is StoreFault.Unreachable or StoreFault.Timeout or StoreFault.Full;

    private void ApplyPoll(int partition, in FeedPoll poll, ulong? known, long sent)
    {
        lock (_writers[partition])
        {
            var state = _partitions[partition];
            if (poll.Fault is not null)
            {
                if (!IsAway(poll.Fault))
                {
                    Lose(partition);
                }

                return;
            }

            if (state.Filter is null || state.Version != known || state.History != poll.History || poll.Changes is null)
            {
                if (state.Filter is not null && state.Version == known)
                {
                    Lose(partition);
                }

                if (_partitions[partition].Filter is null)
                {
                    Load(partition);
                }

                return;
            }

            foreach (var change in poll.Changes)
            {
                state.Filter.Add(change.Key, change.Id);
                _since[partition]?.Add(change.Key, change.Id);
            }

            if (poll.Changes.Count > 0)
            {
                foreach (var observer in _observers)
                {
                    observer.Changed(partition, poll.Changes);
                }
            }

            Volatile.Write(ref _partitions[partition], state with { Version = poll.Version, AsOf = sent });
            if (state.Generation != poll.Generation)
            {
                Load(partition);
            }
        }
    }

    private void Load(int partition)
    {
        if (_loading[partition] is not (null or { IsCompleted: true }))
        {
            return;
        }

        var since = new FactsSince(_partitions[partition].Version);
        _since[partition] = since;
        _loading[partition] = LoadAsync(partition, since);
    }

    private async Task LoadAsync(int partition, FactsSince since)
    {
        await Task.Yield();
        var gap = new ClockGap(_clock);
        var sent = _clock.GetTimestamp();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        limit.CancelAfter(LoadLimit);
        try
        {
            var loaded = await _feed.LoadFilterAsync(partition, limit.Token);
            lock (_writers[partition])
            {
                if (since.TryAddTo(loaded))
                {
                    ApplyLoaded(partition, loaded, sent - Timestamps(gap.Missed()));
                }
            }
        }
        catch (Exception)
        {
            // Any failure: the next poll tries again.
        }
        finally
        {
            lock (_writers[partition])
            {
                _since[partition] = null;
            }
        }
    }

    private void ApplyLoaded(int partition, LoadedFilter loaded, long sent)
    {
        var state = _partitions[partition];
        if (state.Filter is not null)
        {
            // Another history has other facts; the next poll reports it too.
            if (state.History != loaded.History)
            {
                return;
            }
            // The new filter has everything that the old one took while it was loaded: the old version and age hold.
            state = state with { Filter = loaded.Filter, Generation = loaded.Generation };
        }
        else
        {
            foreach (var observer in _observers)
            {
                observer.Following(partition, loaded.Version);
            }

            state = new PartitionReplica(loaded.Filter, loaded.Version, loaded.Generation, sent, loaded.History);
        }

        Volatile.Write(ref _partitions[partition], state);
    }

    private void Forget()
    {
        for (var p = 0; p < _partitions.Length; p++)
        {
            lock (_writers[p])
            {
                Lose(p);
            }
        }
    }

    private void Lose(int partition)
    {
        Volatile.Write(ref _partitions[partition], PartitionReplica.None);
        foreach (var observer in _observers)
        {
            observer.Lost(partition);
        }
    }
}
