using Grpc.Core;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.ServiceTests.ClientLibrary;

/// <summary>Shared checks of the real service: each answer is that of a check of its own.</summary>
public sealed class SharedAnswerTests(LookupServer server) : IClassFixture<LookupServer>
{
    private static readonly ulong[] Prefixes =
        [31650000000, 4915100000000, 33600000000, 447700000000, 12125550000, 3270220000, 34600000000, 919800000000, 5997150000, 310650000000, 999123450000];

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Checks_OfRandomNumbersAndFacts_AreAnsweredAsUnaryOnes()
    {
        var seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var numbers = Enumerable.Range(0, 250).Select(_ => $"+{Prefixes[random.Next(Prefixes.Length)] + (ulong)random.Next(10_000)}").Distinct().ToArray();
        foreach (var number in numbers.Where((_, i) => i % 2 == 0))
        {
            await RecordAsync(number, random.Next(4));
        }

        await server.Facts.RecordBlocksAsync(
            new RecordBlocksRequest { Blocks = { new Block { Organisation = "acme", Pattern = "+316500000*", Source = "test" } } }, cancellationToken: Test);
        // Only Check can answer them.
        string[] odd = ["", "abc", "+", "0612345678", "+0", "+31", "+9999999999999999", "+31 6 12345678"];
        using var unary = Client(shares: false);
        using var shared = Client(shares: true);
        var question = Samples.Question();

        for (var round = 0; round < 6; round++)
        {
            var options = new CheckOptions { AllReasons = round % 2 == 1, DefaultRegion = round % 3 == 0 ? "NL" : "" };
            string[] asked = [.. numbers, .. odd, .. numbers.Take(40)];
            random.Shuffle(asked);
            await ShareAsync(shared, question, options);
            var before = await StreamedAsync();

            var answers = await Task.WhenAll(asked.Select(number => shared.CheckAsync(number, question, options, Test)));

            for (var i = 0; i < asked.Length; i++)
            {
                AssertSame(asked[i], await unary.CheckAsync(asked[i], question, options, Test), answers[i]);
            }

            Assert.True(await StreamedAsync() - before > asked.Length / 2, "Too few checks shared a call.");
        }
    }

    [Fact]
    public async Task Check_AfterAnAcknowledgedObjection_Denies()
    {
        using var shared = Client(shares: true);
        var question = Samples.Question();
        await ShareAsync(shared, question, null);
        for (var round = 0; round < 30; round++)
        {
            var numbers = Enumerable.Range(0, 16).Select(_ => Samples.NewNumber()).ToArray();
            await server.Facts.RecordFactsAsync(Samples.Record(numbers.Select(n => Samples.Consent(n))), cancellationToken: Test);
            Assert.All(await CheckAsync(), result => Assert.Equal(Verdict.Allow, result.Verdict));
            await server.Facts.RecordFactsAsync(Samples.Record(numbers.Select(n => Samples.Objection(n))), cancellationToken: Test);
            Assert.All(await CheckAsync(), result => Assert.Equal(Verdict.Deny, result.Verdict));

            Task<CheckResult[]> CheckAsync() => Task.WhenAll(numbers.Select(n => shared.CheckAsync(n, question, cancellationToken: Test)));
        }
    }

    [Fact]
    public async Task Service_StopsUnderLoad_PermitsNoForbiddenCallAndThrowsNothing()
    {
        var stopped = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        using var client = Client(shares: true, stopped.Host.GrpcAddress);
        string[] numbers = [.. Enumerable.Range(0, 32).Select(_ => Samples.NewNumber())];
        await stopped.Facts.RecordFactsAsync(Samples.Record(numbers.Select(n => Samples.Consent(n))), cancellationToken: Test);
        await stopped.Facts.RecordFactsAsync(Samples.Record(numbers.Where((_, i) => i % 2 == 0).Select(n => Samples.Objection(n))), cancellationToken: Test);
        var (answered, failed) = (0, 0);
        var callers = Enumerable.Range(0, numbers.Length).Select(CallAsync).ToArray();
        await SharedScript.UntilAsync(() => Volatile.Read(ref answered) > 2_000, Test);

        await stopped.DisposeAsync();

        await Task.WhenAll(callers);
        Assert.True(failed >= numbers.Length);

        async Task CallAsync(int i)
        {
            while (Volatile.Read(ref failed) < 200)
            {
                var result = await client.CheckAsync(numbers[i], Samples.Question(), cancellationToken: Test);
                if (result.State == CheckState.Answered)
                {
                    Interlocked.Increment(ref answered);
                    Assert.Equal((numbers[i], i % 2 == 0 ? Verdict.Deny : Verdict.Allow), (result.Number, result.Verdict));
                }
                else
                {
                    Interlocked.Increment(ref failed);
                    Assert.Equal((false, Verdict.Unknown), (result.MayCall, result.Verdict));
                }
            }
        }
    }

