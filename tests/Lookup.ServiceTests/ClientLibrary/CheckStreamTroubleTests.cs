using System.Collections.Concurrent;
using CsCheck;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Lookup.Client;
using Lookup.V1;
using static Lookup.Testing.ClientLibrary.StreamScripts;
using Status = Grpc.Core.Status;

namespace Lookup.ServiceTests.ClientLibrary;

/// <summary>LookupClient.CheckStreamAsync against services that break, hang, stop early and answer nonsense.</summary>
public sealed class CheckStreamTroubleTests
{
    private const int Refused = 5;
    private const int InternalErrorCode = 2;
    private const int RefusedCode = 7;
    private const int CancelCode = 8;
    private static readonly TimeSpan Pauses = TimeSpan.FromSeconds(30);

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task CheckStream_ConnectionsThatBreakAnywhere_AnswersEachOnceInOrder()
    {
        await Gen.Select(Gen.Int[0, 6].Array[0, 8], Gen.Int[1, 6], Gen.Int[0, 5]).SampleAsync(async (breaks, window, how) =>
        {
            var connection = 0;
            var sent = new ConcurrentQueue<(int Connection, ulong Sequence)>();
            await using var service = await ScriptedService.StartAsync(new()
            {
                CheckStream = async (requests, responses, context) =>
                {
                    var mine = Interlocked.Increment(ref connection) - 1;
                    await Answering((chunk, answered, call) =>
                    {
                        sent.Enqueue((mine, chunk.Sequence));
                        if (mine < breaks.Length && answered == breaks[mine])
                        {
                            Break(how, call);
                        }

                        return Task.CompletedTask;
                    })(requests, responses, context);
                },
            });
            // HttpClient tries a refused request again by itself and then waits for a body that is not sent twice: only the limit ends that.
            var limit = how == Refused ? TimeSpan.FromSeconds(0.5) : Pauses;
            using var client = ClientOf(service, o => o with { TimeProvider = new ImpatientClock(limit), StreamAnswerTimeout = limit });

            var answers = await CollectAsync(client.CheckStreamAsync(Open, Chunks(25), window, Test));

            AssertAnswered(25, answers);
            // Each connection begins with what the one before left unanswered, and leaves nothing out.
            foreach (var byConnection in sent.GroupBy(s => s.Connection))
            {
                var sequences = byConnection.Select(s => s.Sequence).ToArray();
                Assert.Equal(Enumerable.Range(0, sequences.Length).Select(i => sequences[0] + (ulong)i), sequences);
            }
        }, iter: 40, threads: 1);

        static void Break(int how, ServerCallContext call)
        {
            switch (how)
            {
                case 0:
                    Drop(call);
                    break;
                case 1:
                    throw new RpcException(new Status(StatusCode.Unavailable, "Shutting down."));
                case 2:
                    throw new RpcException(new Status(StatusCode.ResourceExhausted, "Too much."));
                default:
                    Reset(call, how switch { 3 => CancelCode, 4 => InternalErrorCode, Refused => RefusedCode, _ => throw new ArgumentOutOfRangeException(nameof(how)) });
                    break;
            }
        }
    }

    [Fact]
    public async Task CheckStream_RefusedStream_WasSentNoChunk()
    {
        var early = new List<bool>();
        await using var service = await ScriptedService.StartAsync(new()
        {
            CheckStream = async (requests, responses, context) =>
            {
                if (early.Count == 2)
                {
                    await Answering()(requests, responses, context);
                    return;
                }

                Assert.True(await requests.MoveNext(Test));
                var next = requests.MoveNext(Test);
                early.Add(await Task.WhenAny(next, Task.Delay(200, Test)) == next);
                throw new RpcException(new Status(StatusCode.ResourceExhausted, "Too many."));
            },
        });
        using var client = ClientOf(service);

        AssertAnswered(6, await CollectAsync(client.CheckStreamAsync(Open, Chunks(6), 4, Test)));
        Assert.Equal([false, false], early);
    }

    [Fact]
    public async Task CheckStream_ServiceThatDoesNotTellThatItTakesTheStream_IsSentTheChunksAllTheSame()
    {
        await using var service = await ScriptedService.StartAsync(new()
        {
            CheckStream = async (requests, responses, context) =>
            {
                Assert.True(await requests.MoveNext(Test));
                await foreach (var request in requests.ReadAllAsync(Test))
                {
                    await responses.WriteAsync(AnswerTo(request.Chunk), Test);
                }
            },
        });
        using var client = ClientOf(service);

        AssertAnswered(6, await CollectAsync(client.CheckStreamAsync(Open, Chunks(6), 4, Test)));
    }

