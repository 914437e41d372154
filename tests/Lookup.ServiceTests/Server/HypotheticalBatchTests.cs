using System.Text;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.Redis;
using Lookup.Server.Checks;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>CheckBatch with what_ifs: each number on its own assumptions, as single checks decide it.</summary>
public sealed class HypotheticalBatchTests
{
    private const int Count = 500;

    // More items than the service decides at a time.
    private const int Longest = 1_500;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Batch_RandomFactsQuestionsAndTimes_AnswersAsCheckDoes()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var clock = new ManualClock();
        clock.Advance(TimeSpan.FromHours(1));
        await using var store = await LookupServer.EmbeddedAsync(clock);
        await using var server = await LookupServer.StartAsync(store, clock: clock, ownsStore: false);
        var numbers = Enumerable.Range(0, Count).Select(i => RandomCases.Number(random, i)).ToArray();
        await RecordAsync(server, clock, random, numbers);

        var (allowed, denied) = (0, 0);
        foreach (var size in (int[])[Longest, .. Enumerable.Repeat(150, 8)])
        {
            var batch = new CheckBatchRequest { Question = RandomCases.Question(random), Consistency = RandomConsistency(random) };
            while (batch.Numbers.Count < size)
            {
                // Both views of a call, as an audit asks for them, or one of another number.
                var (number, whatIf) = (numbers[random.Next(Count)], RandomWhatIf(random, clock));
                batch.Numbers.Add(number);
                batch.WhatIfs.Add(whatIf);
                if (random.Next(2) == 0)
                {
                    batch.Numbers.Add(number);
                    batch.WhatIfs.Add(new WhatIf(whatIf) { KnownAt = null });
                }
            }

            var response = await server.Lookup.CheckBatchAsync(batch, cancellationToken: Ct);

            Assert.Equal((batch.Numbers.Count, true), (response.Answers.Count, response.Common.Hypothetical));
            for (var i = 0; i < batch.Numbers.Count; i++)
            {
                var answer = response.Answers[i];
                var check = new CheckRequest { Number = batch.Numbers[i], Question = batch.Question, Consistency = batch.Consistency, WhatIf = batch.WhatIfs[i] };
                var single = (await server.Lookup.CheckAsync(check, cancellationToken: Ct)).Decision;
                single.ConsistencyToken = "";
                Assert.True(single.Equals(answer.Decision), $"seed {seed}: {check}\n{single}\n{answer.Decision}");
                Assert.Equal((batch.Numbers[i], single.Verdict, single.Reasons[0].Code, ""), (answer.Number, answer.Verdict, answer.Reason, answer.Error));
                Assert.Null(answer.Decision.ReusableFor);
                allowed += answer.Verdict == Verdict.Allow ? 1 : 0;
                denied += answer.Verdict == Verdict.Deny ? 1 : 0;
            }
        }

