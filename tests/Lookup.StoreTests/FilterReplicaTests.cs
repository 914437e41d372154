using Lookup.Core.Facts;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Store;
using StackExchange.Redis;

namespace Lookup.StoreTests;

/// <summary>The replica on redis. That it works on the embedded store is what every test of the service rests on.</summary>
public sealed class FilterReplicaTests : IAsyncLifetime
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;
    private RedisServer _redis = null!;
    private FactStore _store = null!;
    private FilterReplica? _replica;

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync();
        var options = _redis.Options with { FeedLength = 64 };
        await StoreAdmin.InitAsync(
            options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 4, ExpectedFacts = 20_000 }, TimeProvider.System, Token);
        _store = await StoreAdmin.OpenAsync(options, Sample.Cipher.KeyCheck, TimeProvider.System, Token);
    }

    public async ValueTask DisposeAsync()
    {
        if (_replica is not null)
        {
            await _replica.DisposeAsync();
        }

        await _store.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Fact]
    public async Task Start_StoreWithFacts_KnowsThem()
    {
        await WriteAsync(0, 500);
        var replica = await StartAsync();
        Assert.All(Enumerable.Range(0, 500), i => Assert.True(Knows(replica, i)));
        Assert.InRange(Enumerable.Range(100_000, 1_000).Count(i => Knows(replica, i)), 0, 100);
    }

    [Fact]
    public async Task Write_Acknowledged_IsKnownOnceThePollIsNewer()
    {
        var replica = await StartAsync();
        var wrong = 0;
        var acknowledged = 0;
        var writing = Task.Run(async () =>
        {
            // Also more at a time than the feed keeps, so that filters are loaded anew in between.
            for (var i = 0; i < 60; i++)
            {
                var count = i % 10 == 9 ? 400 : 7;
                await WriteAsync(acknowledged, count);
                Volatile.Write(ref acknowledged, acknowledged + count);
            }
        });
        var random = new Random(1);
        while (!writing.IsCompleted)
        {
            // What was acknowledged before this moment must be known to every filter that is as of a later one.
            var known = Volatile.Read(ref acknowledged);
            var moment = TimeProvider.System.GetTimestamp();
            for (var k = 0; k < 200 && known > 0; k++)
            {
                var i = random.Next(known);
                var state = replica.Partition(Sample.Key(i).Partition(4));
                if (state.Filter is not null && state.AsOf > moment && !state.Filter.MayContain(Sample.Key(i), Id))
                {
                    wrong++;
                }
            }

            await Task.Delay(1, Token);
        }

        await writing;
        Assert.Equal(0, wrong);
        var end = TimeProvider.System.GetTimestamp();
        await UntilAsync(() => Enumerable.Range(0, 4).All(p => replica.Partition(p) is { Filter: not null } state && state.AsOf > end));
        Assert.All(Enumerable.Range(0, acknowledged), i => Assert.True(Knows(replica, i)));
    }

    [Fact]
    public async Task Feed_WithAGap_IsNotTrustedAndTheFilterIsLoadedAnew()
    {
        await WriteAsync(0, 20);
        var replica = await StartAsync();
        var key = Sample.Key(5_000);
        var partition = key.Partition(4);
        var version = replica.Partition(partition).Version;
        await WriteAsync(5_000, 1);
        await WriteAsync(5_001, 40);
        await using (var admin = await _redis.AdminAsync())
        {
            // The first of the changes is gone from the feed, as if it had been cut there.
            var feed = new RedisKey($"{{{partition:x2}}}f");
            var entries = await admin.GetDatabase().ListRangeAsync(feed);
            var first = entries.Single(e => System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian((byte[])e!) == version + 1);
            await admin.GetDatabase().ListRemoveAsync(feed, first);
        }

        var now = TimeProvider.System.GetTimestamp();
        await UntilAsync(() => replica.Partition(partition) is { Filter: not null } state && state.AsOf > now);
        Assert.True(Knows(replica, 5_000));
    }

    [Fact]
    public async Task Store_Frozen_GrowsOlderAndComesBack()
    {
        var replica = await StartAsync();
        _redis.Pause();
        var frozen = TimeProvider.System.GetTimestamp();
        try
        {
            // Answers that were on their way may still come; to what is asked from now on there is none.
            await Task.Delay(300, Token);
            Assert.True(replica.Partition(0).AsOf <= frozen);
        }
        finally
        {
            _redis.Continue();
        }

        await UntilAsync(() => replica.Partition(0).AsOf > frozen);
    }

    [Fact]
    public async Task Store_Flushed_LeavesNoFilter()
    {
        await WriteAsync(0, 20);
        var replica = await StartAsync();
        await using (var admin = await _redis.AdminAsync())
        {
            await admin.GetServers()[0].FlushAllDatabasesAsync();
        }

        await UntilAsync(() => Enumerable.Range(0, 4).All(p => replica.Partition(p).Filter is null));
    }

    [Fact]
    public async Task Add_OwnWrite_IsKnownAtOnce()
    {
        var replica = await StartAsync();
        replica.Add(Sample.Key(77), Id, ConsistencyToken.Of(_store.Manifest.Epoch, Sample.Key(77).Partition(4), 1));
        Assert.True(Knows(replica, 77));
    }

    [Fact]
    public async Task CatchUp_WritesOfAnotherProcess_AreKnownWhenItReturns()
    {
        var replica = await StartAsync();
        for (var i = 0; i < 50; i++)
        {
            await WriteAsync(i, 1);
            await replica.CatchUpAsync(TimeSpan.FromMinutes(1), Token);
            Assert.True(Knows(replica, i));
        }
    }

    [Fact]
    public async Task Write_WithoutTheRightToPublish_IsStoredAndFollowed()
    {
        await using (var admin = await _redis.AdminAsync())
        {
            await admin.GetDatabase().ExecuteAsync("ACL", "SETUSER", "quiet", "on", ">secret", "~*", "+@all", "resetchannels");
        }

        await using var quiet = await StoreAdmin.OpenAsync(
            _redis.Options with { ConnectionString = _redis.Options.ConnectionString + ",user=quiet,password=secret" },
            Sample.Cipher.KeyCheck,
            TimeProvider.System,
            Token);
        await using var replica = new FilterReplica(quiet.Feed, new ReplicaOptions { PollMs = 20 }, TimeProvider.System);
        await replica.StartAsync(Token);
        Assert.Equal([WriteOutcome.Recorded], (await quiet.Writer.WriteAsync([Sample.Objection(1)], Token)).Outcomes);
        await UntilAsync(() => Knows(replica, 1));
    }

    private static FactId Id => Sample.ObjectionId();

    private static bool Knows(FilterReplica replica, int i) =>
        replica.Partition(Sample.Key(i).Partition(4)).Filter!.MayContain(Sample.Key(i), Id);

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (var i = 0; !condition(); i++)
        {
            Assert.True(i < 1_000, "It did not come to pass.");
            await Task.Delay(20, Token);
        }
    }

    private async Task<FilterReplica> StartAsync()
    {
        _replica = new FilterReplica(_store.Feed, new ReplicaOptions { PollMs = 20 }, TimeProvider.System);
        await _replica.StartAsync(Token);
        return _replica;
    }

    private Task<WriteResult> WriteAsync(int first, int count) =>
        _store.Writer.WriteAsync([.. Enumerable.Range(first, count).Select(i => Sample.Objection(i))], Token);
}