    [Fact]
    public async Task CheckStream_ConnectionOfAListThatBreaks_IsNotThatOfChecks()
    {
        var peers = new ConcurrentBag<string>();
        await using var service = await ScriptedService.StartAsync(new()
        {
            CheckStream = Answering((_, _, context) =>
            {
                peers.Add(context.Peer);
                return Task.CompletedTask;
            }),
            Check = (_, context) =>
            {
                peers.Add(context.Peer);
                return Task.FromResult(new CheckResponse());
            },
        });
        using var client = ClientOf(service, o => o with { Channels = 1 });

        await client.CheckAsync("+31612345678", Open.Question, cancellationToken: Test);
        AssertAnswered(1, await CollectAsync(client.CheckStreamAsync(Open, Chunks(1), 4, Test)));
        Assert.Equal(2, peers.Distinct().Count());
    }

    [Fact]
    public async Task CheckStream_ServiceKilledAndStartedAgain_GoesOn()
    {
        // One that no outgoing connection takes meanwhile.
        var port = RedisServer.FreePort();
        var first = await ScriptedService.StartAsync(new() { CheckStream = Answering() }, port);
        using var client = ClientOf(first);
        ScriptedService? second = null;
        var answers = new List<CheckStreamResponse>();
        try
        {
            await foreach (var answer in client.CheckStreamAsync(Open, Chunks(30), 4, Test))
            {
                answers.Add(answer);
                if (answers.Count == 10)
                {
                    await first.DisposeAsync();
                    _ = Task.Run(async () => second = await ScriptedService.StartAsync(new() { CheckStream = Answering() }, port), Test);
                }
            }
        }
        finally
        {
            await (second?.DisposeAsync() ?? ValueTask.CompletedTask);
        }

        AssertAnswered(30, answers);
        Assert.NotNull(second);
    }

    [Fact]
    public async Task CheckStream_NoServiceAtAll_GivesUpAfterTheLimitWithGrowingPauses()
    {
        var clock = new ImpatientClock(Pauses);
        using var client = new LookupClient(new LookupClientOptions { Address = new Uri("http://127.0.0.1:1"), TimeProvider = clock });

        var exception = await Assert.ThrowsAsync<LookupException>(() => CollectAsync(client.CheckStreamAsync(Open, Chunks(3), 2, Test)));

        Assert.Equal(StatusCode.Unavailable, exception.Status);
        var pauses = clock.Waits.ToArray();
        Assert.InRange(pauses.Sum(p => p.TotalSeconds), 15, 30);
        Assert.InRange(pauses.Length, 7, 20);
        Assert.All(pauses, p => Assert.InRange(p, TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(5)));
        Assert.True(pauses[^1] > 8 * pauses[0]);
    }

    [Fact]
    public async Task CheckStream_RetryLimitZero_ABreakEndsIt()
    {
        var connections = 0;
        await using var service = await ScriptedService.StartAsync(new()
        {
            CheckStream = (_, _, _) =>
            {
                Interlocked.Increment(ref connections);
                throw new RpcException(new Status(StatusCode.Unavailable, "Not now."));
            },
        });
        using var client = ClientOf(service, o => o with { StreamRetryLimit = TimeSpan.Zero });

        var exception = await Assert.ThrowsAsync<LookupException>(() => CollectAsync(client.CheckStreamAsync(Open, Chunks(3), 2, Test)));

        Assert.Equal("Not now.", exception.Message);
        Assert.Equal(1, connections);
    }

