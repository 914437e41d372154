using Grpc.Core;
using Lookup.Redis;
using Lookup.Redis.Store;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>Streams of changes whose caller is slow, whose service stops, or whose store is away.</summary>
public sealed class WatchTroubleTests
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(100, 1_000_000)] // The caller holds a message up too long.
    [InlineData(600_000, 512)] // It falls too far behind.
    public async Task Watch_CallerThatReadsTooSlowly_IsCutAndLosesNothingWhenItResumes(int sendLimitMs, int backlog)
    {
        const int Batches = 10;
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), options =>
        {
            options.WatchSendLimitMs = sendLimitMs;
            options.WatchHeartbeatMs = 50;
            options.WatchBacklog = backlog;
        });
        using var watch = await WatchCall.OpenAsync(server);
        var expected = new HashSet<string>();
        for (var batch = 0; batch < Batches; batch++)
        {
            var facts = Enumerable.Range(0, 1_000).Select(_ => Samples.Objection(Samples.NewNumber())).ToList();
            expected.UnionWith(facts.Select(fact => fact.Number));
            await server.Facts.RecordFactsAsync(Samples.Record(facts));
        }

        // Another one is not held up by it.
        using (var other = await WatchCall.OpenAsync(server))
        {
            var number = Samples.NewNumber();
            await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));
            expected.Add(number);
            Assert.Equal(number, (await other.NextChangeAsync()).Number);
        }

        if (sendLimitMs == 100)
        {
            await Scrape.UntilAsync(server, s => s.Value("lookup_call_errors_total{method=\"Watch\",status=\"ResourceExhausted\"}") > 0);
        }

        var told = new HashSet<string>();
        var token = watch.LastToken;
        var cut = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (true)
            {
                told.Add((await watch.NextChangeAsync()).Number);
            }
        });
        Assert.True(IsCut(cut), cut.ToString());
        Assert.InRange(told.Count, 1, expected.Count - 1);

        token = watch.LastToken;
        while (told.Count < expected.Count)
        {
            using var resumed = new WatchCall(server, token);
            try
            {
                while (told.Count < expected.Count)
                {
                    told.Add((await resumed.NextChangeAsync()).Number);
                }
            }
            catch (RpcException e) when (IsCut(e))
            {
                token = resumed.LastToken;
            }
        }

        Assert.Equal(expected.Order(), told.Order());
    }

    // A message that is held up half sent can keep the status from coming through; the stream is then reset.
    private static bool IsCut(RpcException e) => e.StatusCode is StatusCode.ResourceExhausted or StatusCode.Internal;

    [Fact]
    public async Task Watch_StoreAwayAndBack_HeartbeatsTellItAndNothingIsLost()
    {
        var store = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using var server = await LookupServer.StartAsync(store, options => options.WatchHeartbeatMs = 50);
        using var watch = await WatchCall.OpenAsync(server);
        var fresh = await watch.HeartbeatAsync(heartbeat => heartbeat.Freshness is not null);
        Assert.Equal(50, fresh.Interval.ToTimeSpan().TotalMilliseconds);

        store.Trouble = _ => throw new StoreUnavailableException(StoreFault.Unreachable, "The store cannot be reached.");
        var older = await watch.HeartbeatAsync(heartbeat => heartbeat.Freshness.ToTimeSpan() > TimeSpan.FromSeconds(1));
        await watch.HeartbeatAsync(heartbeat => heartbeat.Freshness.ToTimeSpan() > older.Freshness.ToTimeSpan());

        store.Trouble = _ => Task.CompletedTask;
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));
        Assert.Equal(number, (await watch.NextChangeAsync()).Number);
        await watch.HeartbeatAsync(heartbeat => heartbeat.Freshness.ToTimeSpan() < TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Watch_NamesCannotBeRead_TellsTheChangeOnceTheyCan()
    {
        var store = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using var server = await LookupServer.StartAsync(store, options => options.WatchHeartbeatMs = 50);
        using var watch = await WatchCall.OpenAsync(server);
        var names = false;
        store.NameTrouble = _ => names ? Task.CompletedTask : throw new StoreUnavailableException(StoreFault.Timeout, "The store did not answer in time.");
        var numbers = new[] { Samples.NewNumber(), Samples.NewNumber(), Samples.NewNumber() };
        await server.Facts.RecordFactsAsync(Samples.Record(numbers.Select(number => Samples.Objection(number, "somebody-new"))));

        // It waits, and says how old what it told is.
        await watch.HeartbeatAsync(heartbeat => heartbeat.Freshness.ToTimeSpan() > TimeSpan.FromMilliseconds(500));
        names = true;
        var told = new[] { await watch.NextChangeAsync(), await watch.NextChangeAsync(), await watch.NextChangeAsync() };
        Assert.Equal(numbers.Order(), told.Select(change => change.Number).Order());
        Assert.All(told, change => Assert.Equal("somebody-new", change.Fact.Fact.Objection.Organisation));
    }

    [Fact]
    public async Task Watch_StoreAwayAtItsBegin_IsUnavailable()
    {
        var store = new TroubledStore(await LookupServer.EmbeddedAsync());
        store.Trouble = _ => throw new StoreUnavailableException(StoreFault.Unreachable, "The store cannot be reached.");
        await using var server = await LookupServer.StartAsync(store);
        using (var watch = new WatchCall(server))
        {
            Assert.Equal(StatusCode.Unavailable, (await watch.RefusedAsync()).StatusCode);
        }

        store.Trouble = _ => Task.CompletedTask;
        // Tried again as long as it is unavailable; it begins with a heartbeat.
        (await WatchCall.OpenAsync(server)).Dispose();
    }

    [Fact]
    public async Task Watch_ServiceStops_IsUnavailableAndGoesOnAtAnother()
    {
        await using var redis = await RedisServer.StartAsync();
        await StoreAdmin.InitAsync(
            redis.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 4, ExpectedFacts = 10_000 }, TimeProvider.System, Test);
        var numbers = Enumerable.Range(0, 30).Select(_ => Samples.NewNumber()).ToList();
        string token;
        var first = await StartAsync();
        await using (var second = await StartAsync())
        {
            using var watch = await WatchCall.OpenAsync(first);
            await second.Facts.RecordFactsAsync(Samples.Record(numbers.Take(10).Select(n => Samples.Objection(n))));
            for (var i = 0; i < 10; i++)
            {
                await watch.NextChangeAsync();
            }

            var stopping = first.Host.StopAsync();
            var error = await watch.RefusedAsync();
            Assert.Equal(StatusCode.Unavailable, error.StatusCode);
            Assert.Contains("resume", error.Status.Detail, StringComparison.Ordinal);
            token = watch.LastToken;
            await stopping;
            await first.DisposeAsync();
            await second.Facts.RecordFactsAsync(Samples.Record(numbers.Skip(10).Take(10).Select(n => Samples.Objection(n))));

            using var resumed = new WatchCall(second, token);
            Assert.Equal(numbers.Skip(10).Take(10).Order(), (await resumed.DrainAsync()).Select(change => change.Number).Order());
            token = resumed.LastToken;
            await second.Facts.RecordFactsAsync(Samples.Record(numbers.Skip(20).Select(n => Samples.Objection(n))));
        }

        // No service ran meanwhile.
        await using var third = await StartAsync();
        using var last = new WatchCall(third, token);
        Assert.Equal(numbers.Skip(20).Order(), (await last.DrainAsync()).Select(change => change.Number).Order());

        async Task<LookupServer> StartAsync() => await LookupServer.StartAsync(
            await StoreAdmin.OpenAsync(redis.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Test), options => options.WatchHeartbeatMs = 50);
    }

    [Fact]
    public async Task Watch_RedisKilledAndStartedAgain_GoesOnByItself()
    {
        await using var redis = await RedisServer.StartAsync("--appendonly", "yes", "--appendfsync", "always");
        await StoreAdmin.InitAsync(
            redis.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 4, ExpectedFacts = 10_000 }, TimeProvider.System, Test);
        await using var server = await LookupServer.StartAsync(
            await StoreAdmin.OpenAsync(redis.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Test), options => options.WatchHeartbeatMs = 50);
        using var watch = await WatchCall.OpenAsync(server);
        var before = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(before)));
        Assert.Equal(before, (await watch.NextChangeAsync()).Number);

        await redis.KillAsync();
        await watch.HeartbeatAsync(heartbeat => heartbeat.Freshness.ToTimeSpan() > TimeSpan.FromMilliseconds(500));
        await redis.RestartAsync();
        var after = Samples.NewNumber();
        while (true)
        {
            try
            {
                await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(after)));
                break;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
            {
                await Task.Delay(50, Test);
            }
        }

        Assert.Equal(after, (await watch.NextChangeAsync()).Number);
    }

    [Fact]
    public async Task Watch_ServerWithAnotherChangeOfTheSameVersion_TellsThatSomeAreLost()
    {
        await using var redis = await RedisServer.StartAsync("--appendonly", "yes", "--appendfsync", "always");
        await StoreAdmin.InitAsync(
            redis.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 1, ExpectedFacts = 10_000 }, TimeProvider.System, Test);
        await using var server = await LookupServer.StartAsync(
            await StoreAdmin.OpenAsync(redis.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Test), options => options.WatchHeartbeatMs = 50);
        using var watch = await WatchCall.OpenAsync(server);
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(Samples.NewNumber())));
        var before = watch.LastToken;
        await watch.NextChangeAsync();

        // As after a fail-over: what was told was not copied, and its version was given to another change.
        await using (var admin = await redis.AdminAsync())
        {
            var feed = admin.GetDatabase();
            byte[] entry = (await feed.ListGetByIndexAsync("{00}f", -1))!;
            entry[^1] ^= 1;
            await feed.ListSetByIndexAsync("{00}f", -1, entry);
        }

        await redis.KillAsync();
        await redis.RestartAsync();
        // The instance that followed the other change believes nothing any more; one that starts now can tell by the token alone.
        await watch.HeartbeatAsync(heartbeat => heartbeat.Freshness.ToTimeSpan() > TimeSpan.FromMilliseconds(server.Options.FreshnessBoundMs));
        await using var next = await LookupServer.StartAsync(await StoreAdmin.OpenAsync(redis.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Test));
        using var resumed = new WatchCall(next, watch.LastToken);
        var error = await resumed.RefusedAsync();
        Assert.Equal((StatusCode.FailedPrecondition, "CHANGES_LOST"), (error.StatusCode, WatchCall.Reason(error)));
        // Who was not told of it misses nothing.
        using var earlier = await WatchCall.OpenAsync(next, before);
        Assert.NotNull(await earlier.NextChangeAsync());
    }

    [Fact]
    public async Task Watch_EmbeddedStoreStartedAgain_ResumesWhereItWas()
    {
        var folder = Directory.CreateTempSubdirectory("lookup-watch-").FullName;
        try
        {
            var numbers = new[] { Samples.NewNumber(), Samples.NewNumber() };
            string token;
            await using (var server = await StartAsync())
            {
                using var watch = await WatchCall.OpenAsync(server);
                await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(numbers[0])));
                Assert.Equal(numbers[0], (await watch.NextChangeAsync()).Number);
                token = watch.LastToken;
                await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(numbers[1])));
            }

            await using (var server = await StartAsync())
            {
                using var watch = new WatchCall(server, token);
                Assert.Equal(numbers[1], (await watch.NextChangeAsync()).Number);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        async Task<LookupServer> StartAsync() => await LookupServer.StartAsync(await Embedded.EmbeddedStore.StartAsync(
            new Lookup.Embedded.Engine.EmbeddedOptions { Folder = folder, ExpectedFacts = 10_000, MemoryMiB = 64 }, LookupServer.Key, TimeProvider.System, Test));
    }

    [Fact]
    public async Task Watch_UnknownOrganisations_AreAllNamed()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(Samples.NewNumber())));
        using var watch = new WatchCall(server, "", "acme", "amce", "No Name");
        var error = await watch.RefusedAsync();
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Equal(
            ["organisations[1]", "organisations[2]"],
            error.GetRpcStatus()!.GetDetail<Google.Rpc.BadRequest>().FieldViolations.Select(violation => violation.Field));
    }

    [Fact]
    public async Task Watch_MoreStreamsThanTheLimit_AreRefusedUntilOneEnds()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), options => options.MaxWatchStreams = 2);
        using var one = await WatchCall.OpenAsync(server);
        var two = await WatchCall.OpenAsync(server);
        using (var three = new WatchCall(server))
        {
            Assert.Equal(StatusCode.ResourceExhausted, (await three.RefusedAsync()).StatusCode);
        }

        two.Dispose();
        while (true)
        {
            using var three = new WatchCall(server);
            try
            {
                Assert.NotNull((await three.NextAsync()).Heartbeat);
                return;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.ResourceExhausted)
            {
                await Task.Delay(20, Test);
            }
        }
    }
}
