using System.Collections.Concurrent;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.ServiceTests.ClientLibrary;

/// <summary>LookupClient.CheckAsync over a list of numbers.</summary>
public sealed class NumberListTests
{
    private static readonly Question Question = CheckScripts.Asked;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Check_MixedList_GivesEachItsResultInOrder()
    {
        var kinds = new ConcurrentQueue<bool>();
        await using var service = await StartAsync(chunk => kinds.Enqueue(chunk.Texts.Count > 0));
        using var client = StreamScripts.ClientOf(service, o => o with { StreamChunkSize = 7 });
        var numbers = Enumerable.Range(0, 100).Select(i => i % 40 == 39 ? "no number" : $"+3161234{i:0000}").ToList();

        var results = await CollectAsync(client.CheckAsync(ListAsync(numbers), Question, cancellationToken: Test));

        Assert.Equal(numbers, results.Select(r => r.Number));
        Assert.All(results.Zip(numbers), pair => Assert.Equal(Expected(pair.Second), pair.First.Verdict));
        Assert.Equal(ReasonCode.InvalidNumber, results[39].Reason);
        Assert.Equal(2, kinds.Count(texts => texts));
        Assert.True(results[98].MayCall);
    }

    [Fact]
    public async Task Check_AllowOfAList_EndsWithItsTime()
    {
        await using var service = await StartAsync();
        var clock = new ManualClock();
        using var client = StreamScripts.ClientOf(service, o => o with { TimeProvider = clock });

        var results = await CollectAsync(client.CheckAsync(ListAsync(["+31612345678"]), Question, cancellationToken: Test));

        Assert.True(results[0].MayCall);
        clock.Advance(TimeSpan.FromMilliseconds(500));
        Assert.False(results[0].MayCall);
    }

    [Fact]
    public async Task Check_ListThatWaitsForEachAnswer_GetsIt()
    {
        await using var service = await StartAsync();
        using var client = StreamScripts.ClientOf(service);
        var next = new SemaphoreSlim(1);
        var results = 0;

        await foreach (var result in client.CheckAsync(OneByOneAsync(), Question, cancellationToken: Test))
        {
            results++;
            next.Release();
        }

        Assert.Equal(5, results);

        async IAsyncEnumerable<string> OneByOneAsync()
        {
            for (var i = 0; i < 5; i++)
            {
                await next.WaitAsync(Test);
                yield return $"+3161234567{i}";
            }
        }
    }

    [Fact]
    public async Task Check_ServiceAway_EveryNumberGetsUnavailable()
    {
        using var client = new LookupClient(new LookupClientOptions { Address = new Uri("http://127.0.0.1:1"), StreamRetryLimit = TimeSpan.Zero, StreamChunkSize = 10 });
        var numbers = Enumerable.Range(0, 1_000).Select(i => $"+3161234{i:0000}").ToList();

        var results = await CollectAsync(client.CheckAsync(ListAsync(numbers), Question, cancellationToken: Test));

        Assert.Equal(numbers, results.Select(r => r.Number));
        Assert.All(results, r => Assert.Equal((CheckState.Unavailable, Verdict.Unknown, false), (r.State, r.Verdict, r.MayCall)));
    }

    [Fact]
    public async Task Check_ServiceThatBreaksForGood_TheRestGetsTheCause()
    {
        await using var service = await StartAsync(chunk =>
        {
            if (chunk.Sequence == 4)
            {
                throw new RpcException(new Status(StatusCode.PermissionDenied, "Not you."));
            }
        });
        using var client = StreamScripts.ClientOf(service, o => o with { StreamChunkSize = 10, StreamWindow = 2 });
        var numbers = Enumerable.Range(0, 100).Select(i => $"+3161234{i:0000}").ToList();

        var results = await CollectAsync(client.CheckAsync(ListAsync(numbers), Question, cancellationToken: Test));

        Assert.Equal(numbers, results.Select(r => r.Number));
        Assert.All(results[..30], r => Assert.Equal(CheckState.Answered, r.State));
        Assert.All(results[30..], r => Assert.Equal((CheckState.Refused, "Not you.", false), (r.State, r.Message, r.MayCall)));
    }

