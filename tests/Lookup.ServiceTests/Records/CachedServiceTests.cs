using Google.Protobuf.WellKnownTypes;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Server.Mapping;
using Lookup.ServiceTests.Server;
using Lookup.V1;

namespace Lookup.ServiceTests.Records;

/// <summary>
/// The record cache behind the service: it saves reads, and no objection is overlooked for it. The bound is long, so that
/// what is told of a number never comes from a read that the bound alone forced.
/// </summary>
public sealed class CachedServiceTests : IAsyncLifetime
{
    private readonly string _number = Samples.NewNumber();
    private readonly SteppingClock _clock = new();
    private TroubledStore _store = null!;
    private LookupServer _server = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _store = new TroubledStore(await LookupServer.EmbeddedAsync());
        _server = await LookupServer.StartAsync(
            _store,
            options =>
            {
                options.FreshnessBoundMs = 60_000;
                options.ReplicaPollMs = 10;
            },
            clock: _clock);
        await RecordAndFollowAsync(Samples.Consent(_number));
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Check_AskedAgain_DoesNotReadTheStore()
    {
        await ExpectAsync(Verdict.Allow);
        var reads = _store.Reads;
        for (var i = 0; i < 20; i++)
        {
            var decision = (await _server.Lookup.CheckAsync(Samples.Check(_number))).Decision;
            Assert.Equal(Verdict.Allow, decision.Verdict);
            Assert.InRange(decision.Age.ToTimeSpan().TotalMilliseconds, 0, _server.Options.FreshnessBoundMs);
        }

        Assert.Equal(reads, _store.Reads);
        Assert.Equal((20, 1), (_server.Host.Records.Hits, _server.Host.Records.Misses));
    }

