using Grpc.Core;
using Lookup.Cli;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Redis;
using Lookup.Redis.Store;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>An instance whose clock differs from the store's does not serve, and below that decides by the store's time.</summary>
public sealed class ClockTests
{
    private const int BoundMs = 60_000;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Clock_BeyondTheBound_StopsServingUntilItIsWellWithin()
    {
        await using var redis = await RedisServer.StartAsync();
        await StoreAdmin.InitAsync(redis.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, ExpectedFacts = 10_000 }, TimeProvider.System, Token);
        var clock = new MovableClock();
        var store = await StoreAdmin.OpenAsync(redis.Options, Sample.Cipher.KeyCheck, clock, Token);
        await using var server = await LookupServer.StartAsync(store, o => o.ClockBoundMs = BoundMs, clock: clock);
        var scrape = await Scrape.UntilAsync(server, s => s.Value("lookup_serving") == 1);
        Assert.Equal(BoundMs / 1_000, scrape.Value("lookup_clock_bound_seconds"));

        foreach (var sign in new[] { 1, -1 })
        {
            clock.Ahead = sign * TimeSpan.FromSeconds(90);
            await Scrape.UntilAsync(server, s => s.Value("lookup_store_state{state=\"clock\"}") == 1 && s.Value("lookup_serving") == 0);
            var refused = await Assert.ThrowsAsync<RpcException>(
                async () => await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(Samples.NewNumber())), cancellationToken: Token));
            Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
            Assert.Contains("clock", refused.Status.Detail, StringComparison.Ordinal);

            // Within the bound, but not within half of it.
            clock.Ahead = sign * TimeSpan.FromSeconds(50);
            await Scrape.UntilAsync(server, s => s.Value("lookup_clock_ahead_seconds") is { } ahead && ahead * sign is > 30 and < 60);
            Assert.Equal(0, (await Scrape.OfAsync(server)).Value("lookup_serving"));

            clock.Ahead = sign * TimeSpan.FromSeconds(5);
            await Scrape.UntilAsync(server, s => s.Value("lookup_serving") == 1 && s.Value("lookup_store_state{state=\"ok\"}") == 1);
        }
    }

    [Fact]
    public async Task Instances_WhoseClocksDiffer_RecordByTheStoresTime()
    {
        await using var redis = await RedisServer.StartAsync();
        await StoreAdmin.InitAsync(redis.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, ExpectedFacts = 10_000 }, TimeProvider.System, Token);
        var (ahead, behind) = (new MovableClock { Ahead = TimeSpan.FromMinutes(5) }, new MovableClock { Ahead = TimeSpan.FromMinutes(-5) });
        await using var first = await LookupServer.StartAsync(
            await StoreAdmin.OpenAsync(redis.Options, Sample.Cipher.KeyCheck, ahead, Token), o => o.ClockBoundMs = 3_600_000, clock: ahead);
        await using var second = await LookupServer.StartAsync(
            await StoreAdmin.OpenAsync(redis.Options, Sample.Cipher.KeyCheck, behind, Token), o => o.ClockBoundMs = 3_600_000, clock: behind);
        foreach (var server in new[] { first, second })
        {
            var number = Samples.NewNumber();
            var before = DateTimeOffset.UtcNow;
            await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)), cancellationToken: Token);
            var listed = Assert.Single((await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number }, cancellationToken: Token)).Facts);
            // Far less than the five minutes, whatever the machine is busy with.
            Assert.InRange(listed.Fact.Effective.ToDateTimeOffset(), before.AddMinutes(-2), DateTimeOffset.UtcNow.AddMinutes(2));
        }
    }

    // What a command records directly has no service between it and the store that would compare the clocks.
    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task Command_WithAWrongClock_RecordsNothingDirectly(int sign)
    {
        await using var redis = await RedisServer.StartAsync();
        using var folder = new TempFolder();
        var key = folder.PathOf("number.key");
        var init = await CliRun.Async("init", "--redis", redis.Options.ConnectionString, "--key-file", key, "--new-key", "--expected-facts", "10000");
        Assert.True(init.ExitCode == 0, init.Error);
        var settings = new StoreSettings(null, redis.Options.ConnectionString, key);
        var wrong = new MovableClock { Ahead = sign * TimeSpan.FromHours(1) };
        var refused = await Assert.ThrowsAsync<CliException>(() => OpenStore.OpenToRecordAsync(settings, wrong, Token));
        Assert.Contains("clock of this machine is 3,", refused.Message, StringComparison.Ordinal);
        wrong.Ahead = TimeSpan.Zero;
        await (await OpenStore.OpenToRecordAsync(settings, wrong, Token)).DisposeAsync();
    }

    private sealed class MovableClock : TimeProvider
    {
        private long _ahead;

        internal TimeSpan Ahead
        {
            get => TimeSpan.FromTicks(Interlocked.Read(ref _ahead));
            set => Interlocked.Exchange(ref _ahead, value.Ticks);
        }

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Ahead;
    }
}