    [Fact]
    public async Task Check_LeftEarlyWhileTheSourceWaits_DisposesOfIt()
    {
        await using var service = await StartAsync();
        using var client = StreamScripts.ClientOf(service);
        var disposed = false;

        await foreach (var result in client.CheckAsync(OneAndWaitAsync(), Question, cancellationToken: Test))
        {
            break;
        }

        Assert.True(disposed);

        async IAsyncEnumerable<string> OneAndWaitAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct = default)
        {
            try
            {
                yield return "+31612345678";
                await Task.Delay(Timeout.Infinite, ct);
            }
            finally
            {
                disposed = true;
            }
        }
    }

    [Fact]
    public async Task Check_SourceThatFails_Throws()
    {
        await using var service = await StartAsync();
        using var client = StreamScripts.ClientOf(service);

        await Assert.ThrowsAsync<FileNotFoundException>(() => CollectAsync(client.CheckAsync(FailingAsync(), Question, cancellationToken: Test)));

        static async IAsyncEnumerable<string> FailingAsync()
        {
            await Task.Yield();
            yield return "+31612345678";
            throw new FileNotFoundException();
        }
    }

    [Fact]
    public async Task Check_Cancelled_Throws()
    {
        await using var service = await StartAsync();
        using var client = StreamScripts.ClientOf(service, o => o with { StreamChunkSize = 5 });
        using var stop = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var result in client.CheckAsync(EndlessAsync(), Question, cancellationToken: stop.Token))
            {
                await stop.CancelAsync();
            }
        });

        static async IAsyncEnumerable<string> EndlessAsync()
        {
            while (true)
            {
                await Task.Yield();
                yield return "+31612345678";
            }
        }
    }

    [Fact]
    public async Task Check_OddTexts_AreItemsLikeOthers()
    {
        await using var service = await StartAsync();
        using var client = StreamScripts.ClientOf(service);
        string[] numbers = ["", null!, new string('1', 100_000), "\ud800", "+", "+0123456789", "+3161234567890123", "+31612345678"];

        var results = await CollectAsync(client.CheckAsync(ListAsync(numbers), Question, cancellationToken: Test));

        Assert.Equal(numbers.Length, results.Count);
        Assert.All(results[..^1], r => Assert.False(r.MayCall));
        Assert.Equal(Verdict.Allow, results[^1].Verdict);
    }

    private static Verdict Expected(string number) =>
        number.StartsWith('+') ? StreamScripts.VerdictOf(ulong.Parse(number.AsSpan(1), System.Globalization.CultureInfo.InvariantCulture)) : Verdict.Unknown;

    /// <summary>Answers numbers and texts as the service does.</summary>
    private static Task<ScriptedService> StartAsync(Action<CheckStreamChunk>? before = null) => ScriptedService.StartAsync(new()
    {
        CheckStream = async (requests, responses, context) =>
        {
            await requests.MoveNext(context.CancellationToken);
            await foreach (var request in requests.ReadAllAsync(context.CancellationToken))
            {
                before?.Invoke(request.Chunk);
                var texts = request.Chunk.Texts.Count > 0;
                var numbers = texts ? request.Chunk.Texts.Select(t => E164.TryParse(t, out var n) ? n : 0).ToArray() : [.. request.Chunk.Numbers];
                var response = new CheckStreamResponse
                {
                    Sequence = request.Chunk.Sequence,
                    Common = new Decision
                    {
                        CallTime = Timestamp.FromDateTimeOffset(ManualClock.Start),
                        ReusableUntil = Timestamp.FromDateTimeOffset(ManualClock.Start.AddSeconds(0.5)),
                    },
                };
                foreach (var number in numbers)
                {
                    response.Verdicts.Add(number == 0 ? Verdict.Unknown : StreamScripts.VerdictOf(number));
                    response.Reasons.Add(number == 0 ? ReasonCode.InvalidNumber : ReasonCode.NothingForbids);
                    if (texts)
                    {
                        response.Numbers.Add(number);
                    }
                }

                await responses.WriteAsync(response);
            }
        },
    });

    private static async IAsyncEnumerable<string> ListAsync(IEnumerable<string> numbers)
    {
        foreach (var number in numbers)
        {
            await Task.Yield();
            yield return number;
        }
    }

    private static async Task<List<CheckResult>> CollectAsync(IAsyncEnumerable<CheckResult> results)
    {
        var list = new List<CheckResult>();
        await foreach (var result in results)
        {
            list.Add(result);
        }

        return list;
    }
}