        Assert.True(allowed > 100 && denied > 100, $"seed {seed}: {allowed} allowed, {denied} denied");
    }

    [Fact]
    public async Task Batch_StoreThatDoesNotNameScopes_IsUnknownWithARetryDelayAndDecidesTheOthers()
    {
        var known = Samples.NewNumber();
        var store = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using (var writer = await LookupServer.StartAsync(store, ownsStore: false))
        {
            await writer.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(known)), cancellationToken: Ct);
        }

        await using var server = await LookupServer.StartAsync(store);
        await Scrape.UntilAsync(server, s => Enumerable.Range(0, store.Partitions).All(p => s.Value($"lookup_partition_followed{{partition=\"{p}\"}}") == 1));
        store.NameTrouble = _ => throw new StoreUnavailableException(StoreFault.Unreachable, "planted");

        var response = await server.Lookup.CheckBatchAsync(Batch(known, "call me", Samples.NewNumber()), cancellationToken: Ct);

        Assert.Equal([Verdict.Unknown, Verdict.Unknown, Verdict.Deny], response.Answers.Select(answer => answer.Verdict));
        Assert.Equal(ReasonCode.StoreUnavailable, response.Answers[0].Reason);
        Assert.NotNull(response.Answers[0].Decision.RetryAfter);
        Assert.StartsWith("Not a phone number", response.Answers[1].Error, StringComparison.Ordinal);
        Assert.Null(response.Answers[1].Decision);
    }

    [Fact]
    public async Task Batch_FieldsThatDoNotFit_AreNamed()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        await AssertFaultsAsync(request => request.WhatIfs.RemoveAt(1), "what_ifs: 1 for 2 numbers");
        await AssertFaultsAsync(request => request.WhatIf = new WhatIf(), "what_if: Cannot be combined");
        await AssertFaultsAsync(request => request.Receipt = true, "receipt: Cannot be combined");
        await AssertFaultsAsync(request => request.WhatIfs[1].CallTime.Seconds = -1, "what_ifs[1].call_time: ");
        await AssertFaultsAsync(request => request.WhatIfs[1].PlacedCalls = new PlacedCalls { Times = { request.WhatIfs[1].CallTime } }, "what_ifs[1].placed_calls.times[0]: Must be earlier");
        await AssertFaultsAsync(request => request.Question.Organisation = "ACME", "question.organisation: ");
        await AssertFaultsAsync(
            request =>
            {
                request.Numbers.AddRange(Enumerable.Repeat("+31612345678", HypotheticalChecks.MaxNumbers));
                request.WhatIfs.AddRange(Enumerable.Repeat(new WhatIf(), HypotheticalChecks.MaxNumbers));
            },
            "numbers: 4098 numbers; must be 1 to 4096");

        async Task AssertFaultsAsync(Action<CheckBatchRequest> change, string expected)
        {
            var request = Batch("+31612345678", "+31612345679");
            change(request);
            var error = await Assert.ThrowsAsync<RpcException>(async () => await server.Lookup.CheckBatchAsync(request, cancellationToken: Ct));
            Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
            Assert.Contains(expected, error.Status.Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Batch_OverJson_HasADecisionForEach()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        using var content = new StringContent(Google.Protobuf.JsonFormatter.Default.Format(Batch("+31612345678", "+31612345679")), Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync("/v1/check:batch", content, Ct);
        var body = CheckBatchResponse.Parser.ParseJson(await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal([ReasonCode.NoConsent, ReasonCode.NoConsent], body.Answers.Select(answer => answer.Decision.Reasons[0].Code));
    }

    private static CheckBatchRequest Batch(params string[] numbers) => new()
    {
        Numbers = { numbers },
        Question = Samples.Question(),
        WhatIfs = { numbers.Select(_ => new WhatIf { CallTime = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon) }) },
    };

    // Facts arrive on several days, so that the views "then" and "now" differ.
    private static async Task RecordAsync(LookupServer server, ManualClock clock, Random random, string[] numbers)
    {
        foreach (var register in (string[])["nl-bmnr", "uk-tps", "uk-ctps", "us-dnc"])
        {
            await server.Registry.RecordSnapshotAsync(
                new RecordSnapshotRequest { Register = register, SnapshotDate = Timestamp.FromDateTimeOffset(ManualClock.Start.AddDays(-5)) }, cancellationToken: Ct);
        }

        var other = new Organisation { Name = "other", AttemptCaps = { new V1.AttemptCap { Max = 1, DaysBack = 40 } }, PauseAfterRefusalDays = 10 };
        await server.Registry.PutOrganisationAsync(new PutOrganisationRequest { Organisation = other }, cancellationToken: Ct);
        for (var day = 0; day < 3; day++)
        {
            var block = new Block { Organisation = "acme", Pattern = $"+49151{random.Next(10)}*", Source = "x", WholeCountry = true };
            await server.Facts.RecordBlocksAsync(new RecordBlocksRequest { Blocks = { block } }, cancellationToken: Ct);
            foreach (var batch in numbers.SelectMany(n => Enumerable.Range(0, random.Next(3)).Select(_ => RandomCases.Fact(random, n))).Chunk(500))
            {
                await server.Facts.RecordFactsAsync(Samples.Record(batch), cancellationToken: Ct);
            }

            clock.Advance(TimeSpan.FromDays(1));
        }
    }

    private static WhatIf RandomWhatIf(Random random, ManualClock clock)
    {
        var at = clock.Wall.AddMinutes(-random.Next(60 * 24 * 30));
        var whatIf = new WhatIf { CallTime = random.Next(10) == 0 ? null : Timestamp.FromDateTimeOffset(at), Strict = random.Next(5) == 0 };
        if (random.Next(3) > 0)
        {
            whatIf.KnownAt = random.Next(2) == 0 ? whatIf.CallTime : Timestamp.FromDateTimeOffset(clock.Wall.AddMinutes(-random.Next(60 * 24 * 4)));
        }

        if (random.Next(5) == 0)
        {
            whatIf.SwitchedOffLayers.Add(random.Next(2) == 0 ? Layer.Code : Layer.Policy);
        }

        if (random.Next(2) == 0)
        {
            whatIf.PlacedCalls = new PlacedCalls();
            for (var i = random.Next(Core.Decisions.Question.MaxPlacedCalls + 1); i > 0; i--)
            {
                whatIf.PlacedCalls.Times.Add(Timestamp.FromDateTimeOffset(at.AddMinutes(-random.Next(1, 60 * 24 * 30))));
            }
        }

        return whatIf;
    }

    private static Consistency? RandomConsistency(Random random) => random.Next(3) == 0 ? new Consistency { Exact = true } : null;
}
