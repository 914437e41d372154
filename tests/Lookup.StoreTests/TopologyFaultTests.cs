using System.Collections.Concurrent;
using System.Diagnostics;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Imports;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Reading;
using Lookup.Redis.Store;

namespace Lookup.StoreTests;

/// <summary>Servers that change while facts are read and written: fail-over and resharding under load.</summary>
public sealed class TopologyFaultTests : IDisposable
{
    private const int Writers = 4;

    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(4));
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<int, bool> _acknowledged = new();
    private readonly int[] _written = new int[Writers];
    private string? _wrong;

    private CancellationToken Token => _limit.Token;

    public void Dispose()
    {
        _limit.Dispose();
        _stop.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Cluster_PrimaryKilledOrFrozenUnderLoad_LosesNothingAcknowledgedAndGoesOn(bool kill)
    {
        await using var cluster = await RedisCluster.StartFailingOverAsync("--appendonly", "yes", "--appendfsync", "no");
        await using var store = await OpenAsync(cluster.Options);
        var victim = await cluster.OwnerAsync(Keys.Slot(0));
        await FailOverAsync(store, victim, kill, async () => await cluster.OwnerAsync(Keys.Slot(0)) != victim);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Sentinel_PrimaryKilledOrFrozenUnderLoad_LosesNothingAcknowledgedAndGoesOn(bool kill)
    {
        await using var sentinel = await RedisSentinel.StartAsync("--appendonly", "yes", "--appendfsync", "no");
        await using var store = await OpenAsync(sentinel.Options);
        var victim = await sentinel.PrimaryAsync();
        await FailOverAsync(store, victim, kill, async () => await sentinel.PrimaryAsync() != victim);
    }

    // A replica that was not moved yet confirms what is written to the old primary, and drops it when it is moved.
    [Fact]
    public async Task Sentinel_OldPrimaryThawedWhileItIsReplaced_LosesNothingAcknowledgedAndGoesOn()
    {
        await using var sentinel = await RedisSentinel.StartAsync("--appendonly", "yes", "--appendfsync", "no");
        await using var store = await OpenAsync(sentinel.Options);
        var victim = await sentinel.PrimaryAsync();
        await FailOverAsync(
            store, victim, kill: false, sentinel.IsFailingOverAsync, async () => await sentinel.PrimaryAsync() != victim);
    }

    [Fact]
    public async Task Sentinel_OneHangs_GoesOnAndWithTwoAwayNothingIsAcknowledged()
    {
        await using var sentinel = await RedisSentinel.StartAsync();
        // What is refused is refused because of the sentinels: the limits are not reached.
        await using var store = await OpenAsync(sentinel.Options, readTimeoutMs: 10_000, writeTimeoutMs: 60_000);
        sentinel.Sentinels[0].Pause();
        await store.Writer.WriteAsync([Sample.Objection(1)], Token);
        await store.Reader.FenceAsync([0], Token);
        sentinel.Sentinels[0].Continue();
        foreach (var one in sentinel.Sentinels.Take(2))
        {
            await one.KillAsync();
        }

        var refused = await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Writer.WriteAsync([Sample.Objection(2)], Token));
        Assert.Contains("sentinels", refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Reader.FenceAsync([0], Token).AsTask());
        await sentinel.Sentinels[1].RestartAsync();
        await RetryAsync(() => store.Writer.WriteAsync([Sample.Objection(2)], Token));
    }

    [Fact]
    public async Task Cluster_SlotMovedUnderLoad_GivesNoWrongAnswer()
    {
        await using var cluster = await RedisCluster.StartAsync();
        await using var store = await OpenAsync(cluster.Options);
        await using var replica = new FilterReplica(store.Feed, new ReplicaOptions { PollMs = 20 }, TimeProvider.System);
        await replica.StartAsync(Token);
        var slot = Keys.Slot(0);
        var from = await cluster.OwnerAsync(slot);
        var to = cluster.Nodes.Take(3).First(node => node != from);
        var load = LoadAsync(store, replica);
        await WrittenAsync(50);
        await RedisCluster.BeginMoveAsync(slot, from, to);
        var moved = 0;
        while (await RedisCluster.MoveKeysAsync(slot, from, to, 5))
        {
            // The first keys one by one, with time for calls in between.
            if (moved++ < 50)
            {
                await Task.Delay(20, Token);
            }
        }

        Assert.True(moved > 5);
        Assert.Contains((await RetryAsync(() => store.Maintenance.ProbeAsync(Token))).Warnings, warning => warning.Contains("moving", StringComparison.Ordinal));
        await RedisCluster.EndMoveAsync(slot, from, to);
        await WrittenInPartitionAsync(store, 0, 20);
        await EndAsync(store, replica, load);
        await CheckAsync(store, cluster.Options);
    }

    [Fact]
    public async Task Cluster_FirstLoad_IsWhatWritingWouldHaveMade()
    {
        await using var cluster = await RedisCluster.StartAsync();
        var facts = Enumerable.Range(0, 20_000).Select(i => Sample.Objection(i % 15_000, Sample.Now + (i / 15_000))).ToArray();
        await using (var load = await FirstLoad.BeginAsync(cluster.Options, Init, TimeProvider.System, Token))
        {
            foreach (var chunk in facts.Chunk(1_000))
            {
                await load.AddAsync(chunk, Token);
            }

            Assert.Equal(15_000, (await load.PublishAsync(Token)).Timelines);
        }

        await using var store = await StoreAdmin.OpenAsync(cluster.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Token);
        Assert.All((await store.Writer.WriteAsync(facts, Token)).Outcomes, outcome => Assert.Equal(WriteOutcome.Unchanged, outcome));
        await CheckAsync(store, cluster.Options);
    }

    private static InitOptions Init => new() { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 8, ExpectedFacts = 50_000 };

    private async Task<FactStore> OpenAsync(StoreOptions options, int readTimeoutMs = 250, int writeTimeoutMs = 1_000)
    {
        options = options with { WaitReplicas = 1 };
        await StoreAdmin.InitAsync(options, Init, TimeProvider.System, Token);
        options = options with { ReadTimeoutMs = readTimeoutMs, WriteTimeoutMs = writeTimeoutMs };
        return await StoreAdmin.OpenAsync(options, Sample.Cipher.KeyCheck, TimeProvider.System, Token);
    }

    // The victim comes back when another has taken over: without it, writes find no replica to wait for.
    private async Task FailOverAsync(
        FactStore store, RedisServer victim, bool kill, Func<Task<bool>> mayComeBack, Func<Task<bool>>? hasMoved = null)
    {
        await using var replica = new FilterReplica(store.Feed, new ReplicaOptions { PollMs = 20 }, TimeProvider.System);
        await replica.StartAsync(Token);
        var load = LoadAsync(store, replica: null);
        await WrittenAsync(50);
        if (kill)
        {
            await victim.KillAsync();
        }
        else
        {
            victim.Pause();
        }

        while (!await mayComeBack())
        {
            await Task.Delay(10, Token);
        }

        if (kill)
        {
            await victim.RestartAsync();
        }
        else
        {
            victim.Continue();
        }

        while (hasMoved is not null && !await hasMoved())
        {
            await Task.Delay(50, Token);
        }

        await WrittenInPartitionAsync(store, 0, 20);
        await EndAsync(store, replica, load);
    }

    private Task LoadAsync(FactStore store, FilterReplica? replica) => Task.WhenAll(
        Enumerable.Range(0, Writers).Select(writer => Task.Run(() => WriteAsync(store, writer)))
            .Concat(Enumerable.Range(0, 2).Select(seed => Task.Run(() => ReadAsync(store, replica, new Random(seed))))));

    private async Task WriteAsync(FactStore store, int writer)
    {
        for (var i = 0; !_stop.IsCancellationRequested; i++)
        {
            var number = (writer * 1_000_000) + i;
            try
            {
                await store.Writer.WriteAsync([Sample.Objection(number)], Token);
                _acknowledged[number] = true;
                _written[writer] = i + 1;
            }
            catch (StoreUnavailableException e) when (e.Fault is StoreFault.Unreachable or StoreFault.Timeout or StoreFault.ReadOnlyReplica)
            {
                // It may be kept or not.
                await Task.Delay(5, Token);
            }
        }
    }

    // While a slot moves, whatever was acknowledged is there or cannot be told. After a fail-over that is the fence's to say.
    private async Task ReadAsync(FactStore store, FilterReplica? replica, Random random)
    {
        var batch = new ReadBatch();
        while (!_stop.IsCancellationRequested)
        {
            await Task.Delay(2, Token);
            var known = _acknowledged.Keys.ToArray();
            if (known.Length == 0)
            {
                continue;
            }

            var moment = TimeProvider.System.GetTimestamp();
            batch.Clear();
            for (var i = 0; i < 50; i++)
            {
                batch.Add(Sample.Key(known[random.Next(known.Length)]), [Sample.ObjectionId()]);
            }

            await store.Reader.ReadAsync(batch, Token);
            var number = known[random.Next(known.Length)];
            try
            {
                var read = await store.Reader.ReadAsync(Sample.Key(number), new[] { Sample.ObjectionId() }, Token);
                if (replica is not null && read.Values[0] is null)
                {
                    _wrong ??= $"{number} is called absent.";
                }
            }
            catch (StoreUnavailableException e) when (e.Fault is not StoreFault.RolledBack)
            {
                // Cannot be told.
            }

            for (var i = 0; i < batch.Count && replica is not null; i++)
            {
                if (batch.Fault(i) is null && batch.Value(i, 0).IsNull)
                {
                    _wrong ??= "A number of a batch is called absent.";
                }
            }

            foreach (var one in known.Take(replica is null ? 0 : 100))
            {
                var state = replica!.Partition(Sample.Key(one).Partition(store.Manifest.Partitions));
                if (state.Filter is not null && state.AsOf > moment && !state.Filter.MayContain(Sample.Key(one), Sample.ObjectionId()))
                {
                    _wrong ??= $"{one} is not in the filter.";
                }
            }
        }
    }

    private async Task WrittenAsync(int each)
    {
        while (_written.Any(count => count < each))
        {
            await Task.Delay(20, Token);
        }
    }

    // Writes that are acknowledged from now on, by the server that has the partition now.
    private async Task WrittenInPartitionAsync(FactStore store, int partition, int count)
    {
        var before = Count();
        while (Count() < before + count)
        {
            await Task.Delay(50, Token);
        }

        int Count() => _acknowledged.Keys.Count(number => Sample.Key(number).Partition(store.Manifest.Partitions) == partition);
    }

    private async Task EndAsync(FactStore store, FilterReplica replica, Task load)
    {
        await _stop.CancelAsync();
        await load;
        Assert.Null(_wrong);
        var moment = TimeProvider.System.GetTimestamp();
        var batch = new ReadBatch();
        foreach (var chunk in _acknowledged.Keys.Chunk(1_000))
        {
            foreach (var number in chunk)
            {
                Assert.NotNull((await RetryAsync(() => store.Reader.ReadAsync(Sample.Key(number), new[] { Sample.ObjectionId() }, Token).AsTask())).Values[0]);
            }

            await RetryAsync(async () =>
            {
                batch.Clear();
                foreach (var number in chunk)
                {
                    batch.Add(Sample.Key(number), [Sample.ObjectionId()]);
                }

                await store.Reader.ReadAsync(batch, Token);
                return Enumerable.Range(0, batch.Count).Select(batch.Fault).FirstOrDefault(fault => fault is not null) is { } fault ? throw fault : true;
            });
            Assert.All(Enumerable.Range(0, batch.Count), item => Assert.False(batch.Value(item, 0).IsNull));
        }

        foreach (var number in _acknowledged.Keys)
        {
            var partition = Sample.Key(number).Partition(store.Manifest.Partitions);
            while (replica.Partition(partition) is not { Filter: not null } state || state.AsOf <= moment)
            {
                await Task.Delay(20, Token);
            }

            Assert.True(replica.Partition(partition).Filter!.MayContain(Sample.Key(number), Sample.ObjectionId()));
        }

        await RetryAsync(() => store.Maintenance.ProbeAsync(Token));
    }

    private async Task CheckAsync(FactStore store, StoreOptions options)
    {
        var findings = await StoreAdmin.DoctorAsync(options, store.Manifest.KeyCheck, TimeProvider.System, Token);
        Assert.DoesNotContain(findings, finding => finding.Level == FindingLevel.Fail);
        Assert.Contains(findings, finding => finding is { Level: FindingLevel.Ok, Name: "facts" });
    }

    private async Task<T> RetryAsync<T>(Func<Task<T>> call)
    {
        var since = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return await call();
            }
            catch (StoreUnavailableException e) when (e.Fault is StoreFault.Unreachable or StoreFault.Timeout && since.Elapsed < TimeSpan.FromMinutes(3))
            {
                await Task.Delay(20, Token);
            }
        }
    }
}
