using System.Net;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Grpc.Net.Client;
using Lookup.Server;
using Lookup.Server.Fake;
using Lookup.Server.Hosting;
using Lookup.ServiceTests.Access;
using Lookup.V1;
using Microsoft.Extensions.Logging;

namespace Lookup.ServiceTests.Server;

/// <summary>An exception that no code expects is answered, logged and counted, whichever part of the service throws it.</summary>
public sealed class UnhandledErrorTests
{
    private const string Planted = "planted for +31612345678";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Check_FastPathThrows_IsInternalWithAnId()
    {
        var clock = new SteppingClock();
        await using var server = await StartAsync(clock);
        clock.OnWall = ThrowIn("SingleChecks");
        AssertInternal(server, await Assert.ThrowsAsync<RpcException>(() => server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber()), cancellationToken: Ct).ResponseAsync));
        clock.OnWall = () => { };
        await AssertCountedAsync(server, 1);
    }

    [Fact]
    public async Task Stream_WorkThrows_IsInternalWithAnId()
    {
        var clock = new SteppingClock();
        await using var server = await StartAsync(clock);
        await using var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question() });
        Assert.Single((await stream.AskAsync(1, 31612345678)).Verdicts);
        clock.OnWall = ThrowIn("CheckStreamSession");
        await stream.SendAsync(2, 31612345678);
        AssertInternal(server, await stream.RefusedAsync());
        clock.OnWall = () => { };
        await AssertCountedAsync(server, 1);
    }

    [Fact]
    public async Task Json_HandlerThrows_IsHttp500WithAnId()
    {
        var clock = new SteppingClock();
        await using var server = await StartAsync(clock);
        clock.OnWall = ThrowIn("SingleChecks");
        await AssertInternalAsync(server.Log, await PostAsync(server.Http));
        clock.OnWall = () => { };
        await AssertCountedAsync(server, 1);
    }

    [Fact]
    public async Task Page_Throws_IsHttp500WithAnId()
    {
        var clock = new SteppingClock();
        await using var server = await StartAsync(clock, o => o.Credentials = true);
        clock.OnWall = ThrowIn("AccessGate");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.Authorization = new("Bearer", "lk_nobody");
        await AssertInternalAsync(server.Log, await server.Http.SendAsync(request, Ct));
        Assert.Equal(1, server.Host.ErrorCount);
    }

    [Fact]
    public async Task Call_GateThrows_IsInternalWithAnId()
    {
        var clock = new SteppingClock();
        await using var server = await StartAsync(clock, o => o.Credentials = true);
        clock.OnWall = ThrowIn("AccessGate");
        var lookup = new LookupService.LookupServiceClient(GuardedServer.As(server.Invoker, "lk_nobody"));
        AssertInternal(server, await Assert.ThrowsAsync<RpcException>(() => lookup.CheckAsync(Samples.Check(Samples.NewNumber()), cancellationToken: Ct).ResponseAsync));
        Assert.Equal(1, server.Host.ErrorCount);
    }

    [Fact]
    public async Task Json_AnswerCannotBeWritten_IsHttp500WithAnIdAndNothingOfTheAnswer()
    {
        using var log = new LogLines();
        await using var host = LookupHost.BuildFake(
            new LookupServerOptions { GrpcPort = 0, JsonPort = 0 }, new Unwritable(), logging => logging.AddProvider(log));
        await host.StartAsync(Ct);
        using var http = new HttpClient { BaseAddress = host.JsonAddress };
        await AssertInternalAsync(log, await PostAsync(http), "Non-normalized duration");
        Assert.Equal(1, host.ErrorCount);
        // gRPC can write it: what is in it is for the caller to judge.
        using var channel = GrpcChannel.ForAddress(host.GrpcAddress);
        await new LookupService.LookupServiceClient(channel).CheckAsync(Samples.Check("+31612345678"), cancellationToken: Ct);
        Assert.Equal(1, host.ErrorCount);
    }

    [Theory]
    [InlineData("Explain", MethodType.Unary, 0)]
    [InlineData("CheckStream", MethodType.DuplexStreaming, 0)]
    [InlineData("CheckStream", MethodType.DuplexStreaming, 1)]
    public async Task Call_NoMessageOfItsMethod_IsInvalidAndNoFaultOfTheService(string name, MethodType type, int before)
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        var bytes = Marshallers.Create<byte[]>(one => one, one => one);
        var method = new Method<byte[], byte[]>(type, LookupService.Descriptor.FullName, name, bytes, bytes);
        byte[] broken = [0x0a, 0xff, 0xff, 0xff, 0x7f];
        RpcException error;
        if (type == MethodType.Unary)
        {
            error = await Assert.ThrowsAsync<RpcException>(
                () => server.Invoker.AsyncUnaryCall(method, null, new CallOptions(cancellationToken: Ct), broken).ResponseAsync);
        }
        else
        {
            using var call = server.Invoker.AsyncDuplexStreamingCall(method, null, new CallOptions(cancellationToken: Ct));
            for (var i = 0; i < before; i++)
            {
                await call.RequestStream.WriteAsync(new CheckStreamRequest { Open = new CheckStreamOpen { Question = Samples.Question() } }.ToByteArray(), Ct);
            }

            await call.RequestStream.WriteAsync(broken, Ct);
            error = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Ct));
        }

        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Equal("(message)", error.GetRpcStatus()!.GetDetail<BadRequest>().FieldViolations.Single().Field);
        Assert.DoesNotContain("Error", server.Log.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Call_CallerGone_IsNoFaultOfTheService()
    {
        var store = new TroubledStore(await LookupServer.EmbeddedAsync());
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await LookupServer.StartAsync(store);
        var request = Samples.Check(Samples.NewNumber());
        request.Consistency = new Consistency { Exact = true };
        foreach (var json in new[] { false, true })
        {
            using var caller = new CancellationTokenSource();
            entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            store.Trouble = async ct =>
            {
                entered.TrySetResult();
                try
                {
                    await Task.Delay(Timeout.Infinite, ct);
                }
                finally
                {
                    left.TrySetResult();
                }
            };
            var call = json
                ? PostAsync(server.Http, JsonFormatter.Default.Format(request), caller.Token)
                : (Task)server.Lookup.CheckAsync(request, cancellationToken: caller.Token).ResponseAsync;
            await entered.Task.WaitAsync(Ct);
            await caller.CancelAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => call);
            await left.Task.WaitAsync(Ct);
        }

        store.Trouble = _ => Task.CompletedTask;
        await AssertCountedAsync(server, 0);
        server.ExpectsErrors = false;
    }

    // The clock is read all over the service; it fails in one place, once.
    private static Action ThrowIn(string type)
    {
        var thrown = 0;
        return () =>
        {
            if (Environment.StackTrace.Contains($".{type}.", StringComparison.Ordinal) && Interlocked.Exchange(ref thrown, 1) == 0)
            {
                throw new InvalidOperationException(Planted);
            }
        };
    }

    private static async Task<LookupServer> StartAsync(SteppingClock clock, Action<LookupServerOptions>? configure = null)
    {
        var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), configure, clock: clock);
        server.ExpectsErrors = true;
        return server;
    }

    private static Task<HttpResponseMessage> PostAsync(HttpClient http, string? json = null, CancellationToken? ct = null)
    {
        json ??= JsonFormatter.Default.Format(Samples.Check(Samples.NewNumber()));
        return http.PostAsync(Requests.Check, new StringContent(json, Encoding.UTF8, "application/json"), ct ?? Ct);
    }

    private static void AssertInternal(LookupServer server, RpcException error)
    {
        Assert.Equal(StatusCode.Internal, error.StatusCode);
        AssertLogged(server.Log, error.GetRpcStatus()!.GetDetail<RequestInfo>().RequestId, "planted for +31*****");
        Leaks.AssertNone(error.GetRpcStatus()!.ToString());
    }

    private static async Task AssertInternalAsync(LogLines log, HttpResponseMessage response, string cause = "planted for +31*****")
    {
        using (response)
        {
            var body = await response.Content.ReadAsStringAsync(Ct);
            Assert.True(response.StatusCode == HttpStatusCode.InternalServerError, $"{response.StatusCode}: {body}");
            using var document = System.Text.Json.JsonDocument.Parse(body);
            Assert.Equal((int)Code.Internal, document.RootElement.GetProperty("code").GetInt32());
            AssertLogged(log, document.RootElement.GetProperty("details")[0].GetProperty("requestId").GetString()!, cause);
            Leaks.AssertNone(body);
        }
    }

    private static void AssertLogged(LogLines log, string id, string cause)
    {
        Assert.Matches("^[0-9a-f]{16}$", id);
        var line = Assert.Single(log.All.Split('\n'), line => line.Contains($"Internal error {id} in ", StringComparison.Ordinal));
        Assert.Contains(cause, line, StringComparison.Ordinal);
        Assert.DoesNotContain("612345678", log.All, StringComparison.Ordinal);
    }

    private static async Task AssertCountedAsync(LookupServer server, long expected)
    {
        Assert.Equal(expected, server.Host.ErrorCount);
        Assert.Equal(expected, (await Scrape.OfAsync(server)).Value("lookup_unhandled_errors_total"));
    }

    /// <summary>Answers with an age that JSON has no form for.</summary>
    private sealed class Unwritable : IFakeAnswers
    {
        public Task<CheckResponse> CheckAsync(CheckRequest request, CancellationToken cancellation) => Task.FromResult(new CheckResponse
        {
            Number = request.Number,
            Decision = new Decision { Verdict = Verdict.Allow, Age = new Duration { Seconds = 1, Nanos = -1 } },
        });

        public Task<RecordFactsResponse> RecordAsync(RecordFactsRequest request, CancellationToken cancellation) => throw new NotSupportedException();

        public IAsyncEnumerable<WatchResponse> WatchAsync(WatchRequest request, CancellationToken cancellation) => throw new NotSupportedException();

        public Task<ListFactsResponse> ListAsync(ListFactsRequest request, CancellationToken cancellation) => throw new NotSupportedException();
    }
}
