using System.Security.Cryptography;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.Core.Blocks;
using Lookup.Core.Receipts;
using Lookup.Server.Receipts;
using Lookup.V1;

namespace Lookup.ServiceTests.Blocks;

/// <summary>Blocks at several instances of one store, one of which may be cut off, late or new.</summary>
public sealed class BlockInstancesTests
{
    private const int Seed = 20261130;
    private const string Number = "+31687123456";
    private static readonly string[] Organisations = ["acme", "other", "*"];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task InstanceThatCannotReadTheRegistry_NeverAllowsBeyondTheBound()
    {
        await using var store = await LookupServer.EmbeddedAsync();
        var troubled = new TroubledStore(store);
        await using var first = await LookupServer.StartAsync(store, ownsStore: false);
        await using var second = await LookupServer.StartAsync(troubled, options => options.StoreReadLimitMs = 100, ownsStore: false);
        await first.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(Number)), cancellationToken: Token);
        await UntilAsync(second, Verdict.Allow);

        // Only the registry cannot be read: filters and facts stay fresh.
        troubled.RegistryTrouble = token => Task.Delay(Timeout.Infinite, token);
        await RecordAsync(first, "*", "+316871XXXXX");
        Assert.Equal(Verdict.Deny, await VerdictAsync(first));
        await UntilAsync(second, Verdict.Unknown);
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(Verdict.Unknown, await VerdictAsync(second));
            await using var stream = await StreamCall.OpenAsync(second, new CheckStreamOpen { Question = Samples.Question() });
            Assert.Equal(Verdict.Unknown, Assert.Single((await stream.AskTextsAsync(1, Number)).Verdicts));
        }

        troubled.RegistryTrouble = _ => Task.CompletedTask;
        await UntilAsync(second, Verdict.Deny);
    }

    [Fact]
    public async Task OtherInstance_SeesABlockInAnExactCheckAtOnce_AndOtherwiseWithinTheBound()
    {
        await using var store = await LookupServer.EmbeddedAsync();
        await using var first = await LookupServer.StartAsync(store, ownsStore: false);
        await using var second = await LookupServer.StartAsync(store, ownsStore: false);
        await first.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(Number)), cancellationToken: Token);
        await UntilAsync(second, Verdict.Allow);
        for (var round = 0; round < 5; round++)
        {
            await RecordAsync(first, "acme", "+316871XXXXX");
            Assert.Equal(Verdict.Deny, await VerdictAsync(second, new Consistency { Exact = true }));
            await UntilAsync(second, Verdict.Deny);
            await first.Facts.RemoveBlocksAsync(new RemoveBlocksRequest { Blocks = { Of("acme", "+316871XXXXX") } }, cancellationToken: Token);
            await UntilAsync(second, Verdict.Allow);
        }
    }

    [Fact]
    public async Task RandomBlocks_AtInstancesThatRestart_AreThoseOfAModel()
    {
        var random = new Random(Seed);
        await using var store = await LookupServer.EmbeddedAsync();
        var model = new Dictionary<(string, BlockRange), NumberBlock>();
        for (var day = 0; day < 6; day++)
        {
            var clock = new StandingClock(ShiftedClock.Afternoon.AddDays(day));
            // A busy machine reads the registry late, and the answer is then UNKNOWN; this test is about answers on what was read.
            await using var first = await LookupServer.StartAsync(store, o => o.FreshnessBoundMs = 10_000, ownsStore: false, clock: clock);
            await using var second = await LookupServer.StartAsync(store, o => o.FreshnessBoundMs = 10_000, ownsStore: false, clock: clock);
            await CompareAsync(first, model, random, clock);
            for (var step = 0; step < 12; step++)
            {
                clock.Step();
                var (writer, other) = step % 2 == 0 ? (first, second) : (second, first);
                await ChangeAsync(writer, model, random, clock);
                await CompareAsync(writer, model, random, clock);
                await other.Host.FollowRegistryAsync(Token);
                await CompareAsync(other, model, random, clock);
            }
        }
    }

    [Fact]
    public async Task Receipt_HasTheBlockInItsEvidence()
    {
        using var temp = new TempFolder();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var log = ReceiptLog.Open(temp.PathOf("receipts"), key, TimeProvider.System, 8_192);
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), receipts: log);
        var before = ReceiptFormat.Read((await server.Lookup.CheckAsync(Asked(), cancellationToken: Token)).Receipt.Content.Span);
        Assert.Equal(FactsDigest.Nothing.ToArray(), before.Digest.ToArray());
        await RecordAsync(server, "acme", "+316871XXXXX");
        var after = ReceiptFormat.Read((await server.Lookup.CheckAsync(Asked(), cancellationToken: Token)).Receipt.Content.Span);
        var (id, value) = Assert.Single((await server.Store.Registry.ReadAsync(Token)).Blocks.All).ToEvidence();
        Assert.Equal(FactsDigest.Compute([id], [value]).ToArray(), after.Digest.ToArray());
        Assert.Contains(Core.ReasonCode.NumberBlocked, after.Reasons.ToArray());

        static CheckRequest Asked()
        {
            var request = Samples.Check(Number);
            request.Receipt = true;
            return request;
        }
    }

    private static async Task ChangeAsync(LookupServer server, Dictionary<(string, BlockRange), NumberBlock> model, Random random, TimeProvider clock)
    {
        var organisation = Organisations[random.Next(Organisations.Length)];
        var (pattern, range) = Numbers(random);
        var known = model.GetValueOrDefault((organisation, range)) ?? NumberBlock.Empty(organisation, range);
        var block = Of(organisation, pattern);
        var now = clock.GetUtcNow();
        if (random.Next(3) == 0)
        {
            await server.Facts.RemoveBlocksAsync(new RemoveBlocksRequest { Blocks = { block } }, cancellationToken: Token);
            // Questions are at noon, and changes in the afternoon.
            model[(organisation, range)] = known.Without(new Core.Blocks.BlockRemoval(now.ToUnixTimeMilliseconds(), 0, 2, ""));
            return;
        }

        var from = now.AddDays(-random.Next(4));
        block.Effective = Timestamp.FromDateTimeOffset(from);
        var until = random.Next(2) == 0 ? (DateTimeOffset?)null : now.AddDays(1 + random.Next(4));
        block.Until = until is { } end ? Timestamp.FromDateTimeOffset(end) : null;
        await server.Facts.RecordBlocksAsync(new RecordBlocksRequest { Blocks = { block } }, cancellationToken: Token);
        model[(organisation, range)] = known.With(new BlockEntry
        {
            From = from.ToUnixTimeMilliseconds(),
            Until = until?.ToUnixTimeMilliseconds() ?? BlockEntry.Open,
            // Each counts for itself: the model does not merge.
            Source = (uint)((2 * random.Next()) + 1),
        });
    }

    private static async Task CompareAsync(LookupServer server, Dictionary<(string, BlockRange Range), NumberBlock> model, Random random, TimeProvider clock)
    {
        ulong[] numbers = [.. Enumerable.Range(0, 200).Select(_ => (ulong)(31_687_120_000 + random.Next(20_000)))];
        foreach (var organisation in Organisations[..2])
        {
            // A call time halfway between the changes of two days, or the present.
            DateTimeOffset? named = random.Next(2) == 0 ? null : new DateTimeOffset(ShiftedClock.Afternoon.Date, TimeSpan.Zero).AddDays(random.Next(-4, 12)).AddHours(6);
            var at = (named ?? clock.GetUtcNow()).ToUnixTimeMilliseconds();
            await using var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen
            {
                Question = Samples.Question(organisation),
                AllReasons = true,
                WhatIf = named is { } time ? new WhatIf { CallTime = Timestamp.FromDateTimeOffset(time) } : null,
            });
            var answer = await stream.AskAsync(1, numbers);
            var bit = answer.ReasonBitsMeaning.IndexOf(ReasonCode.NumberBlocked);
            for (var i = 0; i < numbers.Length; i++)
            {
                var wanted = model.Any(pair => (pair.Key.Item1 == "*" || pair.Key.Item1 == organisation)
                    && pair.Key.Range.Covers(numbers[i]) && pair.Value.Forbids(at, named is not null));
                Assert.False(wanted && answer.Verdicts[i] != Verdict.Deny, $"{answer.Verdicts[i]} {answer.Reasons[i]}");
                Assert.Equal(wanted, bit >= 0 && (answer.ReasonBits[i] & (1UL << bit)) != 0);
            }
        }
    }

    private static (string Pattern, BlockRange Range) Numbers(Random random)
    {
        var pattern = random.Next(3) switch
        {
            0 => $"+3168712{random.Next(4)}XXX",
            1 => $"+3168712{random.Next(4)}{random.Next(3)}XX",
            _ => $"+3168712{random.Next(4)}*",
        };
        Assert.True(BlockPattern.TryParse(pattern, null, out var range, out _, out _));
        return (pattern, range);
    }

    private static Block Of(string organisation, string pattern) => new() { Organisation = organisation, Pattern = pattern, Source = "test" };

    private static async Task RecordAsync(LookupServer server, string organisation, string pattern) => Assert.Equal(
        BlockResult.Types.Outcome.Recorded,
        (await server.Facts.RecordBlocksAsync(new RecordBlocksRequest { Blocks = { Of(organisation, pattern) } }, cancellationToken: Token)).Results[0].Outcome);

    private static async Task<Verdict> VerdictAsync(LookupServer server, Consistency? consistency = null)
    {
        try
        {
            var request = Samples.Check(Number);
            request.Consistency = consistency;
            return (await server.Lookup.CheckAsync(request, cancellationToken: Token)).Decision.Verdict;
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
        {
            return Verdict.Unknown;
        }
    }

    private static async Task UntilAsync(LookupServer server, Verdict wanted)
    {
        while (await VerdictAsync(server) != wanted)
        {
            await Task.Delay(20, Token);
        }
    }

    // A clock that runs would pass the end of a block between the moment that the model asks about and the moment of the answer.
    private sealed class StandingClock(DateTimeOffset start) : TimeProvider
    {
        private long _ticks = start.UtcTicks;

        // Less than what looks like a suspended machine.
        internal void Step() => Interlocked.Add(ref _ticks, TimeSpan.TicksPerMillisecond);

        public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref _ticks), TimeSpan.Zero);
    }
}
