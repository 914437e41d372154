using Google.Rpc;
using Grpc.Core;
using Lookup.Redis;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>Lists while the store fails, the service is full or stops, and readers sleep.</summary>
public sealed class CheckStreamTroubleTests
{
    private static readonly CheckStreamOpen Open = new() { Question = Samples.Question() };

    [Fact]
    public async Task Store_Away_AnswersUnknownAndComesBackOnTheSameStream()
    {
        var troubled = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using var server = await LookupServer.StartAsync(troubled);
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        await using var stream = await StreamCall.OpenAsync(server, Open);
        Assert.Equal(Verdict.Allow, (await stream.AskAsync(1, ulong.Parse(number[1..]))).Verdicts[0]);

        troubled.Trouble = _ => throw new StoreUnavailableException(StoreFault.Unreachable, "The store cannot be reached.");
        var away = await stream.AskAsync(2, ulong.Parse(number[1..]), 7);
        Assert.Equal([Verdict.Unknown, Verdict.Unknown], away.Verdicts);
        Assert.Equal([ReasonCode.StoreUnavailable, ReasonCode.InvalidNumber], away.Reasons);
        Assert.NotNull(away.Common.RetryAfter);
        Assert.Null(away.Common.ReusableUntil);
        Assert.Null(away.Common.ReusableFor);

        troubled.Trouble = _ => Task.CompletedTask;
        var back = await stream.AskAsync(3, ulong.Parse(number[1..]));
        for (var i = 4UL; back.Verdicts[0] != Verdict.Allow; i++)
        {
            Assert.Equal(Verdict.Unknown, back.Verdicts[0]);
            Assert.True(i < 500, "The store is back, but its facts are not.");
            await Task.Delay(20);
            back = await stream.AskAsync(i, ulong.Parse(number[1..]));
        }
    }

    [Fact]
    public async Task Store_Hanging_AnswersUnknownWithinTheLimit()
    {
        var troubled = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using var server = await LookupServer.StartAsync(troubled, o => o.StoreBatchLimitMs = 100);
        await using var stream = await StreamCall.OpenAsync(
            server, new CheckStreamOpen { Question = Samples.Question(), Consistency = new Consistency { Exact = true } });
        troubled.Trouble = ct => Task.Delay(Timeout.Infinite, ct);
        var answer = await stream.AskAsync(1, 31612345678);
        Assert.Equal((Verdict.Unknown, ReasonCode.StoreUnavailable), (answer.Verdicts[0], answer.Reasons[0]));
    }

    [Fact]
    public async Task Store_Behind_AnswersNotFresh()
    {
        var troubled = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using var server = await LookupServer.StartAsync(troubled);
        var number = Samples.NewNumber();
        var written = await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        troubled.Behind = 1;
        await using var stream = await StreamCall.OpenAsync(
            server, new CheckStreamOpen { Question = Samples.Question(), Consistency = new Consistency { AtLeastAsFresh = written.ConsistencyToken } });
        var answer = await stream.AskAsync(1, ulong.Parse(number[1..]));
        Assert.Equal((Verdict.Unknown, ReasonCode.NotFresh), (answer.Verdicts[0], answer.Reasons[0]));
    }