    [Fact]
    public async Task Check_CacheOff_ReadsTheStoreEachTime()
    {
        await using var server = await LookupServer.StartAsync(new TroubledStore(await LookupServer.EmbeddedAsync()), o => o.RecordCacheBytes = 0);
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(_number)));
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(Verdict.Allow, (await server.Lookup.CheckAsync(Samples.Check(_number))).Decision.Verdict);
        }

        Assert.Equal(3, ((TroubledStore)server.Store).Reads);
    }

    [Fact]
    public async Task Check_AskedForAnotherOrganisation_ReadsAndKeepsBoth()
    {
        await RecordAndFollowAsync(Samples.Objection(_number, "other"));
        await ExpectAsync(Verdict.Allow);
        Assert.Equal(Verdict.Deny, (await _server.Lookup.CheckAsync(Samples.Check(_number, "other"))).Decision.Verdict);
        var reads = _store.Reads;
        await ExpectAsync(Verdict.Allow);
        Assert.Equal(Verdict.Deny, (await _server.Lookup.CheckAsync(Samples.Check(_number, "other"))).Decision.Verdict);
        Assert.Equal(reads, _store.Reads);
    }

    [Fact]
    public async Task Check_Exact_ReadsTheStoreThoughTheNumberIsCached()
    {
        await ExpectAsync(Verdict.Allow);
        var reads = _store.Reads;
        var exact = Samples.Check(_number);
        exact.Consistency = new Consistency { Exact = true };
        Assert.Equal(Verdict.Allow, (await _server.Lookup.CheckAsync(exact)).Decision.Verdict);
        Assert.Equal(reads + 1, _store.Reads);
    }

    [Fact]
    public async Task Check_TokenAheadOfTheReplica_ReadsTheStoreThoughTheNumberIsCached()
    {
        await ExpectAsync(Verdict.Allow);
        using var held = new Hold();
        _store.OnTheWayBack = held.PassAsync;
        await held.Reached;
        var demanding = Samples.Check(_number);
        demanding.Consistency = new Consistency { AtLeastAsFresh = (await ObjectElsewhereAsync()).ToString() };
        Assert.Equal(Verdict.Deny, (await _server.Lookup.CheckAsync(demanding)).Decision.Verdict);
    }

    [Fact]
    public async Task Check_WrittenHere_CountsAtOnce()
    {
        // The feed brings nothing meanwhile.
        using var held = new Hold();
        _store.OnTheWayBack = held.PassAsync;
        await held.Reached;
        // More versions within minutes than are kept would be undecidable.
        for (var i = 0; i < 3; i++)
        {
            await ExpectAsync(Verdict.Allow);
            await ExpectAsync(Verdict.Allow);
            var objection = Samples.Objection(_number);
            await _server.Facts.RecordFactsAsync(Samples.Record(objection));
            await ExpectAsync(Verdict.Deny);
            // Of the same second, the objection would win.
            _clock.Advance(TimeSpan.FromSeconds(2));
            objection.Withdrawn = true;
            objection.Effective = Timestamp.FromDateTimeOffset(_clock.GetUtcNow());
            await _server.Facts.RecordFactsAsync(Samples.Record(objection));
        }
    }

    [Fact]
    public async Task Check_WrittenElsewhere_CountsOnceTheReplicaHasIt()
    {
        await ExpectAsync(Verdict.Allow);
        await ExpectAsync(Verdict.Allow);
        await FollowedAsync(await ObjectElsewhereAsync());
        await ExpectAsync(Verdict.Deny);
    }

    [Fact]
    public async Task Check_ObjectionFollowedWhileItsReadIsOnItsWayBack_IsNotPermittedAfterwards()
    {
        using var held = new Hold();
        _store.OnReadOnTheWayBack = held.PassAsync;
        var early = _server.Lookup.CheckAsync(Samples.Check(_number)).ResponseAsync;
        await held.Reached;
        // What was read is without the objection; now everything that would forget the number has happened before it is kept.
        await FollowedAsync(await ObjectElsewhereAsync());
        held.Dispose();
        await early;
        await ExpectAsync(Verdict.Deny);
    }

    [Fact]
    public async Task Chunk_ObjectionFollowedWhileItsReadIsOnItsWayBack_IsNotPermittedAfterwards()
    {
        await using var stream = await StreamCall.OpenAsync(_server, new CheckStreamOpen { Question = Samples.Question() });
        // Only what is asked again is kept.
        Assert.Equal([Verdict.Allow], (await stream.AskAsync(1, Value))!.Verdicts);
        using var held = new Hold();
        _store.OnReadOnTheWayBack = held.PassAsync;
        await stream.SendAsync(2, Value);
        await held.Reached;
        await FollowedAsync(await ObjectElsewhereAsync());
        held.Dispose();
        await stream.ReadAsync();
        Assert.Equal([Verdict.Deny], (await stream.AskAsync(3, Value))!.Verdicts);
        await ExpectAsync(Verdict.Deny);
    }

    [Fact]
    public async Task Chunk_AskedTwiceBefore_DoesNotReadTheStore()
    {
        await using var stream = await StreamCall.OpenAsync(_server, new CheckStreamOpen { Question = Samples.Question() });
        for (ulong i = 1; i <= 2; i++)
        {
            Assert.Equal([Verdict.Allow], (await stream.AskAsync(i, Value))!.Verdicts);
        }

        var reads = _store.Reads;
        var answer = await stream.AskAsync(3, Value, Value);
        Assert.Equal([Verdict.Allow, Verdict.Allow], answer.Verdicts);
        Assert.Equal(reads, _store.Reads);
        Assert.NotEmpty(answer.Common.ConsistencyToken);
        Assert.True(answer.Common.Age.ToTimeSpan() > TimeSpan.Zero);
        // One cache serves lists and single checks.
        await ExpectAsync(Verdict.Allow);
        Assert.Equal(reads, _store.Reads);
    }

    [Fact]
    public async Task Chunk_AskedOnce_IsNotKept()
    {
        await using var stream = await StreamCall.OpenAsync(_server, new CheckStreamOpen { Question = Samples.Question() });
        await stream.AskAsync(1, Value);
        Assert.Equal(0, _server.Host.Records.Count);
    }

    [Fact]
    public async Task Read_NumberInTheCache_EndsAtOnceAndAllocatesNoMoreThanAbsence()
    {
        await ExpectAsync(Verdict.Allow);
        List<Core.Facts.FieldFault>? faults = null;
        var asked = QuestionMapping.Map(Samples.Question(), null, RegimeSet.BuiltIn, ShiftedClock.Afternoon.ToUnixTimeMilliseconds(), ref faults);
        PhoneNumber.TryFrom(Value, out var cached, out _);
        PhoneNumber.TryFrom(Value + 1_000_000, out var unknown, out _);
        var (hit, miss) = (Measure(cached), Measure(unknown));
        Assert.Equal(miss, hit);

        long Measure(PhoneNumber number)
        {
            var least = long.MaxValue;
            for (var i = 0; i < 200; i++)
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                using (var read = _server.Host.Facts.Begin(new NumberQuestion(number, asked, Exact: false, Demand: null, At: 0)))
                {
                    Assert.True(read is { IsComplete: true });
                }

                least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            }

            return least;
        }
    }

    private ulong Value => ulong.Parse(_number.AsSpan(1), null);

    private async Task ExpectAsync(Verdict verdict)
    {
        var decision = (await _server.Lookup.CheckAsync(Samples.Check(_number))).Decision;
        Assert.True(decision.Verdict == verdict, $"{verdict} is expected: {decision}");
    }

    private async Task RecordAndFollowAsync(Fact fact)
    {
        var written = await _server.Facts.RecordFactsAsync(Samples.Record(fact));
        Assert.True(ConsistencyToken.TryParse(written.ConsistencyToken, out var token, out _));
        await FollowedAsync(token);
    }

    // As another instance would.
    private async Task<ConsistencyToken> ObjectElsewhereAsync()
    {
        var written = await _store.Writer.WriteAsync(
            [Sample.Objection((int)(Value - 31_650_000_000), ShiftedClock.Afternoon.ToUnixTimeMilliseconds())], Token);
        return written.Token;
    }

    private async Task FollowedAsync(ConsistencyToken token)
    {
        for (var p = 0; p < _store.Manifest.Partitions; p++)
        {
            while (_server.Host.Replica.Partition(p) is not { Filter: not null } state || state.Version < token.VersionOf(p))
            {
                await Task.Delay(5, Token);
            }
        }
    }
}
