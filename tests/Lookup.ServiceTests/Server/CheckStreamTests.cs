using Google.Rpc;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

public sealed class CheckStreamTests(LookupServer server) : IClassFixture<LookupServer>
{
    private static readonly CheckStreamOpen Open = new() { Question = Samples.Question() };

    private static ulong ValueOf(string number) => ulong.Parse(number.AsSpan(1));

    [Fact]
    public async Task Chunk_NumbersOfEveryKind_AnswersEachInOrder()
    {
        var (consented, objected, unknown) = (Samples.NewNumber(), Samples.NewNumber(), Samples.NewNumber());
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(consented), Samples.Consent(objected), Samples.Objection(objected)));
        await using var stream = await StreamCall.OpenAsync(server, Open);
        var sequence = 6UL;
        var answer = await InTime.AskAsync(
            () => stream.AskAsync(
                ++sequence, ValueOf(unknown), ValueOf(consented), 0, 5997151234, ValueOf(objected), ulong.MaxValue, 31, 999123456789, ValueOf(consented)),
            answer => answer.Common);
        Assert.Equal(sequence, answer.Sequence);
        Assert.Equal(
            [Verdict.Deny, Verdict.Allow, Verdict.Unknown, Verdict.NotCovered, Verdict.Deny, Verdict.Unknown, Verdict.Unknown, Verdict.Unknown, Verdict.Allow],
            answer.Verdicts);
        Assert.Equal(
            [
                ReasonCode.NoConsent, ReasonCode.Consent, ReasonCode.InvalidNumber, ReasonCode.NoRegime, ReasonCode.Objection,
                ReasonCode.InvalidNumber, ReasonCode.InvalidNumber, ReasonCode.InvalidNumber, ReasonCode.Consent,
            ],
            answer.Reasons);
        Assert.Empty(answer.Numbers);
        Assert.Empty(answer.ReasonBits);
        Assert.Equal("NL-2", answer.Common.Regime);
        Assert.Equal("NL-2", Assert.Single(answer.Regimes).Regime);
        Assert.NotNull(answer.Common.ReusableUntil);
        Assert.Equal(answer.Common.ReusableUntil - answer.Common.CallTime, answer.Common.ReusableFor);
        Assert.False(answer.Common.Hypothetical);
    }

    [Fact]
    public async Task Chunk_TextsOfEveryKind_AnswersEachWithItsNumber()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        await using var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question(), DefaultRegion = "NL" });
        var answer = await stream.AskTextsAsync(
            1, $"0{number[3..5]} {number[5..]}", "", "112", "nobody", number, "+31 (0)" + number[3..], new string('1', 1000), "٠٦١٢٣٤٥٦٧٨");
        Assert.Equal(
            [Verdict.Allow, Verdict.Unknown, Verdict.Unknown, Verdict.Unknown, Verdict.Allow, Verdict.Allow, Verdict.Unknown],
            answer.Verdicts.Take(7));
        Assert.Equal([ValueOf(number), 0, 0, 0, ValueOf(number), ValueOf(number), 0], answer.Numbers.Take(7));
        Assert.Equal(8, answer.Verdicts.Count);
        Assert.NotEqual(Verdict.Allow, answer.Verdicts[7]);
    }

    [Fact]
    public async Task List_OfRandomNumbers_AnswersAsCheckDoes()
    {
        var seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        var random = new Random(seed);
        ulong[] prefixes = [31650000000, 4915100000000, 33600000000, 447700000000, 12125550000, 3270220000, 34600000000, 919800000000, 5997150000];
        var numbers = Enumerable.Range(0, 400).Select(_ => prefixes[random.Next(prefixes.Length)] + (ulong)random.Next(10_000)).ToArray();
        foreach (var number in numbers.Where((_, i) => i % 3 == 0).Distinct())
        {
            var fact = random.Next(3) == 0 ? Samples.Objection($"+{number}") : Samples.Consent($"+{number}");
            Assert.Equal(FactResult.Types.Outcome.Recorded, (await server.Facts.RecordFactsAsync(Samples.Record(fact))).Results[0].Outcome);
        }

        await using var stream = await StreamCall.OpenAsync(server, Open);
        foreach (var (chunk, sequence) in numbers.Chunk(97).Select((c, i) => (c, (ulong)i)))
        {
            var answer = await stream.AskAsync(sequence, chunk);
            for (var i = 0; i < chunk.Length; i++)
            {
                var single = await server.Lookup.CheckAsync(Samples.Check($"+{chunk[i]}"));
                Assert.Equal((chunk[i], single.Decision.Verdict, single.Decision.Reasons[0].Code), (chunk[i], answer.Verdicts[i], answer.Reasons[i]));
            }
        }
    }

    [Fact]
    public async Task Chunk_AllReasonsAsked_HasTheReasonsOfCheckAsBits()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));
        var question = Samples.Question();
        question.CallerNumberWithheld = true;
        await using var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = question, AllReasons = true });
        var answer = await stream.AskAsync(1, ValueOf(Samples.NewNumber()), ValueOf(number));
        var single = await server.Lookup.CheckAsync(new CheckRequest { Number = number, Question = question, AllReasons = true });
        var reasons = answer.ReasonBitsMeaning.Where((_, bit) => (answer.ReasonBits[1] & (1UL << bit)) != 0);
        Assert.Equal(single.Decision.Reasons.Select(r => r.Code).Order(), reasons.Order());
        Assert.DoesNotContain(ReasonCode.Objection, answer.ReasonBitsMeaning.Where((_, bit) => (answer.ReasonBits[0] & (1UL << bit)) != 0));
    }

    [Fact]
    public async Task Streams_OneAfterAnother_LeaveNothingInEachOthersAnswers()
    {
        // Answers are used again from stream to stream.
        for (var round = 0; round < 20; round++)
        {
            await using var full = await StreamCall.OpenAsync(server, new CheckStreamOpen
            {
                Question = Samples.Question(),
                AllReasons = true,
                DefaultRegion = "NL",
            });
            var first = await full.AskTextsAsync(1, Samples.NewNumber(), Samples.NewNumber());
            Assert.Equal((2, 2), (first.ReasonBits.Count, first.Numbers.Count));
            await full.CompleteAsync();
            Assert.Null(await full.ReadAsync());
            await using var plain = await StreamCall.OpenAsync(server, Open);
            var second = await plain.AskAsync(1, ValueOf(Samples.NewNumber()));
            Assert.Equal((0, 0, 0), (second.ReasonBits.Count, second.ReasonBitsMeaning.Count, second.Numbers.Count));
        }
    }

    [Fact]
    public async Task Stream_ManyChunksAtOnce_AnswersInOrder()
    {
        await using var stream = await StreamCall.OpenAsync(server, Open);
        var sending = Task.Run(async () =>
        {
            for (var i = 1UL; i <= 200; i++)
            {
                await stream.SendAsync(i * 10, Enumerable.Range(0, (int)i).Select(n => 31_650_000_000 + (ulong)n));
            }

            await stream.CompleteAsync();
        });
        for (var i = 1UL; i <= 200; i++)
        {
            var answer = (await stream.ReadAsync())!;
            Assert.Equal((i * 10, (int)i), (answer.Sequence, answer.Verdicts.Count));
        }

        Assert.Null(await stream.ReadAsync());
        await sending;
    }

    [Fact]
    public async Task Chunk_Oversize_IsRefusedAndEarlierAnswersStay()
    {
        await using var stream = await StreamCall.OpenAsync(server, Open);
        await stream.SendAsync(1, 31612345678);
        await stream.SendAsync(2, Enumerable.Repeat(31612345678UL, 8_192));
        await stream.SendAsync(3, Enumerable.Repeat(31612345678UL, 8_193));
        Assert.Equal(1u, (await stream.ReadAsync())!.Sequence);
        Assert.Equal(8_192, (await stream.ReadAsync())!.Verdicts.Count);
        AssertField("chunk.numbers", await stream.RefusedAsync());
    }

    public static TheoryData<string, CheckStreamRequest> BadSeconds => new()
    {
        { "chunk.numbers", new CheckStreamRequest { Chunk = new CheckStreamChunk { Sequence = 6 } } },
        { "chunk.sequence", new CheckStreamRequest { Chunk = new CheckStreamChunk { Sequence = 5, Numbers = { 31612345678 } } } },
        { "chunk.texts", new CheckStreamRequest { Chunk = new CheckStreamChunk { Sequence = 6, Numbers = { 31612345678 }, Texts = { "+31612345678" } } } },
        { "chunk", new CheckStreamRequest { Open = Open } },
        { "chunk", new CheckStreamRequest() },
    };

    [Theory]
    [MemberData(nameof(BadSeconds), DisableDiscoveryEnumeration = true)]
    public async Task Chunk_Wrong_IsRefusedByFieldAfterTheAnswersBefore(string field, CheckStreamRequest request)
    {
        await using var stream = await StreamCall.OpenAsync(server, Open);
        await stream.SendAsync(5, 31612345678);
        await stream.SendAsync(request);
        Assert.Equal(5u, (await stream.ReadAsync())!.Sequence);
        AssertField(field, await stream.RefusedAsync());
    }

    [Fact]
    public async Task Open_Missing_IsRefused()
    {
        await using var stream = StreamCall.Start(server);
        await stream.SendAsync(1, 31612345678);
        AssertField("open", await stream.RefusedAsync());
        await using var empty = StreamCall.Start(server);
        await empty.CompleteAsync();
        AssertField("open", await empty.RefusedAsync());
    }

    [Fact]
    public async Task Open_SeveralFaults_NamesAll()
    {
        await using var stream = await StreamCall.OpenAsync(
            server,
            new CheckStreamOpen
            {
                Question = new Question { Organisation = "No Name" },
                DefaultRegion = "XX",
                Consistency = new Consistency { AtLeastAsFresh = "nonsense" },
            });
        var error = await stream.RefusedAsync();
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        var fields = error.GetRpcStatus()!.GetDetail<BadRequest>()!.FieldViolations.Select(v => v.Field).Order();
        Assert.Equal(["open.consistency.at_least_as_fresh", "open.default_region", "open.question.organisation", "open.question.purpose"], fields);
    }

    [Fact]
    public async Task Stream_WithTokenOfAWrite_SeesIt()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        var written = await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));
        await using var stream = await StreamCall.OpenAsync(
            server, new CheckStreamOpen { Question = Samples.Question(), Consistency = new Consistency { AtLeastAsFresh = written.ConsistencyToken } });
        var answer = await stream.AskAsync(1, ValueOf(number));
        Assert.Equal(Verdict.Deny, answer.Verdicts[0]);
        Assert.NotEmpty(answer.Common.ConsistencyToken);
        await using var again = await StreamCall.OpenAsync(
            server, new CheckStreamOpen { Question = Samples.Question(), Consistency = new Consistency { AtLeastAsFresh = answer.Common.ConsistencyToken } });
        Assert.Equal(Verdict.Deny, (await again.AskAsync(1, ValueOf(number))).Verdicts[0]);
    }

    [Fact]
    public async Task Stream_Deadline_EndsIt()
    {
        await using var stream = await StreamCall.OpenAsync(server, Open, new CallOptions(deadline: DateTime.UtcNow.AddSeconds(1)));
        Assert.Equal(StatusCode.DeadlineExceeded, (await stream.RefusedAsync()).StatusCode);
    }

    private static void AssertField(string field, RpcException error)
    {
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Equal(field, Assert.Single(error.GetRpcStatus()!.GetDetail<BadRequest>()!.FieldViolations).Field);
    }
}