    [Fact]
    public async Task Stream_Taken_IsToldBeforeItsFirstChunk()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), o => o.MaxCheckStreams = 1);
        using var call = server.Lookup.CheckStream();
        await call.RequestStream.WriteAsync(new CheckStreamRequest { Open = Open }, TestContext.Current.CancellationToken);
        Assert.Equal("true", (await call.ResponseHeadersAsync).GetValue("lookup-taken"));

        using var second = server.Lookup.CheckStream();
        await second.RequestStream.WriteAsync(new CheckStreamRequest { Open = Open }, TestContext.Current.CancellationToken);
        Assert.Null((await second.ResponseHeadersAsync).GetValue("lookup-taken"));
        Assert.Equal(
            StatusCode.ResourceExhausted,
            (await Assert.ThrowsAsync<RpcException>(() => second.ResponseStream.MoveNext(TestContext.Current.CancellationToken))).StatusCode);
    }

    [Fact]
    public async Task Streams_MoreThanMayBe_AreShedWithAdviceAndChecksGoOn()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), o => o.MaxCheckStreams = 2);
        await using var first = await StreamCall.OpenAsync(server, Open);
        await first.AskAsync(1, 31612345678);
        await using (var second = await StreamCall.OpenAsync(server, Open))
        {
            await second.AskAsync(1, 31612345678);
            await using var third = StreamCall.Start(server);
            var error = await third.RefusedAsync();
            Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
            Assert.True(error.GetRpcStatus()!.GetDetail<RetryInfo>()!.RetryDelay.ToTimeSpan() > TimeSpan.Zero);
            Assert.Equal(Verdict.Deny, (await server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber()))).Decision.Verdict);
            await second.CompleteAsync();
            Assert.Null(await second.ReadAsync());
        }

        await using var fourth = await StreamCall.OpenAsync(server, Open);
        Assert.Equal(1u, (await fourth.AskAsync(1, 31612345678)).Sequence);
    }

    [Fact]
    public async Task Chunk_NoPlaceInTime_IsShedWithAdvice()
    {
        var troubled = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using var server = await LookupServer.StartAsync(troubled, o =>
        {
            o.BatchWorkers = 1;
            o.BatchWaitLimitMs = 50;
        });
        using var held = await server.Host.HoldBatchPlaceAsync();
        await using var stream = await StreamCall.OpenAsync(server, Open);
        await stream.SendAsync(1, 31612345678);
        var error = await stream.RefusedAsync();
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
        Assert.NotNull(error.GetRpcStatus()!.GetDetail<RetryInfo>());
    }

    [Fact]
    public async Task Service_Stopping_AnswersWhatItTookAndSaysGoOnElsewhere()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        await using var stream = await StreamCall.OpenAsync(server, Open);
        await stream.AskAsync(1, 31612345678);
        await stream.SendAsync(2, 31612345678);
        Assert.Equal(2u, (await stream.ReadAsync())!.Sequence);
        var stopping = server.Host.StopAsync();
        var error = await stream.RefusedAsync();
        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
        Assert.NotNull(error.GetRpcStatus()?.GetDetail<RetryInfo>());
        await stopping;
    }

    [Fact]
    public async Task Reader_Sleeping_HoldsTheSenderBack()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        await using var stream = await StreamCall.OpenAsync(server, Open);
        var numbers = Enumerable.Range(0, 8_192).Select(n => 31_650_000_000 + (ulong)n).ToArray();
        var sent = 0;
        using var stop = new CancellationTokenSource();
        var sending = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await stream.SendAsync((ulong)Interlocked.Increment(ref sent), numbers);
            }
        });

        // Without back pressure the sender would go on for ever; with it, it comes to a stand.
        var before = -1;
        while (before != Volatile.Read(ref sent))
        {
            before = Volatile.Read(ref sent);
            await Task.Delay(1_000);
        }

        await stop.CancelAsync();
        for (var i = 1UL; !sending.IsCompleted; i++)
        {
            Assert.Equal(i, (await stream.ReadAsync())!.Sequence);
        }

        await sending;
    }

    [Fact]
    public async Task Caller_GoneInMidList_FreesItsPlace()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), o => o.MaxCheckStreams = 1);
        for (var i = 0; i < 5; i++)
        {
            var error = await AskAndLeaveAsync(server);
            while (error is RpcException { StatusCode: StatusCode.ResourceExhausted or StatusCode.Cancelled })
            {
                // That the one before has gone is noticed a little later. A message that was on its way when the stream was refused
                // is cancelled.
                await Task.Delay(20);
                error = await AskAndLeaveAsync(server);
            }

            Assert.Null(error);
        }
    }

    private static async Task<Exception?> AskAndLeaveAsync(LookupServer server) => await Record.ExceptionAsync(async () =>
    {
        await using var stream = await StreamCall.OpenAsync(server, Open);
        await stream.AskAsync(1, 31612345678);
    });
}