    [Fact]
    public async Task Network_FreezesAndThaws_ChecksTimeOutAndAreAnsweredAgain()
    {
        await using var proxy = new TestProxy(server.Host.GrpcAddress.Port);
        using var client = Client(shares: true, new Uri($"http://127.0.0.1:{proxy.Port}"), TimeSpan.FromSeconds(3));
        await ShareAsync(client, Samples.Question(), null);

        proxy.Freeze();
        var results = await CheckAsync();
        Assert.All(results, result => Assert.Equal((CheckState.TimedOut, false), (result.State, result.MayCall)));

        proxy.Thaw();
        do
        {
            results = await CheckAsync();
        }
        while (results.Any(result => result.State != CheckState.Answered));

        Task<CheckResult[]> CheckAsync() =>
            Task.WhenAll(Enumerable.Range(0, 16).Select(_ => client.CheckAsync(Samples.NewNumber(), Samples.Question(), cancellationToken: Test)));
    }

    [Fact]
    public async Task Stream_OfDecisions_RejectsWhatSingleChecksDoNotHave()
    {
        await using var whatIf = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question(), Decisions = true, WhatIf = new WhatIf() });
        Assert.Equal(StatusCode.InvalidArgument, (await whatIf.RefusedAsync()).StatusCode);

        var open = new CheckStreamOpen { Question = Samples.Question(), Decisions = true };
        await using var texts = await StreamCall.OpenAsync(server, open);
        await texts.SendTextsAsync(1, Samples.NewNumber());
        Assert.Equal(StatusCode.InvalidArgument, (await texts.RefusedAsync()).StatusCode);

        await using var many = await StreamCall.OpenAsync(server, open);
        Assert.Equal(256, (await many.AskAsync(1, Enumerable.Repeat(31612345678UL, 256))).DecisionIndexes.Count);
        await many.SendAsync(2, Enumerable.Repeat(31612345678UL, 257));
        Assert.Equal(StatusCode.InvalidArgument, (await many.RefusedAsync()).StatusCode);
    }

    private static void AssertSame(string number, CheckResult unary, CheckResult shared)
    {
        Assert.Equal(
            (number, unary.State, unary.Verdict, unary.Reason, unary.Number, unary.Message, unary.RetryAfter),
            (number, shared.State, shared.Verdict, shared.Reason, shared.Number, shared.Message, shared.RetryAfter));
        Assert.Equal(unary.Fields.Select(f => (f.Field, f.Description)), shared.Fields.Select(f => (f.Field, f.Description)));
        Assert.Equal(Comparable(unary.Decision), Comparable(shared.Decision));
    }

    // What the moment of the check and the rest of its chunk decide: how old the facts are, and which positions the token covers.
    private static Decision? Comparable(Decision? decision)
    {
        if (decision is null)
        {
            return null;
        }

        Assert.NotNull(decision.CallTime);
        Assert.NotNull(decision.Age);
        var same = decision.Clone();
        (same.CallTime, same.Age, same.ConsistencyToken, same.ReusableUntil) = (null, null, "", null);
        if (decision is { Verdict: Verdict.Allow, Hypothetical: false })
        {
            // None if a busy machine wrote the answer late.
            same.ReusableFor = null;
        }

        return same;
    }

    private LookupClient Client(bool shares, Uri? address = null, TimeSpan? timeout = null) => new(new LookupClientOptions
    {
        Address = address ?? server.Host.GrpcAddress,
        Timeout = timeout ?? TimeSpan.FromMinutes(2),
        ReuseLimit = 0,
        ShareChecks = shares,
    });

    private async Task RecordAsync(string number, int kind)
    {
        if (kind == 3)
        {
            await server.Facts.RecordOutcomeAsync(Samples.Outcome(number, CallOutcome.Refused), cancellationToken: Test).ResponseAsync.ContinueWith(static t => _ = t.Exception, TaskScheduler.Default);
            return;
        }

        // Some of the numbers are not valid.
        await server.Facts.RecordFactsAsync(Samples.Record(kind == 0 ? Samples.Objection(number) : Samples.Consent(number)), cancellationToken: Test)
            .ResponseAsync.ContinueWith(static t => _ = t.Exception, TaskScheduler.Default);
    }

    private async Task ShareAsync(LookupClient client, Question question, CheckOptions? options)
    {
        var before = await StreamedAsync();
        while (await StreamedAsync() == before)
        {
            await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => client.CheckAsync(Samples.NewNumber(), question, options, Test)));
        }
    }

    private async Task<double> StreamedAsync() => (await Scrape.OfAsync(server)).Series
        .Where(line => line.StartsWith("lookup_decisions_total{", StringComparison.Ordinal) && line.Contains("way=\"stream\"", StringComparison.Ordinal))
        .Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture));
}
