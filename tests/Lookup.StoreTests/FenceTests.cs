using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Reading;
using Lookup.Redis.Store;
using Lookup.V1;

namespace Lookup.StoreTests;

/// <summary>
/// A primary that is frozen while its replica takes over, and thawed: it answers as before, with a version as high as its
/// successor's, and lacks what was acknowledged there.
/// </summary>
public sealed class FenceTests : IAsyncLifetime
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(2));
    private readonly string _number = Samples.NewNumber();
    private RedisServer _old = null!;
    private RedisServer _new = null!;

    private CancellationToken Token => _limit.Token;

    private StoreOptions Options(RedisServer server) => server.Options with { WaitReplicas = 1, ReadTimeoutMs = 2_000 };

    public async ValueTask InitializeAsync()
    {
        _old = await RedisServer.StartAsync();
        _new = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{_old.Port}", "--repl-diskless-sync-delay", "0");
        using var cipher = new NumberCipher(LookupServer.Key);
        await StoreAdmin.InitAsync(
            _old.Options, new InitOptions { KeyCheck = cipher.KeyCheck, Partitions = 2, ExpectedFacts = 10_000 }, TimeProvider.System, Token);
        await using var admin = await _old.AdminAsync();
        while ((int)await admin.GetDatabase().ExecuteAsync("WAIT", 1, 1_000) < 1)
        {
            Token.ThrowIfCancellationRequested();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _new.DisposeAsync();
        await _old.DisposeAsync();
        _limit.Dispose();
    }

    [Fact]
    public async Task OldPrimary_ThawedAfterItsReplicaTookOver_PermitsNothing()
    {
        var store = await OpenAsync(_old);
        await using var server = await LookupServer.StartAsync(store, o =>
        {
            o.FreshnessBoundMs = 400;
            o.StoreBatchLimitMs = 5_000;
        });
        await RecordAsync(server, Samples.Consent(_number));
        // Where the fences stand still for longer than the bound, as on a loaded machine, a check is refused.
        await Until.SoAsync(async () => await AskAsync(server, new Consistency()) == Verdict.Allow, Token);
        await Until.SoAsync(async () => await AskAsync(server, new Consistency { Exact = true }) == Verdict.Allow, Token);

        _old.Pause();
        var token = await ObjectAtSuccessorAsync(server);
        // Under way before the thaw and after it; whoever asks now began long after the objection was acknowledged.
        var atOnce = Task.WhenAll(Enumerable.Range(0, 50).Select(_ => AskAsync(server, new Consistency { Exact = true })));
        _old.Continue();
        await UnacknowledgedWriteAsync();
        Assert.DoesNotContain(Verdict.Allow, await atOnce);

        // A bounded check may rest on what was so within the bound.
        await Task.Delay(server.Options.FreshnessBoundMs, Token);
        for (var i = 0; i < 50; i++)
        {
            Assert.NotEqual(Verdict.Allow, await AskAsync(server, new Consistency()));
            Assert.NotEqual(Verdict.Allow, await AskAsync(server, new Consistency { Exact = true }));
            Assert.NotEqual(Verdict.Allow, await AskAsync(server, new Consistency { AtLeastAsFresh = token }));
        }

        await using var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question() });
        await using var exact = await StreamCall.OpenAsync(
            server, new CheckStreamOpen { Question = Samples.Question(), Consistency = new Consistency { Exact = true } });
        for (var i = 1UL; i <= 20; i++)
        {
            Assert.Equal(Verdict.Unknown, (await stream.AskAsync(i, ulong.Parse(_number[1..]))).Verdicts[0]);
            Assert.Equal(Verdict.Unknown, (await exact.AskAsync(i, ulong.Parse(_number[1..]))).Verdicts[0]);
        }
    }

    [Fact]
    public async Task OldPrimary_AnswersReads_ButTheyTellThatNothingShowsTheirAge()
    {
        // That the test above would fail without the fence: the old primary does answer, and lacks the objection.
        await using var store = await OpenAsync(_old);
        using var cipher = new NumberCipher(LookupServer.Key);
        var key = cipher.Encrypt(PhoneNumber.TryFrom(ulong.Parse(_number[1..]), out var number, out _) ? number : throw new InvalidOperationException());
        var partition = key.Partition(store.Manifest.Partitions);
        var id = Sample.ObjectionId();
        await store.Writer.WriteAsync([Sample.Objection(1) with { Key = key }], Token);
        await store.Reader.FenceAsync([partition], Token);
        var before = await store.Reader.ReadAsync(key, new[] { id }, Token);
        Assert.NotEqual(0, before.AsOf);
        await TakeOverAsync();

        var now = TimeProvider.System.GetTimestamp();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Reader.FenceAsync([partition], Token).AsTask());
        var read = await store.Reader.ReadAsync(key, new[] { id }, Token);
        Assert.NotNull(read.Values[0]);
        Assert.True(read.AsOf < now);
        var batch = new ReadBatch();
        batch.Add(key, [id]);
        await store.Reader.ReadAsync(batch, Token);
        Assert.Null(batch.Fault(0));
        Assert.True(batch.AsOf(0) < now);
        Assert.All(await PollAsync(store), poll => Assert.NotNull(poll.Fault));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Feed.LoadFilterAsync(partition, Token));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Registry.ReadAsync(Token));
    }

    [Fact]
    public async Task Fence_ReplicaFollows_ShowsThatReadsAreAsNewAsIt()
    {
        await using var store = await OpenAsync(_old);
        for (var i = 0; i < 50; i++)
        {
            var begin = TimeProvider.System.GetTimestamp();
            await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ =>
            {
                await store.Reader.FenceAsync([0, 1], Token);
                var read = await store.Reader.ReadAsync(Sample.Key(i), new[] { Sample.ObjectionId() }, Token);
                Assert.True(read.AsOf >= begin);
            }));
        }

        Assert.All(await PollAsync(store), poll => Assert.Null(poll.Fault));
    }

    [Fact]
    public async Task Fence_ServerFull_IsRaisedAllTheSame()
    {
        await using var store = await OpenAsync(_old);
        await using var admin = await _old.AdminAsync();
        await admin.GetServers()[0].ConfigSetAsync("maxmemory", "1mb");
        await store.Reader.FenceAsync([0, 1], Token);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Writer.WriteAsync([Sample.Objection(1)], Token));
    }

    [Fact]
    public async Task Fence_StoreFlushed_MakesNothingNew()
    {
        await using var store = await OpenAsync(_old);
        await store.Reader.FenceAsync([0, 1], Token);
        await using var admin = await _old.AdminAsync();
        await admin.GetServers()[0].FlushAllDatabasesAsync();
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Reader.FenceAsync([0, 1], Token).AsTask());
        Assert.Equal(StoreFault.NotInitialised, e.Fault);
        Assert.Equal(0, await admin.GetServers()[0].DatabaseSizeAsync());
    }

    [Fact]
    public async Task Failover_WithAWriteThatNoReplicaHas_IsNoLoss()
    {
        // The second write waits for a replica until its time is over.
        await using var store = await OpenAsync(_old, writeTimeoutMs: 5_000);
        await store.Writer.WriteAsync([Sample.Objection(1)], Token);
        Assert.All(await PollAsync(store), poll => Assert.Null(poll.Fault));
        await TakeOverAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Writer.WriteAsync([Sample.Objection(2), Sample.Objection(3)], Token));
        await store.Reader.ReadAsync(Sample.Key(2), new[] { Sample.ObjectionId() }, Token);
        Assert.All(await PollAsync(store), poll => Assert.NotNull(poll.Fault));

        // The successor goes on from before; so does whoever comes to it, as behind an address that moves with the primary.
        await using (var admin = await _old.AdminAsync())
        {
            await admin.GetDatabase().ExecuteAsync("REPLICAOF", "127.0.0.1", $"{_new.Port}");
        }

        await using var next = await OpenAsync(_new);
        await Until.SoAsync(async () => Array.TrueForAll(await PollAsync(next), poll => poll.Fault is null), Token);
        Assert.NotNull((await next.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, Token)).Values[0]);
        Assert.Null((await next.Reader.ReadAsync(Sample.Key(2), new[] { Sample.ObjectionId() }, Token)).Values[0]);
    }

    private static Task<FeedPoll[]> PollsAsync(FactStore store, CancellationToken token) =>
        store.Feed.PollAsync(new ulong?[store.Manifest.Partitions], token);

    private async Task<FeedPoll[]> PollAsync(FactStore store)
    {
        try
        {
            return await PollsAsync(store, Token);
        }
        catch (StoreUnavailableException e)
        {
            return [new FeedPoll(0, 0, null, Fault: e)];
        }
    }

    private async Task TakeOverAsync()
    {
        await using var admin = await _new.AdminAsync();
        await admin.GetDatabase().ExecuteAsync("REPLICAOF", "NO", "ONE");
    }

    // At the successor, which has a replica of its own by then; as many versions are made as the old one may make.
    private async Task<string> ObjectAtSuccessorAsync(LookupServer server)
    {
        await TakeOverAsync();
        await using var replica = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{_new.Port}", "--repl-diskless-sync-delay", "0");
        await using var other = await LookupServer.StartAsync(await OpenAsync(_new));
        return await RecordAsync(other, Samples.Objection(_number));
    }

    private async Task<string> RecordAsync(LookupServer server, V1.Fact fact)
    {
        while (true)
        {
            try
            {
                return (await server.Facts.RecordFactsAsync(Samples.Record(fact))).ConsistencyToken;
            }
            catch (Grpc.Core.RpcException e) when (e.StatusCode == Grpc.Core.StatusCode.Unavailable)
            {
                // The replica is not connected yet.
                await Task.Delay(50, Token);
            }
        }
    }

    // Lifts the old primary's versions to those of its successor and beyond.
    private async Task UnacknowledgedWriteAsync()
    {
        await using var admin = await _old.AdminAsync();
        for (var p = 0; p < 2; p++)
        {
            await admin.GetDatabase().HashIncrementAsync(Keys.Meta(p), "v", 5);
        }
    }

    private async Task<Verdict> AskAsync(LookupServer server, Consistency consistency)
    {
        var request = Samples.Check(_number);
        request.Consistency = consistency;
        try
        {
            return (await server.Lookup.CheckAsync(request)).Decision.Verdict;
        }
        catch (Grpc.Core.RpcException e) when (e.StatusCode == Grpc.Core.StatusCode.Unavailable)
        {
            return Verdict.Unknown;
        }
    }

    private Task<FactStore> OpenAsync(RedisServer server, int writeTimeoutMs = 60_000) =>
        StoreAdmin.OpenAsync(Options(server) with { WriteTimeoutMs = writeTimeoutMs }, new NumberCipher(LookupServer.Key).KeyCheck, TimeProvider.System, Token);
}

/// <summary>Waits for what becomes so.</summary>
internal static class Until
{
    internal static async Task SoAsync(Func<Task<bool>> isSo, CancellationToken cancellation)
    {
        while (!await isSo())
        {
            await Task.Delay(20, cancellation);
        }
    }
}
