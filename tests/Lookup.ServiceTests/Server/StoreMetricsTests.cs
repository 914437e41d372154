using Lookup.Core.Numbers;
using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Redis;
using Lookup.Redis.Store;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>What /metrics tells of the store and of the filters.</summary>
public sealed class StoreMetricsTests
{
    [Fact]
    public async Task Store_Healthy_IsOkWritableAndTimed()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));
        await server.Lookup.CheckAsync(Samples.Check(number));

        var scrape = await Scrape.OfAsync(server);

        Assert.Equal(1, scrape.Value("lookup_store_state{state=\"ok\"}"));
        Assert.Equal(0, scrape.Value("lookup_store_state{state=\"unreachable\"}"));
        Assert.Equal(1, scrape.Value("lookup_store_writable"));
        Assert.Equal(1, scrape.Value("lookup_store_servers"));
        Assert.Equal(0, scrape.Value("lookup_store_circuit_open"));
        Assert.Equal(1, scrape.Value("lookup_store_call_duration_seconds_count{call=\"read\"}"));
        Assert.Equal(1, scrape.Value("lookup_store_call_duration_seconds_count{call=\"write\"}"));
        Assert.Equal(0.5, scrape.Value("lookup_freshness_bound_seconds"));
        Assert.Contains(scrape.Series, line => line.StartsWith("lookup_instance_info{version=\"", StringComparison.Ordinal)
            && line.Contains($"epoch=\"{server.Store.Manifest.Epoch:x16}\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(StoreFault.ForeignEpoch, "foreign_epoch")]
    [InlineData(StoreFault.NotInitialised, "not_initialised")]
    [InlineData(StoreFault.Unreachable, "unreachable")]
    [InlineData(StoreFault.RolledBack, "rolled_back")]
    public async Task Store_WithAFault_IsToldByItsNameAndCounted(StoreFault fault, string name)
    {
        var store = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using var server = await LookupServer.StartAsync(store);
        store.Trouble = _ => throw new StoreUnavailableException(fault, "planted");

        var scrape = await Scrape.UntilAsync(server, s => s.Value($"lookup_store_state{{state=\"{name}\"}}") == 1);

        Assert.Equal(0, scrape.Value("lookup_store_state{state=\"ok\"}"));
        Assert.Equal(0, scrape.Value("lookup_serving"));
        Assert.Equal(0, scrape.Value("lookup_store_writable"));
        Assert.True(scrape.Value($"lookup_store_errors_total{{call=\"probe\",fault=\"{name}\"}}") > 0);

        store.Trouble = _ => Task.CompletedTask;
        await Scrape.UntilAsync(server, s => s.Value("lookup_store_state{state=\"ok\"}") == 1 && s.Value("lookup_serving") == 1);
    }

    [Fact]
    public async Task Store_Frozen_HasItsCircuitOpenUntilItAnswers()
    {
        await using var redis = await RedisServer.StartAsync();
        using var cipher = new NumberCipher(LookupServer.Key);
        await StoreAdmin.InitAsync(
            redis.Options, new InitOptions { KeyCheck = cipher.KeyCheck, Partitions = 2, ExpectedFacts = 1_000 }, TimeProvider.System, default);
        await using var server = await LookupServer.StartAsync(
            await StoreAdmin.OpenAsync(redis.Options with { ReadTimeoutMs = 1_000 }, cipher.KeyCheck, TimeProvider.System, default));
        redis.Pause();
        try
        {
            await Scrape.UntilAsync(server, s => s.Value("lookup_store_circuit_open") == 1 && s.Value("lookup_store_state{state=\"ok\"}") == 0);
        }
        finally
        {
            redis.Continue();
        }

        await Scrape.UntilAsync(server, s => s.Value("lookup_store_circuit_open") == 0 && s.Value("lookup_store_state{state=\"ok\"}") == 1);
    }

    [Fact]
    public async Task Filter_WithRoom_SendsWhatIsKnownOnly()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        var known = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(known)));
        await server.Lookup.CheckAsync(Samples.Check(known));
        // Read in any case, so the filter has nothing to do with it.
        await server.Lookup.CheckAsync(new CheckRequest
        {
            Number = Samples.NewNumber(),
            Question = Samples.Question(),
            Consistency = new Consistency { Exact = true },
        });

        var scrape = await Scrape.UntilAsync(server, s => s.Value("lookup_filter_fill_ratio{partition=\"0\"}") is not null);

        Assert.Equal(1, scrape.Value("lookup_filter_confirmed_total"));
        Assert.Equal(0, scrape.Value("lookup_filter_false_positives_total"));
        Assert.True(scrape.Value("lookup_filter_fill_ratio{partition=\"0\"}") < 0.1);
        Assert.True(scrape.Value("lookup_filter_false_positive_ratio{partition=\"0\"}") < 0.01);
    }

    [Fact]
    public async Task Filter_ThatIsFull_CountsWhatItSendsForNothing()
    {
        // Made for one fact a partition and given hundreds: it takes everything for known.
        var store = await EmbeddedStore.StartAsync(
            new EmbeddedOptions { ExpectedFacts = 1, Partitions = 1, MemoryMiB = 64 }, LookupServer.Key, TimeProvider.System, default);
        await using var server = await LookupServer.StartAsync(store, o => o.RebuildFalsePositives = 0);
        await server.Facts.RecordFactsAsync(Samples.Record(Enumerable.Range(0, 900).Select(_ => Samples.Objection(Samples.NewNumber()))));
        // A check that asks for no token may come before its filter has followed the facts.
        await Scrape.UntilAsync(server, s => s.Value("lookup_filter_fill_ratio{partition=\"0\"}") > 0.99);
        for (var i = 0; i < 10; i++)
        {
            await server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber()));
        }

        await using (var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question() }))
        {
            await stream.AskAsync(1, Enumerable.Range(0, 30).Select(_ => ulong.Parse(Samples.NewNumber().AsSpan(1))));
        }

        var scrape = await Scrape.OfAsync(server);

        Assert.Equal(40, scrape.Value("lookup_filter_false_positives_total"));
        Assert.True(scrape.Value("lookup_filter_false_positive_ratio{partition=\"0\"}") > 0.9);
    }
}
