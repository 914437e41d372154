using Lookup.Redis.Following;

namespace Lookup.StoreTests;

/// <summary>A process that was suspended with its clock: what it knew before is as old as the world says, not as its clock does.</summary>
public sealed class SuspensionTests : IAsyncLifetime
{
    // Shorter than a poll may take, and much longer than the time between two of them.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1.5);

    private static readonly TimeSpan Almost = Pause - TimeSpan.FromMilliseconds(300);

    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(1));
    private readonly StoppedClock _clock = new();
    private AnyStore _any = null!;
    private TroubledStore _store = null!;
    private FilterReplica _replica = null!;

    private CancellationToken Token => _limit.Token;

    public async ValueTask InitializeAsync()
    {
        _any = await AnyStore.OpenAsync(AnyStore.Redis, Token);
        _store = new TroubledStore(_any.Store);
        _replica = new FilterReplica(_store.Feed, new ReplicaOptions { PollMs = 20 }, _clock);
        await _replica.StartAsync(Token);
        await FreshAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _replica.DisposeAsync();
        await _any.DisposeAsync();
        _limit.Dispose();
    }

    [Fact]
    public async Task BeforeAPollIsSent_WallClockWentOn_TheNextPollCounts()
    {
        using var held = new Gate(gate => _store.Trouble = gate);
        await held.ReachedAsync(Token);
        _clock.Stop(Pause, wallToo: false);
        using var next = new Gate(gate => _store.OnTheWayBack = () => gate(Token));
        held.Release();
        await next.ReachedAsync(Token);
        using var third = new Gate(gate => _store.Trouble = gate);
        next.Release();
        await third.ReachedAsync(Token);
        Assert.True(Age() >= Almost, $"{Age()}");
        third.Release();
        await FreshAsync();
    }

    [Fact]
    public async Task PollUnderWay_WallClockWentOn_BringsWhatIsOldAlready()
    {
        using var held = new Gate(gate => _store.OnTheWayBack = () => gate(Token));
        await held.ReachedAsync(Token);
        _clock.Stop(Pause, wallToo: false);
        using var next = new Gate(gate => _store.Trouble = gate);
        held.Release();
        await next.ReachedAsync(Token);
        Assert.True(Age() >= Almost, $"{Age()}");
        next.Release();
        await FreshAsync();
    }

    [Fact]
    public async Task EveryClockOfTheProcessStoodStill_TheStoresClockTellsWithTheNextPoll()
    {
        using var held = new Gate(gate => _store.Trouble = gate);
        await held.ReachedAsync(Token);
        _clock.Stop(Pause, wallToo: true);
        using var back = new Gate(gate => _store.OnTheWayBack = () => gate(Token));
        held.Release();
        await back.ReachedAsync(Token);
        using var next = new Gate(gate => _store.Trouble = gate);
        back.Release();
        await next.ReachedAsync(Token);
        // The poll was sent after the pause, but nothing shows that: the next one counts.
        Assert.True(Age() >= Almost, $"{Age()}");
        next.Release();
        await FreshAsync();
    }

    [Fact]
    public async Task ClocksGoTogether_NothingIsDistrusted()
    {
        for (var i = 0; i < 30; i++)
        {
            await Task.Delay(10, Token);
            Assert.True(Age() < Almost, $"{Age()}");
        }
    }

    private TimeSpan Age() => _clock.GetElapsedTime(_replica.Partition(0).AsOf);

    private Task FreshAsync() => Until.SoAsync(
        () => Task.FromResult(_replica.Partition(0).Filter is not null && Age() < TimeSpan.FromMilliseconds(500)), Token);

    /// <summary>Holds the follower where it is built in, until it is released.</summary>
    private sealed class Gate : IDisposable
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal Gate(Action<Func<CancellationToken, Task>> build) => build(cancellation =>
        {
            _reached.TrySetResult();
            return _released.Task.WaitAsync(cancellation);
        });

        internal Task ReachedAsync(CancellationToken cancellation) => _reached.Task.WaitAsync(cancellation);

        internal void Release() => _released.TrySetResult();

        public void Dispose() => Release();
    }

    // Afterwards it is behind the world by as much as it stood still; the wall clock may have been set right meanwhile.
    private sealed class StoppedClock : TimeProvider
    {
        private long _behind;
        private TimeSpan _wallBehind;

        public override long GetTimestamp() => System.GetTimestamp() - Volatile.Read(ref _behind);

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() - _wallBehind;

        internal void Stop(TimeSpan pause, bool wallToo)
        {
            Thread.Sleep(pause);
            Interlocked.Add(ref _behind, (long)(pause.TotalSeconds * TimestampFrequency));
            _wallBehind += wallToo ? pause : TimeSpan.Zero;
        }
    }
}
