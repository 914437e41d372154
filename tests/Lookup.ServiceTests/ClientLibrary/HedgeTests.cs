using System.Collections.Concurrent;
using Grpc.Core;
using Lookup.Client;
using Lookup.V1;
using static Lookup.ServiceTests.ClientLibrary.CheckScripts;

namespace Lookup.ServiceTests.ClientLibrary;

/// <summary>Reads that are asked twice; the answer is never laxer for it.</summary>
public sealed class HedgeTests
{
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(50);

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Check_FirstAttemptHangs_TheSecondOnAnotherConnectionAnswers()
    {
        var peers = new ConcurrentQueue<string>();
        var cancelled = new TaskCompletionSource();
        await using var service = await ScriptedService.StartAsync(new()
        {
            Check = async (_, context) =>
            {
                peers.Enqueue(context.Peer);
                if (peers.Count == 1)
                {
                    context.CancellationToken.Register(cancelled.SetResult);
                    await Task.Delay(Timeout.Infinite, context.CancellationToken);
                }

                return Response(Decision());
            },
        });
        using var client = StreamScripts.ClientOf(service, o => o with { HedgeAfter = Delay });

        var result = await client.CheckAsync(Number, Asked, cancellationToken: Test);

        Assert.Equal(Verdict.Allow, result.Verdict);
        Assert.Equal(2, peers.Distinct().Count());
        await cancelled.Task.WaitAsync(Test);
    }

    [Fact]
    public async Task Check_BothAttemptsHang_EndsAtOneDeadline()
    {
        var asked = 0;
        await using var service = await ScriptedService.StartAsync(new()
        {
            Check = async (_, context) =>
            {
                Interlocked.Increment(ref asked);
                await Task.Delay(Timeout.Infinite, context.CancellationToken);
                return new CheckResponse();
            },
        });
        using var client = StreamScripts.ClientOf(service, o => o with { HedgeAfter = Delay, Timeout = TimeSpan.FromSeconds(3) });

        var result = await client.CheckAsync(Number, Asked, cancellationToken: Test);

        Assert.Equal(CheckState.TimedOut, result.State);
        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task Check_HedgingOff_AsksOnce()
    {
        var asked = 0;
        await using var service = await ScriptedService.StartAsync(new()
        {
            Check = async (_, context) =>
            {
                Interlocked.Increment(ref asked);
                await Task.Delay(300, context.CancellationToken);
                return Response(Decision());
            },
        });
        using var client = StreamScripts.ClientOf(service);

        await client.CheckAsync(Number, Asked, cancellationToken: Test);

        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task Run_FirstAnswersInTime_IsNotAskedTwice()
    {
        var attempts = 0;

        Assert.Equal("a", await RunAsync(_ =>
        {
            attempts++;
            return Task.FromResult("a");
        }));
        Assert.Equal(1, attempts);
    }

    [Fact]
    public async Task Run_FirstFailsInTime_IsNotAskedTwice()
    {
        var attempts = 0;

        await Assert.ThrowsAsync<LookupException>(() => RunAsync(_ =>
        {
            attempts++;
            return Task.FromException<string>(Failure());
        }));
        Assert.Equal(1, attempts);
    }

    [Theory]
    [InlineData("allow", "deny")]
    [InlineData("deny", "allow")]
    public async Task Run_BothHaveAnswered_TheStricterCounts(string first, string second)
    {
        var one = new TaskCompletionSource<string>();
        var attempts = 0;

        // The second attempt answers as it starts, and by then the first has too.
        Assert.Equal("deny", await RunAsync(_ =>
        {
            if (++attempts == 1)
            {
                return one.Task;
            }

            one.SetResult(first);
            return Task.FromResult(second);
        }));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Run_OneFailsLate_TheOtherCounts(bool firstFails)
    {
        var one = new TaskCompletionSource<string>();
        var two = new TaskCompletionSource<string>();
        var attempts = 0;
        var run = RunAsync(_ => ++attempts == 1 ? one.Task : two.Task);
        await WaitForAsync(() => attempts == 2);

        (firstFails ? one : two).SetException(Failure());
        await Task.Delay(20, Test);
        Assert.False(run.IsCompleted);
        (firstFails ? two : one).SetResult("allow");

        Assert.Equal("allow", await run);
    }

    [Fact]
    public async Task Run_BothFail_ThrowsTheFirst()
    {
        var one = new TaskCompletionSource<string>();
        var attempts = 0;
        var failure = Failure();
        var run = RunAsync(_ => ++attempts == 1 ? one.Task : Task.FromException<string>(Failure()));
        await WaitForAsync(() => attempts == 2);
        one.SetException(failure);

        Assert.Same(failure, await Assert.ThrowsAsync<LookupException>(() => run));
    }

    [Fact]
    public async Task Run_CancelledByTheCaller_Throws()
    {
        using var stop = new CancellationTokenSource();
        var run = Hedge.RunAsync<string>(
            async token =>
            {
                await Task.Delay(Timeout.Infinite, token);
                return "";
            },
            Delay, Stricter, TimeProvider.System, stop.Token);

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
    }

    [Fact]
    public void Stricter_EveryPair_IsTheOneThatPermitsLess()
    {
        Verdict[] ascending = [Verdict.Allow, Verdict.Unknown, Verdict.NotCovered, Verdict.Deny];
        for (var a = 0; a < 4; a++)
        {
            for (var b = 0; b < 4; b++)
            {
                var stricter = Strictness.Stricter(Response(Decision(ascending[a])), Response(Decision(ascending[b])));
                Assert.Equal(ascending[Math.Max(a, b)], stricter.Decision.Verdict);
            }
        }

        Assert.Equal((Verdict)99, Strictness.Stricter(Response(Decision()), Response(Decision((Verdict)99))).Decision.Verdict);
        Assert.Null(Strictness.Stricter(Response(Decision()), new CheckResponse()).Decision);
    }

    [Fact]
    public async Task RecordFacts_SlowService_IsNeverSentTwice()
    {
        // The scripted service refuses it, after longer than the hedge's delay.
        var asked = 0;
        await using var service = await ScriptedService.StartAsync(new()
        {
            Record = async (_, context) =>
            {
                Interlocked.Increment(ref asked);
                await Task.Delay(300, context.CancellationToken);
                return new RecordFactsResponse();
            },
        });
        using var client = StreamScripts.ClientOf(service, o => o with { HedgeAfter = Delay });

        await client.RecordFactsAsync(new RecordFactsRequest(), Test);

        Assert.Equal(1, asked);
    }

    private static Task<string> RunAsync(Func<CancellationToken, Task<string>> attempt) =>
        Hedge.RunAsync(attempt, Delay, Stricter, TimeProvider.System, Test);

    private static string Stricter(string a, string b) => a == "deny" ? a : b;

    private static LookupException Failure() => LookupException.Because(StatusCode.Unavailable, "As scripted.");

    private static async Task WaitForAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(5, Test);
        }
    }
}
