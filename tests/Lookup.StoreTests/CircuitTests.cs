using System.Collections.Concurrent;
using Lookup.Redis;
using Lookup.Redis.Reading;
using Lookup.Redis.Store;
using Lookup.Redis.Topology;

namespace Lookup.StoreTests;

/// <summary>When calls are refused: the circuit alone, with a server that a test plays, then on a frozen one.</summary>
public sealed class CircuitTests : IDisposable
{
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(30);

    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(3));
    private readonly ConcurrentQueue<TaskCompletionSource> _probes = new();
    private readonly StillClock _clock = new();
    private readonly Circuit _circuit;

    public CircuitTests() => _circuit = new Circuit(Silence, _clock, () =>
    {
        var probe = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _probes.Enqueue(probe);
        return probe.Task;
    });

    public void Dispose()
    {
        _circuit.Dispose();
        _limit.Dispose();
    }

    [Fact]
    public async Task Silence_OneReadGivenUp_EndsTheOthersAndRefusesMore()
    {
        _circuit.EnterRead();
        var other = _circuit.EnterRead();
        Open();
        await UntilAsync(() => other.IsCancellationRequested);
        Assert.Throws<StoreUnavailableException>(() => _circuit.EnterRead());
        Assert.Throws<StoreUnavailableException>(() => _circuit.EnterWrite());
    }

    [Fact]
    public void Slow_SomeoneIsAnswered_StaysClosed()
    {
        var read = _circuit.EnterRead();
        _clock.Advance(Silence * 2);
        _circuit.Answered();
        _circuit.Missed();
        _circuit.EnterRead();
        _circuit.Missed();
        Assert.False(_circuit.IsOpen);
        Assert.False(read.IsCancellationRequested);
    }

    [Fact]
    public async Task Probe_AnsweredInTime_ClosesIt()
    {
        _circuit.EnterRead();
        Open();
        (await ProbeAsync()).SetResult();
        await UntilAsync(() => !_circuit.IsOpen);
        Assert.False(_circuit.EnterRead().IsCancellationRequested);
    }

    [Fact]
    public async Task Probe_AnsweredLate_LeavesItOpenAndAsksAgain()
    {
        _circuit.EnterRead();
        Open();
        for (var i = 0; i < 3; i++)
        {
            var probe = await ProbeAsync();
            _clock.Advance(Silence * 2);
            Assert.Empty(_probes);
            probe.SetResult();
        }

        await UntilAsync(() => !_probes.IsEmpty);
        Assert.True(_circuit.IsOpen);
    }

    [Fact]
    public async Task Write_UnderWay_EndsOnlyWhenTheProbeFailsToo()
    {
        var write = _circuit.EnterWrite();
        _circuit.EnterRead();
        Open();
        var probe = await ProbeAsync();
        Assert.False(write.IsCancellationRequested);
        probe.SetException(new IOException());
        await UntilAsync(() => write.IsCancellationRequested);
    }

    [Fact]
    public async Task FrozenServer_ReadsUnderWay_EndTogetherNotOneAfterAnother()
    {
        await using var server = await RedisServer.StartAsync();
        var init = new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 1, ExpectedFacts = 1_000 };
        await StoreAdmin.InitAsync(server.Options, init, TimeProvider.System, _limit.Token);
        await using var store = await StoreAdmin.OpenAsync(
            server.Options with { ReadTimeoutMs = 2_000 }, init.KeyCheck, TimeProvider.System, _limit.Token);
        server.Pause();
        try
        {
            var first = ReadAsync();
            await Task.Delay(1_000);
            var later = Enumerable.Range(0, 20).Select(_ => ReadAsync()).ToArray();
            var batch = new ReadBatch();
            batch.Add(Sample.Key(1), [Sample.ObjectionId()]);
            var list = store.Reader.ReadAsync(batch, _limit.Token);
            Assert.Equal(StoreFault.Timeout, (await first).Fault);

            // Their own time was not over: the circuit ended them.
            Assert.All(await Task.WhenAll(later), e => Assert.Equal(StoreFault.Unreachable, e.Fault));
            await list;
            Assert.Equal(StoreFault.Unreachable, batch.Fault(0)!.Fault);
        }
        finally
        {
            server.Continue();
        }

        while (await Record.ExceptionAsync(() => store.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, _limit.Token).AsTask()) is not null)
        {
            await Task.Delay(20, _limit.Token);
        }

        Task<StoreUnavailableException> ReadAsync() => Assert.ThrowsAsync<StoreUnavailableException>(
            () => store.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, _limit.Token).AsTask());
    }

    private void Open()
    {
        _clock.Advance(Silence * 2);
        _circuit.Missed();
        Assert.True(_circuit.IsOpen);
    }

    private async Task<TaskCompletionSource> ProbeAsync()
    {
        TaskCompletionSource? probe = null;
        await UntilAsync(() => _probes.TryDequeue(out probe));
        return probe!;
    }

    private async Task UntilAsync(Func<bool> isSo)
    {
        while (!isSo())
        {
            await Task.Delay(5, _limit.Token);
        }
    }

    /// <summary>Stands still unless the test moves it, and its timers never come.</summary>
    private sealed class StillClock : TimeProvider
    {
        private long _now = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref _now);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            System.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        internal void Advance(TimeSpan time) => Interlocked.Add(ref _now, time.Ticks);
    }
}
