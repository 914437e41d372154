using Grpc.Core;
using Lookup.Client;
using Lookup.V1;
using static Lookup.ServiceTests.ClientLibrary.CheckScripts;
using static Lookup.ServiceTests.ClientLibrary.SharedScript;

namespace Lookup.ServiceTests.ClientLibrary;

/// <summary>Shared calls that break, hang, are rejected or answered with nonsense: no check is permitted by it, and none is lost.</summary>
public sealed class SharedCheckTroubleTests
{
    private const ulong First = 31_650_000_000;
    private const int CancelCode = 8;
    private const int InternalErrorCode = 2;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("drop")]
    [InlineData("cancel")]
    [InlineData("internal")]
    public async Task Connection_BreaksUnderAChunk_FailsItsChecksAndNoOther(string how)
    {
        var script = new SharedScript();
        await using var service = await script.StartAsync();
        using var client = ClientOf(service);
        await script.ShareAsync(client, Test);
        var breaks = new TaskCompletionSource();
        script.OnChunk = async (chunk, context) =>
        {
            await breaks.Task;
            script.OnChunk = null;
            switch (how)
            {
                case "drop":
                    StreamScripts.Drop(context);
                    break;
                default:
                    StreamScripts.Reset(context, how == "cancel" ? CancelCode : InternalErrorCode);
                    break;
            }

            return AnswerTo(chunk);
        };
        var checks = await script.StartAsync(client, First, 16, Test);
        var broken = script.Shared.Where(n => n >= First && n < First + 16).ToHashSet();

        breaks.SetResult();

        foreach (var (number, check) in checks)
        {
            var result = await check;
            if (broken.Contains(number))
            {
                Assert.False(result.MayCall);
                Assert.True(result.State is CheckState.Broken or CheckState.Unavailable, result.ToString());
            }
            else
            {
                // Those that gathered were never sent on the connection.
                Assert.Equal((CheckState.Answered, VerdictOf(number)), (result.State, result.Verdict));
            }
        }

        await script.ShareAsync(client, Test);
        Assert.True(script.Opens.Count > 1);
    }

    [Theory]
    [InlineData(StatusCode.Unavailable)]
    [InlineData(StatusCode.ResourceExhausted)]
    [InlineData(StatusCode.Unauthenticated)]
    [InlineData(StatusCode.InvalidArgument)]
    [InlineData(StatusCode.FailedPrecondition)]
    public async Task Service_EndsTheStream_ChecksAreSentAlone(StatusCode status)
    {
        var script = new SharedScript();
        await using var service = await script.StartAsync();
        using var client = ClientOf(service);
        await script.ShareAsync(client, Test);
        script.OnChunk = (_, _) => throw new RpcException(new Status(status, "As scripted."));

        var checks = await script.StartAsync(client, First, 16, Test);

        foreach (var (number, check) in checks)
        {
            Assert.Equal((CheckState.Answered, VerdictOf(number)), ((await check).State, (await check).Verdict));
        }

        // The stream is not tried again at once.
        Assert.All(script.Shared.Where(n => n >= First && n < First + 16), n => Assert.Contains(script.Alone, request => request.Number == Text(n)));
    }

    [Fact]
    public async Task Service_WithoutDecisions_AnswersEachAlone()
    {
        var script = new SharedScript { OnChunk = (chunk, _) => Task.FromResult(StreamScripts.AnswerTo(chunk)) };
        await using var service = await script.StartAsync();
        using var client = ClientOf(service);
        await script.ShareAsync(client, Test);
        var shared = script.Shared.Count;

        for (var round = 0; round < 5; round++)
        {
            var results = await Task.WhenAll(Enumerable.Range(0, 32).Select(i => client.CheckAsync(Text(First + (ulong)i), Asked, cancellationToken: Test)));
            Assert.All(results.Index(), r => Assert.Equal((VerdictOf(First + (ulong)r.Index), "As scripted."), (r.Item.Verdict, r.Item.Message)));
        }

        Assert.Equal(shared, script.Shared.Count);
        Assert.Single(script.Opens);
    }

    [Fact]
    public async Task Service_RejectsStreams_CostsNoCheck()
    {
        var alone = 0;
        var streams = 0;
        await using var service = await ScriptedService.StartAsync(new()
        {
            Check = (request, _) =>
            {
                Interlocked.Increment(ref alone);
                return Task.FromResult(Response(Decision(), request.Number));
            },
            CheckStream = (_, _, _) =>
            {
                Interlocked.Increment(ref streams);
                throw new RpcException(new Status(StatusCode.PermissionDenied, "As scripted."));
            },
        });
        using var client = ClientOf(service);

        do
        {
            var results = await Task.WhenAll(Enumerable.Range(0, 32).Select(i => client.CheckAsync(Text(First + (ulong)i), Asked, cancellationToken: Test)));
            Assert.All(results, result => Assert.Equal(CheckState.Answered, result.State));
        }
        while (Volatile.Read(ref streams) == 0);

        Assert.True(alone >= 32);
    }

    [Fact]
    public async Task Service_Hangs_EachCheckEndsAtItsDeadline()
    {
        var script = new SharedScript();
        await using var service = await script.StartAsync();
        using var client = ClientOf(service, o => o with { Timeout = TimeSpan.FromSeconds(2) });
        await script.ShareAsync(client, Test);
        var ended = new TaskCompletionSource();
        script.OnChunk = async (chunk, context) =>
        {
            context.CancellationToken.Register(() => ended.TrySetResult());
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
            return AnswerTo(chunk);
        };
        var begin = Environment.TickCount64;
        var checks = await script.StartAsync(client, First, 16, Test);
        var hung = script.Shared.Where(n => n >= First && n < First + 16).ToHashSet();

        foreach (var (_, check) in checks.Where(c => hung.Contains(c.Number)))
        {
            var result = await check;
            Assert.Equal((CheckState.TimedOut, false), (result.State, result.MayCall));
            Assert.True(Environment.TickCount64 - begin >= 1_900);
        }

        // The stream is given up: the next checks do not wait for it.
        await ended.Task.WaitAsync(Test);
        script.OnChunk = null;
        var next = await client.CheckAsync(Text(First), Asked, cancellationToken: Test);
        Assert.Equal(VerdictOf(First), next.Verdict);
    }

    [Theory]
    [InlineData("sequence")]
    [InlineData("verdicts")]
    [InlineData("reasons")]
    [InlineData("indexes")]
    [InlineData("index")]
    [InlineData("verdict")]
    [InlineData("reason")]
    [InlineData("empty")]
    public async Task Answer_ThatDoesNotMatchItsChunk_PermitsNothing(string what)
    {
        var script = new SharedScript();
        await using var service = await script.StartAsync();
        using var client = ClientOf(service);
        await script.ShareAsync(client, Test);
        script.OnChunk = (chunk, _) =>
        {
            var answer = AnswerTo(chunk);
            switch (what)
            {
                case "sequence":
                    answer.Sequence++;
                    break;
                case "verdicts":
                    answer.Verdicts.Add(Verdict.Allow);
                    break;
                case "reasons":
                    answer.Reasons.RemoveAt(0);
                    break;
                case "indexes":
                    answer.DecisionIndexes.RemoveAt(0);
                    break;
                case "index":
                    answer.DecisionIndexes[0] = 2;
                    break;
                case "verdict":
                    answer.Verdicts[0] = VerdictOf(chunk.Numbers[0]) == Verdict.Allow ? Verdict.Deny : Verdict.Allow;
                    break;
                case "reason":
                    answer.Reasons[0] = ReasonCode.Registered;
                    break;
                default:
                    answer.Decisions[0].Reasons.Clear();
                    answer.Decisions[1].Reasons.Clear();
                    break;
            }

            return Task.FromResult(answer);
        };
        var checks = await script.StartAsync(client, First, 8, Test);

        // The first chunk; what gathered behind it goes alone.
        var first = script.Shared.First(n => n >= First && n < First + 8);
        var result = await checks.Single(c => c.Number == first).Check;

        Assert.Equal((CheckState.Broken, false, Verdict.Unknown), (result.State, result.MayCall, result.Verdict));
    }

    [Theory]
    [InlineData(ReasonCode.InvalidNumber)]
    [InlineData(ReasonCode.StoreUnavailable)]
    public async Task Item_ThatCheckAnswersWithAnError_IsSentAlone(ReasonCode reason)
    {
        var script = new SharedScript();
        await using var service = await script.StartAsync();
        using var client = ClientOf(service);
        await script.ShareAsync(client, Test);
        script.OnChunk = (chunk, _) =>
        {
            var answer = AnswerTo(chunk);
            answer.Decisions.Add(new Decision { Verdict = Verdict.Unknown, Reasons = { new Reason { Code = reason } } });
            (answer.Verdicts[0], answer.Reasons[0], answer.DecisionIndexes[0]) = (Verdict.Unknown, reason, 2);
            return Task.FromResult(answer);
        };

        var checks = await script.StartAsync(client, First, 16, Test);

        foreach (var (number, check) in checks)
        {
            Assert.Equal((CheckState.Answered, VerdictOf(number)), ((await check).State, (await check).Verdict));
        }

        var first = script.Shared.First(n => n >= First && n < First + 16);
        Assert.Contains(script.Alone, request => request.Number == Text(first));
    }
}
