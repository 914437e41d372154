using Grpc.Core;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Store;
using Lookup.V1;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Lookup.ServiceTests.Server;

/// <summary>Health of each service by itself: what fails for one of them need not fail for the others.</summary>
public sealed class ServiceHealthTests
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    private readonly string _number = Samples.NewNumber();

    [Theory]
    [InlineData("maxmemory", "1mb")]
    [InlineData("min-replicas-to-write", "1")]
    public async Task Store_TakesNoWrites_OnlyServicesThatRecordAreNotServing(string setting, string value)
    {
        await using var redis = await StartWithStoreAsync();
        await using var admin = await redis.AdminAsync();
        await using var server = await ServeAsync(redis.Options);
        using var health = new HealthWatches(server);
        await health.UntilAsync(ServingStatus.Serving, HealthWatches.All);
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(_number)));

        await admin.GetServers()[0].ConfigSetAsync(setting, value);
        await health.UntilAsync(ServingStatus.NotServing, HealthWatches.ThatRecord);
        await health.CheckUntilAsync(ServingStatus.NotServing, HealthWatches.ThatRecord);
        await health.CheckUntilAsync(ServingStatus.Serving, HealthWatches.ThatCheck);
        var refused = await Assert.ThrowsAsync<RpcException>(
            () => server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(_number))).ResponseAsync);
        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
        Assert.Equal(Verdict.Allow, await CheckAsync(server));

        await admin.GetServers()[0].ConfigSetAsync(setting, "0");
        await health.UntilAsync(ServingStatus.Serving, HealthWatches.ThatRecord);
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(_number)));
        Assert.Equal(Verdict.Deny, await CheckAsync(server));
        Assert.Contains("nothing can be recorded", server.Log.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Store_Frozen_NoServiceIsServingUntilItIsBack()
    {
        await using var redis = await StartWithStoreAsync();
        await using var server = await ServeAsync(redis.Options with { ReadTimeoutMs = 1_000 });
        using var health = new HealthWatches(server);
        await health.UntilAsync(ServingStatus.Serving, HealthWatches.All);
        redis.Pause();
        try
        {
            await health.UntilAsync(ServingStatus.NotServing, HealthWatches.All);
            await health.CheckUntilAsync(ServingStatus.NotServing, HealthWatches.All);
            Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable, (await server.Http.GetAsync("/health", Test)).StatusCode);
        }
        finally
        {
            redis.Continue();
        }

        await health.UntilAsync(ServingStatus.Serving, HealthWatches.All);
    }

    [Fact]
    public async Task Registry_Unreadable_NoServiceIsServing()
    {
        await using var behind = await LookupServer.EmbeddedAsync();
        var store = new TroubledStore(behind);
        await using var server = await LookupServer.StartAsync(store, ownsStore: false, configure: o => o.HealthProbeMs = 50);
        using var health = new HealthWatches(server);
        await health.UntilAsync(ServingStatus.Serving, HealthWatches.All);
        store.RegistryTrouble = _ => throw new StoreUnavailableException(StoreFault.Damaged, "Stored data cannot be read.");
        await health.UntilAsync(ServingStatus.NotServing, HealthWatches.All);

        var refused = await Assert.ThrowsAsync<RpcException>(() => CheckAsync(server));
        Assert.Equal("Stored data cannot be read.", refused.Status.Detail);

        store.RegistryTrouble = _ => Task.CompletedTask;
        await health.UntilAsync(ServingStatus.Serving, HealthWatches.All);
    }

    [Fact]
    public async Task Replica_Gone_NoServiceIsServingUntilItIsBack()
    {
        // Without it nothing shows that the server is still the primary, so checks fail past the bound, too.
        await using var primary = await StartWithStoreAsync();
        await using var replica = await RedisServer.StartAsync(
            "--replicaof", "127.0.0.1", $"{primary.Port}", "--repl-diskless-sync-delay", "0");
        await using var server = await ServeAsync(primary.Options with { WaitReplicas = 1, ReadTimeoutMs = 2_000 });
        using var health = new HealthWatches(server);
        await health.UntilAsync(ServingStatus.Serving, HealthWatches.All);
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(_number)));

        await replica.KillAsync();
        await health.UntilAsync(ServingStatus.NotServing, HealthWatches.All);
        await Task.Delay(server.Options.FreshnessBoundMs, Test);
        var refused = await Assert.ThrowsAsync<RpcException>(() => CheckAsync(server));
        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);

        await replica.RestartAsync();
        await health.UntilAsync(ServingStatus.Serving, HealthWatches.All);
        // Where the fences stand still for longer than the bound, as on a loaded machine, a check is refused.
        Verdict? verdict = null;
        while (await Record.ExceptionAsync(async () => verdict = await CheckAsync(server)) is { } still)
        {
            Assert.Equal(StatusCode.Unavailable, Assert.IsType<RpcException>(still).StatusCode);
            await Task.Delay(10, Test);
        }

        Assert.Equal(Verdict.Allow, verdict);
    }

    [Theory]
    [InlineData(StoreFault.Timeout)] // What is followed grows old.
    [InlineData(StoreFault.Damaged)] // It is not followed any more.
    public async Task Changes_NotFollowed_OnlyWatchServiceIsNotServing(StoreFault fault)
    {
        var store = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using var server = await LookupServer.StartAsync(store);
        using var health = new HealthWatches(server);
        await health.UntilAsync(ServingStatus.Serving, HealthWatches.All);

        store.OnTheWayBack = () => throw new StoreUnavailableException(fault, "The changes cannot be read.");
        await health.UntilAsync(ServingStatus.NotServing, HealthWatches.ThatFollow);
        await health.CheckUntilAsync(ServingStatus.NotServing, HealthWatches.ThatFollow);
        await health.CheckUntilAsync(ServingStatus.Serving, [.. HealthWatches.ThatCheck, .. HealthWatches.ThatRecord]);
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(_number)));
        Assert.Equal(Verdict.Allow, await CheckAsync(server));

        store.OnTheWayBack = () => Task.CompletedTask;
        await health.UntilAsync(ServingStatus.Serving, HealthWatches.ThatFollow);
    }

    [Fact]
    public async Task Probe_TriesToWrite_ChangesNothing()
    {
        await using var redis = await StartWithStoreAsync("--appendonly", "yes");
        using var cipher = new NumberCipher(LookupServer.Key);
        await using var store = await StoreAdmin.OpenAsync(redis.Options, cipher.KeyCheck, TimeProvider.System, Test);
        await using var admin = await redis.AdminAsync();
        var server = admin.GetServers()[0];
        var before = await StateAsync();
        for (var i = 0; i < 5; i++)
        {
            Assert.Null((await store.Maintenance.ProbeAsync(Test)).WritesRefused);
        }

        Assert.Equal(before, await StateAsync());
        await server.ConfigSetAsync("maxmemory", "1mb");
        Assert.Equal(StoreFault.Full, (await store.Maintenance.ProbeAsync(Test)).WritesRefused?.Fault);

        async Task<(long Keys, string Changes, string Log)> StateAsync()
        {
            var info = (await server.InfoAsync("persistence")).SelectMany(section => section).ToDictionary(f => f.Key, f => f.Value);
            return (await server.DatabaseSizeAsync(), info["rdb_changes_since_last_save"], info["aof_current_size"]);
        }
    }

    private static async Task<RedisServer> StartWithStoreAsync(params string[] arguments)
    {
        var redis = await RedisServer.StartAsync(arguments);
        using var cipher = new NumberCipher(LookupServer.Key);
        await StoreAdmin.InitAsync(
            redis.Options, new InitOptions { KeyCheck = cipher.KeyCheck, Partitions = 4, ExpectedFacts = 10_000 }, TimeProvider.System, Test);
        return redis;
    }

    private static async Task<LookupServer> ServeAsync(StoreOptions options)
    {
        using var cipher = new NumberCipher(LookupServer.Key);
        return await LookupServer.StartAsync(await StoreAdmin.OpenAsync(options, cipher.KeyCheck, TimeProvider.System, Test));
    }

    private async Task<Verdict> CheckAsync(LookupServer server) =>
        (await server.Lookup.CheckAsync(Samples.Check(_number))).Decision.Verdict;
}
