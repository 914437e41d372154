using Lookup.Core.Filters;
using Lookup.Redis;
using Lookup.Redis.Following;

namespace Lookup.StoreTests;

/// <content>Filters that are rebuilt while the store is used, on every store.</content>
public abstract partial class StoreContract
{
    private static readonly RebuildOptions Fast = new() { WorkShare = 1, Wait = TimeSpan.FromMinutes(1) };

    [Fact]
    public async Task Rebuild_UnderWriters_KnowsEveryAcknowledgedFactAtAllTimes()
    {
        const int Batch = 5;
        await Store.Writer.WriteAsync([.. Enumerable.Range(0, 1_000).Select(i => Sample.Objection(i))], Token);
        await using var replica = new FilterReplica(Store.Feed, new ReplicaOptions { PollMs = 10 }, TimeProvider.System);
        await replica.StartAsync(Token);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var acknowledged = 1_000;
        var writing = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await Store.Writer.WriteAsync([.. Enumerable.Range(acknowledged, Batch).Select(i => Sample.Objection(i))], Token);
                Volatile.Write(ref acknowledged, acknowledged + Batch);
            }
        });
        var generations = new HashSet<int>();
        string? wrong = null;
        var seen = 0;
        var watching = Task.Run(async () =>
        {
            var random = new Random(1);
            while (!writing.IsCompleted)
            {
                var known = Volatile.Read(ref acknowledged);
                var moment = TimeProvider.System.GetTimestamp();
                await Task.Delay(10, Token);
                for (var k = 0; k < 200; k++)
                {
                    var key = Sample.Key(k % 2 == 0 ? known - 1 - (k / 2) : random.Next(known));
                    var state = replica.Partition(key.Partition(Store.Manifest.Partitions));
                    if (state.Filter is not null && state.AsOf > moment && !state.Filter.MayContain(key, Sample.ObjectionId()))
                    {
                        wrong ??= $"A fact of {known} is called absent by generation {state.Generation}.";
                    }

                    generations.Add(state.Generation);
                }

                Volatile.Write(ref seen, generations.Max());
            }
        });
        await SeenAsync(1);
        for (var p = 0; p < Store.Manifest.Partitions; p++)
        {
            var built = await Store.Filters.RebuildAsync(p, Fast, _ => { }, Token);
            Assert.Equal(2, built!.Generation);
            Assert.False(built.IsBuilding);
        }

        while (Enumerable.Range(0, Store.Manifest.Partitions).Any(p => replica.Partition(p) is not { Filter: not null, Generation: 2 }))
        {
            await Task.Delay(5, Token);
        }

        await SeenAsync(2);
        await stop.CancelAsync();
        await writing;
        await watching;
        Assert.Null(wrong);
        Assert.Equal([1, 2], generations.Order());
        await KnowsAllAsync(acknowledged);
        await using var behind = await BehindAsync();
        for (var p = 0; p < Store.Manifest.Partitions; p++)
        {
            Assert.False(await behind.GetDatabase().KeyExistsAsync(Keys.Filter(p, 1)));
        }

        async Task SeenAsync(int generation)
        {
            while (Volatile.Read(ref seen) < generation && !watching.IsCompleted)
            {
                await Task.Delay(5, Token);
            }
        }
    }

    [Fact]
    public async Task Rebuild_FollowedReplica_NeverLosesItsFilter()
    {
        var losses = new Losses();
        await using var replica = new FilterReplica(Store.Feed, new ReplicaOptions { PollMs = 10 }, TimeProvider.System, losses);
        await replica.StartAsync(Token);
        while (replica.Partition(0).Filter is null)
        {
            await Task.Delay(5, Token);
        }

        await Store.Filters.RebuildAsync(0, Fast, _ => { }, Token);
        while (replica.Partition(0).Generation != 2)
        {
            Assert.NotNull(replica.Partition(0).Filter);
            await Task.Delay(1, Token);
        }

        Assert.Equal(0, losses.Count);
    }

    [Fact]
    public async Task Rebuild_AfterErasures_HasNoTraceOfThem()
    {
        var key = Sample.Key(1);
        var partition = key.Partition(Store.Manifest.Partitions);
        await Store.Writer.WriteAsync([Sample.Objection(1, organisation: "gone")], Token);
        await Store.Writer.EraseAsync(key, Sample.Objection(1, Sample.Now + 1, organisation: "stays"), Token);
        Assert.True((await Store.Feed.LoadFilterAsync(partition, Token)).Filter.MayContain(key, Sample.ObjectionId("gone")));
        await Store.Filters.RebuildAsync(partition, Fast, _ => { }, Token);
        var filter = (await Store.Feed.LoadFilterAsync(partition, Token)).Filter;
        Assert.False(filter.MayContain(key, Sample.ObjectionId("gone")));
        Assert.True(filter.MayContain(key, Sample.ObjectionId("stays")));
    }

    [Fact]
    public async Task Rebuild_GivenUpInTheMiddle_LeavesTheOldFilterWhole()
    {
        await Store.Writer.WriteAsync([.. Enumerable.Range(0, 500).Select(i => Sample.Objection(i))], Token);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Store.Filters.RebuildAsync(0, Fast, share => StopAt(share, 0.3), stop.Token));
        var filter = (await Store.Filters.ListAsync(Token))[0];
        Assert.Equal((1, false), (filter.Generation, filter.IsBuilding));
        await Store.Writer.WriteAsync([.. Enumerable.Range(500, 500).Select(i => Sample.Objection(i))], Token);
        await KnowsAllAsync(1_000);
        Assert.True((await Store.Filters.RebuildAsync(0, Fast, _ => { }, Token))!.Generation > 2);
        await KnowsAllAsync(1_000);

        void StopAt(double share, double limit)
        {
            if (share > limit)
            {
                stop.Cancel();
            }
        }
    }

    [Fact]
    public async Task Rebuild_OvertakenByAnotherBuilder_ChangesNothingAnyMore()
    {
        await Store.Writer.WriteAsync([.. Enumerable.Range(0, 500).Select(i => Sample.Objection(i))], Token);
        await using var behind = await BehindAsync();
        PartitionFilter? others = null;
        var overtaken = false;
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => Store.Filters.RebuildAsync(0, Fast, share =>
        {
            if (share < 0.5 || overtaken)
            {
                return;
            }

            overtaken = true;
            // As if this builder had slept for so long that its place was given to another.
            behind.GetDatabase().KeyDelete(Keys.Builder);
            others = Task.Run(() => Store.Filters.RebuildAsync(0, Fast, _ => { }, Token)).GetAwaiter().GetResult();
        }, Token));
        Assert.Equal(StoreFault.Unreachable, e.Fault);
        Assert.Equal(others!.Generation, (await Store.Filters.ListAsync(Token))[0].Generation);
        await KnowsAllAsync(500);
    }

    [Fact]
    public async Task Rebuild_StoreLostAPiece_IsNotUsed()
    {
        await Store.Writer.WriteAsync([.. Enumerable.Range(0, 500).Select(i => Sample.Objection(i))], Token);
        await using var behind = await BehindAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => Store.Filters.RebuildAsync(0, Fast, share =>
        {
            // The step is taken back, as by a fail-over to a server that did not have it.
            if (share is >= 0.9 and < 1)
            {
                behind.GetDatabase().HashSet(Keys.Meta(0), "b", "0");
            }
        }, Token));
        Assert.Equal(1, (await Store.Filters.ListAsync(Token))[0].Generation);
        await KnowsAllAsync(500);
    }

    [Fact]
    public async Task Rebuild_WhileAnotherBuilds_WaitsOrGoesAway()
    {
        await using var behind = await BehindAsync();
        await behind.GetDatabase().StringSetAsync(Keys.Builder, "another", TimeSpan.FromSeconds(1));
        Assert.Null(await Store.Filters.RebuildAsync(0, new RebuildOptions(), _ => { }, Token));
        Assert.NotNull(await Store.Filters.RebuildAsync(0, Fast, _ => { }, Token));
    }

    [Fact]
    public async Task Rebuild_MoreFactsThanItWasMadeFor_MakesItSharpAgain()
    {
        await Store.Writer.WriteAsync([.. Enumerable.Range(0, 40_000).Select(i => Sample.Objection(i))], Token);
        var before = FilterQuality.FalsePositives((await Store.Feed.LoadFilterAsync(0, Token)).Filter);
        await Store.Filters.RebuildAsync(0, Fast, _ => { }, Token);
        var filter = (await Store.Feed.LoadFilterAsync(0, Token)).Filter;
        Assert.True(FilterQuality.FalsePositives(filter) < before / 10, $"{before} before, {FilterQuality.FalsePositives(filter)} after.");
        var absent = Enumerable.Range(1_000_000, 20_000).Select(i => Sample.Key(i)).Where(k => k.Partition(Store.Manifest.Partitions) == 0).ToList();
        Assert.InRange(absent.Count(k => filter.MayContain(k, Sample.ObjectionId())) / (double)absent.Count, 0, 0.01);
    }

    private async Task KnowsAllAsync(int facts)
    {
        var filters = await Task.WhenAll(Enumerable.Range(0, Store.Manifest.Partitions).Select(p => Store.Feed.LoadFilterAsync(p, Token)));
        Assert.All(
            Enumerable.Range(0, facts).Select(i => Sample.Key(i)),
            key => Assert.True(filters[key.Partition(filters.Length)].Filter.MayContain(key, Sample.ObjectionId())));
    }

    private sealed class Losses : IReplicaObserver
    {
        private int _count;

        internal int Count => _count;

        public void Changed(int partition, IReadOnlyList<FeedChange> changes)
        {
        }

        public void Wrote(int partition, ulong version, Core.Numbers.NumberPseudonym key, Core.Facts.FactId id)
        {
        }

        public void Lost(int partition) => Interlocked.Increment(ref _count);

        public void Following(int partition, ulong version)
        {
        }
    }
}
