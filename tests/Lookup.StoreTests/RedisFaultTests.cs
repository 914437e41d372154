using System.Diagnostics;
using Lookup.Redis;
using Lookup.Redis.Imports;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Reading;
using Lookup.Redis.Store;
using Lookup.Redis.Topology;

namespace Lookup.StoreTests;

/// <summary>What only a server of its own can do: stop, fill up, follow another, be of someone else.</summary>
public sealed class RedisFaultTests : IDisposable
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(2));

    private CancellationToken Token => _limit.Token;

    public void Dispose() => _limit.Dispose();

    [Fact]
    public async Task Open_NeverSetUp_IsRefused()
    {
        await using var server = await RedisServer.StartAsync();
        await FailsAsync(StoreFault.NotInitialised, () => OpenAsync(server));
    }

    [Theory]
    [InlineData("192.0.2.1:6379", "192.0.2.1:6379,password=secret", true)]
    [InlineData("redis-0:6379", "redis-0:6379", true)]
    [InlineData("192.0.2.7:6379", "127.0.0.1:26379,serviceName=lookup", true)]
    [InlineData("192.0.2.1:6379", "192.0.2.1:6379,ssl=true", false)]
    [InlineData("127.0.0.1:6379", "127.0.0.1:6379", false)]
    [InlineData("[::1]:6379", "[::1]:6379", false)]
    [InlineData("localhost:6379", "localhost:6379", false)]
    public void PlainText_ToAnotherMachine_IsAWarning(string server, string connection, bool expected)
    {
        var endpoint = StackExchange.Redis.ConfigurationOptions.Parse(server).EndPoints[0];
        var warning = RedisServerCheck.PlainText(endpoint, new StoreOptions { ConnectionString = connection });
        Assert.Equal(expected, warning is not null);
        Assert.True(warning is null || (warning.Contains(server, StringComparison.Ordinal) && !warning.Contains("secret", StringComparison.Ordinal)), warning);
    }

    [Fact]
    public async Task Open_WithAnotherKey_IsRefused()
    {
        await using var server = await StartWithStoreAsync();
        await FailsAsync(StoreFault.WrongKey, () => StoreAdmin.OpenAsync(server.Options, "0000000000000000", TimeProvider.System, Token));
    }

    [Fact]
    public async Task Open_NobodyListens_IsRefused()
    {
        var server = await StartWithStoreAsync();
        await server.DisposeAsync();
        await FailsAsync(StoreFault.Unreachable, () => OpenAsync(server));
    }

    [Fact]
    public async Task Init_StoreThere_LeavesItAsItIs()
    {
        await using var server = await StartWithStoreAsync();
        await using var store = await OpenAsync(server);
        await store.Writer.WriteAsync([Sample.Objection(1)], Token);
        await Assert.ThrowsAsync<InvalidOperationException>(() => InitAsync(server));
        Assert.Equal(1, (await store.Maintenance.ProbeAsync(Token)).Facts);
    }

    [Fact]
    public async Task Init_ManifestGoneButFactsThere_IsRefused()
    {
        await using var server = await StartWithStoreAsync();
        await using (var admin = await server.AdminAsync())
        {
            await admin.GetDatabase().KeyDeleteAsync(Keys.Manifest);
        }

        await Assert.ThrowsAsync<InvalidOperationException>(() => InitAsync(server));
    }

    [Fact]
    public async Task Init_WrongOptions_TellsEveryFault()
    {
        var options = new StoreOptions { ConnectionString = "", ReadTimeoutMs = 0, FeedLength = 1 };
        var e = await Assert.ThrowsAsync<ArgumentException>(() => StoreAdmin.InitAsync(
            options, new InitOptions { KeyCheck = "", Partitions = 3 }, TimeProvider.System, Token));
        foreach (var name in new[] { "ConnectionString", "ReadTimeoutMs", "FeedLength", "KeyCheck", "Partitions" })
        {
            Assert.Contains(name, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Settings_ThatMayThrowFactsAway_AreRefusedAtStartAndLater()
    {
        await using var server = await StartWithStoreAsync();
        await using var store = await OpenAsync(server);
        await using var admin = await server.AdminAsync();
        await admin.GetServers()[0].ConfigSetAsync("maxmemory-policy", "allkeys-lru");
        await FailsAsync(StoreFault.Settings, () => store.Maintenance.ProbeAsync(Token));
        await FailsAsync(StoreFault.Settings, () => OpenAsync(server));
    }

    [Fact]
    public async Task Settings_NoAppendOnlyFile_AreAWarningUnlessRequired()
    {
        await using var server = await StartWithStoreAsync();
        await using var store = await OpenAsync(server);
        Assert.Single((await store.Maintenance.ProbeAsync(Token)).Warnings);
        await FailsAsync(StoreFault.Settings, () => StoreAdmin.OpenAsync(
            server.Options with { RequireAppendOnly = true }, Sample.Cipher.KeyCheck, TimeProvider.System, Token));
    }

    [Fact]
    public async Task Paused_Calls_FailInTimeThenAtOnceAndRecover()
    {
        await using var server = await StartWithStoreAsync();
        await using var store = await StoreAdmin.OpenAsync(
            server.Options with { ReadTimeoutMs = 100, WriteTimeoutMs = 100 }, Sample.Cipher.KeyCheck, TimeProvider.System, Token);
        var fact = Sample.Objection(1);
        await using (var patient = await OpenAsync(server))
        {
            await patient.Writer.WriteAsync([fact], Token);
        }

        server.Pause();
        try
        {
            await FailsAsync(StoreFault.Timeout, () => store.Reader.ReadAsync(fact.Key, new[] { fact.Id }, Token).AsTask());
            await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Writer.WriteAsync([Sample.Objection(2)], Token));
            Assert.NotNull(await BatchFaultAsync(store));

            // Far more calls than could wait their time out one after the other before the test's own limit.
            for (var i = 0; i < 5_000; i++)
            {
                await Assert.ThrowsAsync<StoreUnavailableException>(
                    () => store.Reader.ReadAsync(fact.Key, new[] { fact.Id }, Token).AsTask());
                Assert.NotNull(await BatchFaultAsync(store));
            }
        }
        finally
        {
            server.Continue();
        }

        await UntilAsync(async () => (await store.Reader.ReadAsync(fact.Key, new[] { fact.Id }, Token)).Values[0] is not null);
        await UntilAsync(async () => await BatchFaultAsync(store) is null);
    }

    [Fact]
    public async Task CallerGivesUp_PausedServer_EndsTheCallWithTheCaller()
    {
        await using var server = await StartWithStoreAsync();
        await using var store = await StoreAdmin.OpenAsync(
            server.Options with { ReadTimeoutMs = 10_000 }, Sample.Cipher.KeyCheck, TimeProvider.System, Token);
        server.Pause();
        try
        {
            using var caller = new CancellationTokenSource(50);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => store.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, caller.Token).AsTask());
        }
        finally
        {
            server.Continue();
        }
    }

    [Fact]
    public async Task ReadBatch_PausedServer_IsATimeoutOrEndsWithTheCaller()
    {
        await using var server = await StartWithStoreAsync();
        await using var store = await StoreAdmin.OpenAsync(
            server.Options with { ReadTimeoutMs = 2_000 }, Sample.Cipher.KeyCheck, TimeProvider.System, Token);
        await UntilAsync(async () => await BatchFaultAsync(store) is null);
        server.Pause();
        try
        {
            using var caller = new CancellationTokenSource(20);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.Reader.ReadAsync(Batch(), caller.Token));
            // On one that the kernel takes but nobody answers; after that nobody waits any more.
            Assert.Equal(StoreFault.Timeout, await BatchFaultAsync(store));
            Assert.Equal(StoreFault.Unreachable, await BatchFaultAsync(store));
        }
        finally
        {
            server.Continue();
        }

        await UntilAsync(async () => await BatchFaultAsync(store) is null);
    }

    [Fact]
    public async Task ReadBatch_ManyAtOnceAndSomeGivenUp_AnswersTheOthers()
    {
        await using var server = await StartWithStoreAsync();
        await using var store = await OpenAsync(server);
        await store.Writer.WriteAsync([.. Enumerable.Range(0, 50).Select(i => Sample.Objection(i))], Token);
        await Task.WhenAll(Enumerable.Range(0, 24).Select(reader => Task.Run(async () =>
        {
            var batch = Batch();
            for (var round = 0; round < 50; round++)
            {
                using var caller = new CancellationTokenSource();
                var reading = store.Reader.ReadAsync(batch, caller.Token);
                if (reader % 4 == 0)
                {
                    await caller.CancelAsync();
                }

                try
                {
                    await reading;
                    Assert.All(Enumerable.Range(0, batch.Count), item => Assert.False(batch.Value(item, 0).IsNull));
                }
                catch (OperationCanceledException) when (caller.IsCancellationRequested)
                {
                    // As it should be.
                }
            }
        })));
    }

    [Fact]
    public async Task Killed_WithAppendOnlyFile_LosesNoAcknowledgedFact()
    {
        await using var server = await StartWithStoreAsync("--appendonly", "yes", "--appendfsync", "always");
        await using var store = await OpenAsync(server);
        var acknowledged = new int[4];
        var writers = Enumerable.Range(0, acknowledged.Length).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; ; i++)
            {
                try
                {
                    await store.Writer.WriteAsync([Sample.Objection((writer * 1_000_000) + i)], Token);
                    acknowledged[writer] = i + 1;
                }
                catch (StoreUnavailableException)
                {
                    return;
                }
            }
        })).ToArray();
        await UntilAsync(() => Task.FromResult(acknowledged.All(a => Volatile.Read(ref acknowledged[0]) > 100 && a > 100)));
        await server.KillAsync();
        await Task.WhenAll(writers);
        await server.RestartAsync();

        await using var again = await OpenAsync(server);
        for (var writer = 0; writer < acknowledged.Length; writer++)
        {
            for (var i = 0; i < acknowledged[writer]; i++)
            {
                var read = await again.Reader.ReadAsync(Sample.Key((writer * 1_000_000) + i), new[] { Sample.ObjectionId() }, Token);
                Assert.NotNull(read.Values[0]);
            }
        }

        Assert.DoesNotContain(await DoctorAsync(server), f => f.Level == FindingLevel.Fail);

        // The first store's connections come back by themselves.
        await UntilAsync(async () => await BatchFaultAsync(store) is null);
        await UntilAsync(async () => (await store.Reader.ReadAsync(Sample.Key(0), new[] { Sample.ObjectionId() }, Token)).Values[0] is not null);
    }

    [Fact]
    public async Task Killed_WithoutAppendOnlyFile_IsNotAnEmptyStore()
    {
        await using var server = await StartWithStoreAsync();
        await using var store = await OpenAsync(server);
        await store.Writer.WriteAsync([Sample.Objection(1)], Token);
        Assert.Null(await BatchFaultAsync(store));
        await server.KillAsync();
        Assert.Equal(StoreFault.Unreachable, await BatchFaultAsync(store));
        await server.RestartAsync();
        await UntilAsync(async () =>
            (await BatchFaultAsync(store) ?? throw new InvalidOperationException("Answered.")) == StoreFault.NotInitialised);
        await UntilAsync(async () =>
        {
            var e = await Assert.ThrowsAsync<StoreUnavailableException>(
                () => store.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, Token).AsTask());
            return e.Fault == StoreFault.NotInitialised;
        });
    }

    [Fact]
    public async Task Full_Writes_AreRefusedWholeAndReadsGoOn()
    {
        await using var server = await StartWithStoreAsync();
        await using var store = await OpenAsync(server);
        await store.Writer.WriteAsync([Sample.Objection(1)], Token);
        await using var admin = await server.AdminAsync();
        await admin.GetServers()[0].ConfigSetAsync("maxmemory", "1mb");

        await FailsAsync(StoreFault.Full, () => store.Writer.WriteAsync([Sample.Objection(2), Sample.Objection(3)], Token));
        Assert.NotNull((await store.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, Token)).Values[0]);
        Assert.Null((await store.Reader.ReadAsync(Sample.Key(2), new[] { Sample.ObjectionId() }, Token)).Values[0]);
        Assert.Contains((await store.Maintenance.ProbeAsync(Token)).Warnings, w => w.Contains("memory", StringComparison.Ordinal));

        await admin.GetServers()[0].ConfigSetAsync("maxmemory", "0");
        await store.Writer.WriteAsync([Sample.Objection(2)], Token);
    }

    [Fact]
    public async Task Replica_IsRefusedAtStartAndWhenItBecomesOne()
    {
        await using var primary = await StartWithStoreAsync();
        await using var replica = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{primary.Port}");
        await FailsAsync(StoreFault.ReadOnlyReplica, () => OpenAsync(replica));

        await using var store = await OpenAsync(primary);
        await using var admin = await primary.AdminAsync();
        await admin.GetDatabase().ExecuteAsync("REPLICAOF", "127.0.0.1", "1");
        await FailsAsync(StoreFault.ReadOnlyReplica, () => store.Writer.WriteAsync([Sample.Objection(1)], Token));
        await FailsAsync(StoreFault.ReadOnlyReplica, () => store.Maintenance.ProbeAsync(Token));
        await UntilAsync(async () => await BatchFaultAsync(store) == StoreFault.ReadOnlyReplica);
    }

    [Fact]
    public async Task WaitReplicas_ReplicaGone_IsNotAcknowledged()
    {
        await using var primary = await StartWithStoreAsync();
        var replica = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{primary.Port}");
        await using var store = await StoreAdmin.OpenAsync(
            primary.Options with { WaitReplicas = 1, WriteTimeoutMs = 500 }, Sample.Cipher.KeyCheck, TimeProvider.System, Token);
        await UntilAsync(async () =>
        {
            try
            {
                await store.Writer.WriteAsync([Sample.Objection(1)], Token);
                return true;
            }
            catch (StoreUnavailableException)
            {
                return false;
            }
        });
        await replica.DisposeAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Writer.WriteAsync([Sample.Objection(2)], Token));
    }

    [Fact]
    public async Task Init_ReplicaComesLater_IsWaitedForAndConfirmsAtOnce()
    {
        await using var primary = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        var options = primary.Options with { WaitReplicas = 1 };
        var init = new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, ExpectedFacts = 1_000 };

        var alone = await Assert.ThrowsAsync<StoreUnavailableException>(
            () => StoreAdmin.InitAsync(options, init with { WaitForReplicas = TimeSpan.FromMilliseconds(300) }, TimeProvider.System, Token));
        var making = StoreAdmin.InitAsync(options, init with { WaitForReplicas = TimeSpan.FromMinutes(5) }, TimeProvider.System, Token);
        await using var replica = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{primary.Port}");
        await making;
        await using var store = await StoreAdmin.OpenAsync(options, Sample.Cipher.KeyCheck, TimeProvider.System, Token);

        Assert.EndsWith("has 0 of the 1 replicas that must confirm each write; no store was created.", alone.Message, StringComparison.Ordinal);
        Assert.Equal([WriteOutcome.Recorded], (await store.Writer.WriteAsync([Sample.Objection(1)], Token)).Outcomes);
    }

    [Fact]
    public async Task Messages_OfEveryFault_CarryNoTextOfTheServer()
    {
        await using var server = await StartWithStoreAsync();
        await using var store = await OpenAsync(server);
        await using var admin = await server.AdminAsync();
        await admin.GetServers()[0].ConfigSetAsync("maxmemory", "1mb");
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Writer.WriteAsync([Sample.Objection(1)], Token));
        Assert.DoesNotContain("OOM", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("127.0.0.1", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_HealthyAndSickStores_TellsThemApart()
    {
        await using var server = await StartWithStoreAsync("--appendonly", "yes", "--appendfsync", "always", "--hash-max-listpack-value", "512");
        await using var store = await OpenAsync(server);
        await store.Writer.WriteAsync([.. Enumerable.Range(0, 5_000).Select(i => Sample.Objection(i))], Token);
        Assert.All(await DoctorAsync(server), f => Assert.Equal(FindingLevel.Ok, f.Level));

        await using var admin = await server.AdminAsync();
        var key = Sample.Key(7);
        var partition = key.Partition(store.Manifest.Partitions);
        await admin.GetDatabase().HashDeleteAsync(Keys.Bucket(partition, key.Bucket), Keys.Field(key, Sample.ObjectionId()));
        await admin.GetDatabase().StringSetBitAsync(Keys.Filter(partition, 1), 1L << 30, true);
        var sick = await DoctorAsync(server);
        Assert.Contains(sick, f => f is { Level: FindingLevel.Fail, Name: "count" });
        Assert.Contains(sick, f => f is { Level: FindingLevel.Fail, Name: "filter" });
    }

    [Fact]
    public async Task FirstLoad_WithDuplicatesAndTexts_IsWhatWritingWouldHaveMade()
    {
        await using var server = await RedisServer.StartAsync();
        var facts = Enumerable.Range(0, 20_000)
            .Select(i => Sample.Objection(i % 15_000, Sample.Now + (i / 15_000), detail: i % 100 == 0 ? """{"reason":"x"}""" : null))
            .ToArray();
        await using (var load = await BeginAsync(server))
        {
            foreach (var chunk in facts.Chunk(1_000))
            {
                await load.AddAsync(chunk, Token);
            }

            await FailsAsync(StoreFault.Loading, () => OpenAsync(server));
            var result = await load.PublishAsync(Token);
            Assert.Equal((20_000, 15_000, 0), (result.Facts, result.Timelines, result.Collisions));
            Assert.InRange(result.Merged, 5_000, 6_000);
        }

        await using var store = await OpenAsync(server);
        Assert.Equal(15_000, (await store.Maintenance.ProbeAsync(Token)).Facts);
        Assert.All((await store.Writer.WriteAsync(facts, Token)).Outcomes, o => Assert.Equal(WriteOutcome.Unchanged, o));
        Assert.Equal(2, (await store.Reader.ReadAllAsync(Sample.Key(100), Token))[0].Details.Count);
        Assert.DoesNotContain(await DoctorAsync(server), f => f.Level == FindingLevel.Fail);
        await Assert.ThrowsAsync<InvalidOperationException>(() => BeginAsync(server));
    }

    [Fact]
    public async Task FirstLoad_BrokenOff_KeepsServicesOutAndIsWipedByTheNext()
    {
        await using var server = await StartWithStoreAsync();
        await using var open = await OpenAsync(server);
        await using (var load = await BeginAsync(server))
        {
            await load.AddAsync([.. Enumerable.Range(0, 5_000).Select(i => Sample.Objection(i))], Token);
        }

        await FailsAsync(StoreFault.Loading, () => open.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, Token).AsTask());
        await FailsAsync(StoreFault.Loading, () => open.Writer.WriteAsync([Sample.Objection(1)], Token));
        await FailsAsync(StoreFault.Loading, () => open.Registry.ReadAsync(Token));
        await FailsAsync(StoreFault.Loading, () => open.Maintenance.ProbeAsync(Token));
        await FailsAsync(StoreFault.Loading, () => OpenAsync(server));

        await using (var load = await BeginAsync(server))
        {
            await load.AddAsync([Sample.Objection(1)], Token);
            Assert.Equal(1, (await load.PublishAsync(Token)).Timelines);
        }

        Assert.NotNull((await open.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, Token)).Values[0]);
        Assert.Null((await open.Reader.ReadAsync(Sample.Key(2), new[] { Sample.ObjectionId() }, Token)).Values[0]);
        Assert.DoesNotContain(await DoctorAsync(server), f => f.Level == FindingLevel.Fail);
    }

    [Fact]
    public async Task FirstLoad_ServerFull_Fails()
    {
        await using var server = await RedisServer.StartAsync("--maxmemory", "3mb");
        await using var load = await BeginAsync(server);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () =>
        {
            for (var i = 0; i < 200; i++)
            {
                await load.AddAsync([.. Enumerable.Range(i * 1_000, 1_000).Select(n => Sample.Objection(n))], Token);
            }

            await load.PublishAsync(Token);
        });
        await FailsAsync(StoreFault.Loading, () => OpenAsync(server));
    }

    private static async Task FailsAsync(StoreFault fault, Func<Task> call)
    {
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(call);
        Assert.Equal(fault, e.Fault);
    }

    private static ReadBatch Batch()
    {
        var batch = new ReadBatch();
        for (var i = 0; i < 50; i++)
        {
            batch.Add(Sample.Key(i), [Sample.ObjectionId()]);
        }

        return batch;
    }

    private async Task<StoreFault?> BatchFaultAsync(FactStore store)
    {
        var batch = Batch();
        await store.Reader.ReadAsync(batch, Token);
        return Assert.Single(Enumerable.Range(0, batch.Count).Select(item => batch.Fault(item)?.Fault).Distinct());
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        var since = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                if (await isSo())
                {
                    return;
                }
            }
            catch (Exception e) when (e is StoreUnavailableException or Xunit.Sdk.XunitException && since.Elapsed < TimeSpan.FromMinutes(3))
            {
                // Not yet.
            }

            Assert.True(since.Elapsed < TimeSpan.FromMinutes(3), "It does not become so.");
            await Task.Delay(20);
        }
    }

    private async Task<RedisServer> StartWithStoreAsync(params string[] arguments)
    {
        var server = await RedisServer.StartAsync(arguments);
        await InitAsync(server);
        return server;
    }

    private Task<StoreManifest> InitAsync(RedisServer server) =>
        StoreAdmin.InitAsync(server.Options, Init, TimeProvider.System, Token);

    private Task<FactStore> OpenAsync(RedisServer server) =>
        StoreAdmin.OpenAsync(server.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Token);

    private Task<FirstLoad> BeginAsync(RedisServer server) =>
        FirstLoad.BeginAsync(server.Options, Init, TimeProvider.System, Token);

    private Task<IReadOnlyList<Finding>> DoctorAsync(RedisServer server) =>
        StoreAdmin.DoctorAsync(server.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Token);

    private static InitOptions Init => new() { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 2, ExpectedFacts = 20_000 };
}