    [Fact]
    public async Task CheckStream_OverloadedServiceThatNamesAPause_WaitsAtLeastThat()
    {
        var connections = 0;
        await using var service = await ScriptedService.StartAsync(new()
        {
            CheckStream = (requests, responses, context) => Interlocked.Increment(ref connections) > 2
                ? Answering()(requests, responses, context)
                : throw new Google.Rpc.Status
                {
                    Code = (int)Code.ResourceExhausted,
                    Message = "Too many lists.",
                    Details = { Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(TimeSpan.FromSeconds(7)) }) },
                }.ToRpcException(),
        });
        var clock = new ImpatientClock(Pauses);
        using var client = ClientOf(service, o => o with { TimeProvider = clock });

        AssertAnswered(3, await CollectAsync(client.CheckStreamAsync(Open, Chunks(3), 2, Test)));

        Assert.Equal([TimeSpan.FromSeconds(7), TimeSpan.FromSeconds(7)], clock.Waits);
    }

    [Fact]
    public async Task CheckStream_ServiceThatStopsEarly_IsAskedAgainAndThenGivenUp()
    {
        var connections = 0;
        await using var service = await ScriptedService.StartAsync(new()
        {
            CheckStream = async (requests, responses, context) =>
            {
                var last = Interlocked.Increment(ref connections) > 1;
                await requests.MoveNext(context.CancellationToken);
                for (var i = 0; i < (last ? 0 : 2); i++)
                {
                    await requests.MoveNext(context.CancellationToken);
                    await responses.WriteAsync(AnswerTo(requests.Current.Chunk));
                }
            },
        });
        using var client = ClientOf(service, o => o with { TimeProvider = new ImpatientClock(Pauses) });
        var answers = new List<CheckStreamResponse>();

        var exception = await Assert.ThrowsAsync<LookupException>(async () =>
        {
            await foreach (var answer in client.CheckStreamAsync(Open, Chunks(5), 4, Test))
            {
                answers.Add(answer);
            }
        });

        Assert.Equal(StatusCode.Unavailable, exception.Status);
        Assert.Contains("ended the stream", exception.Message, StringComparison.Ordinal);
        AssertAnswered(2, answers);
        Assert.InRange(connections, 5, int.MaxValue);
    }

    [Fact]
    public async Task CheckStream_SilentService_IsLeftAfterTheLimit()
    {
        var connections = 0;
        await using var service = await ScriptedService.StartAsync(new()
        {
            CheckStream = Answering((chunk, _, context) => chunk.Sequence == 3 && Interlocked.Increment(ref connections) < 3
                ? Task.Delay(Timeout.Infinite, context.CancellationToken)
                : Task.CompletedTask),
        });
        using var client = ClientOf(service, o => o with { StreamAnswerTimeout = TimeSpan.FromSeconds(2) });

        AssertAnswered(6, await CollectAsync(client.CheckStreamAsync(Open, Chunks(6), 2, Test)));
        Assert.Equal(3, connections);
    }

    [Fact]
    public async Task CheckStream_CallerSlowerThanTheAnswerLimit_KeepsItsConnection()
    {
        var connections = 0;
        await using var service = await ScriptedService.StartAsync(new()
        {
            CheckStream = (requests, responses, context) =>
            {
                Interlocked.Increment(ref connections);
                return Answering()(requests, responses, context);
            },
        });
        using var client = ClientOf(service, o => o with { StreamAnswerTimeout = TimeSpan.FromMilliseconds(1_500) });

        // Slow to give and slow to take: neither is the service's silence.
        var answers = new List<CheckStreamResponse>();
        await foreach (var answer in client.CheckStreamAsync(Open, Slow(), 2, Test))
        {
            answers.Add(answer);
            await Task.Delay(answers.Count == 2 ? 2_000 : 0, Test);
        }

        AssertAnswered(4, answers);
        Assert.Equal(1, connections);

        static async IAsyncEnumerable<CheckStreamChunk> Slow()
        {
            await foreach (var chunk in Chunks(4))
            {
                await Task.Delay(chunk.Sequence == 4 ? 2_500 : 0);
                yield return chunk;
            }
        }
    }

    public static TheoryData<string, Func<CheckStreamChunk, CheckStreamResponse>> Nonsense => new()
    {
        { "another sequence", chunk => AnswerTo(Chunk(chunk.Sequence + 1)) },
        { "an earlier sequence", chunk => AnswerTo(Chunk(chunk.Sequence - 1)) },
        { "a verdict missing", chunk => With(chunk, r => r.Verdicts.RemoveAt(0)) },
        { "a verdict too many", chunk => With(chunk, r => r.Verdicts.Add(Verdict.Allow)) },
        { "a reason missing", chunk => With(chunk, r => r.Reasons.RemoveAt(2)) },
        { "nothing at all", _ => new CheckStreamResponse() },
    };

    [Theory]
    [MemberData(nameof(Nonsense))]
    public async Task CheckStream_AnswerThatCannotBeMatched_EndsTheStreamBeforeIt(string what, Func<CheckStreamChunk, CheckStreamResponse> answer)
    {
        Assert.NotEmpty(what);
        await using var service = await ScriptedService.StartAsync(new()
        {
            CheckStream = async (requests, responses, context) =>
            {
                await requests.MoveNext(context.CancellationToken);
                await foreach (var request in requests.ReadAllAsync(context.CancellationToken))
                {
                    await responses.WriteAsync(request.Chunk.Sequence == 4 ? answer(request.Chunk) : AnswerTo(request.Chunk));
                }
            },
        });
        using var client = ClientOf(service);
        var answers = new List<CheckStreamResponse>();

        var exception = await Assert.ThrowsAsync<LookupException>(async () =>
        {
            await foreach (var got in client.CheckStreamAsync(Open, Chunks(8), 3, Test))
            {
                answers.Add(got);
            }
        });

        AssertAnswered(3, answers);
        Assert.Equal(StatusCode.Internal, exception.Status);
        Assert.False(exception.IsTransient);
    }

    [Fact]
    public async Task CheckStream_AnswerBeforeTheQuestion_EndsTheStream()
    {
        await using var service = await ScriptedService.StartAsync(new()
        {
            CheckStream = async (requests, responses, context) =>
            {
                await requests.MoveNext(context.CancellationToken);
                await requests.MoveNext(context.CancellationToken);
                await responses.WriteAsync(AnswerTo(Chunk(1)));
                await responses.WriteAsync(AnswerTo(Chunk(2)));
                await Task.Delay(Timeout.Infinite, context.CancellationToken);
            },
        });
        using var client = ClientOf(service);
        var second = new TaskCompletionSource();

        var exception = await Assert.ThrowsAsync<LookupException>(async () => AssertAnswered(1, await CollectAsync(
            client.CheckStreamAsync(Open, OneAndThenNone(), 3, Test))));

        Assert.Contains("before it was sent", exception.Message, StringComparison.Ordinal);

        async IAsyncEnumerable<CheckStreamChunk> OneAndThenNone([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct = default)
        {
            yield return Chunk(1);
            await second.Task.WaitAsync(ct);
            yield return Chunk(2);
        }
    }

    [Fact]
    public async Task CheckStream_ChunkThatIsRefused_GivesTheEarlierAnswersAndNamesTheField()
    {
        var connections = 0;
        await using var service = await ScriptedService.StartAsync(new()
        {
            CheckStream = (requests, responses, context) =>
            {
                Interlocked.Increment(ref connections);
                return Answering((chunk, _, _) => chunk.Sequence < 4 ? Task.CompletedTask : throw new Google.Rpc.Status
                {
                    Code = (int)Code.InvalidArgument,
                    Message = "chunk.numbers: too many.",
                    Details = { Any.Pack(new BadRequest { FieldViolations = { new BadRequest.Types.FieldViolation { Field = "chunk.numbers", Description = "too many" } } }) },
                }.ToRpcException())(requests, responses, context);
            },
        });
        using var client = ClientOf(service);
        var answers = new List<CheckStreamResponse>();

        var exception = await Assert.ThrowsAsync<LookupException>(async () =>
        {
            await foreach (var answer in client.CheckStreamAsync(Open, Chunks(8), 3, Test))
            {
                answers.Add(answer);
            }
        });

        AssertAnswered(3, answers);
        Assert.Equal(StatusCode.InvalidArgument, exception.Status);
        Assert.Equal("chunk.numbers", Assert.Single(exception.Fields).Field);
        Assert.Equal(1, connections);
    }

    [Fact]
    public async Task CheckStream_BreakWhileNothingIsOwed_IsNoFailure()
    {
        var connections = 0;
        var broken = new TaskCompletionSource();
        await using var service = await ScriptedService.StartAsync(new()
        {
            CheckStream = async (requests, responses, context) =>
            {
                if (Interlocked.Increment(ref connections) > 1)
                {
                    await Answering()(requests, responses, context);
                    return;
                }

                await requests.MoveNext(context.CancellationToken);
                await requests.MoveNext(context.CancellationToken);
                await responses.WriteAsync(AnswerTo(requests.Current.Chunk));
                broken.SetResult();
                throw new RpcException(new Status(StatusCode.Unavailable, "Bye."));
            },
        });
        using var client = ClientOf(service, o => o with { StreamRetryLimit = TimeSpan.Zero });

        AssertAnswered(2, await CollectAsync(client.CheckStreamAsync(Open, Pausing(), 3, Test)));
        Assert.Equal(2, connections);

        async IAsyncEnumerable<CheckStreamChunk> Pausing()
        {
            yield return Chunk(1);
            await broken.Task;
            await Task.Delay(300);
            yield return Chunk(2);
        }
    }

    private static CheckStreamResponse With(CheckStreamChunk chunk, Action<CheckStreamResponse> change)
    {
        var answer = AnswerTo(chunk);
        change(answer);
        return answer;
    }
}
