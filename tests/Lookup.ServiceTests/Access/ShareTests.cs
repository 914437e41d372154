using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Lookup.Core.Access;
using Lookup.Core.Regimes;
using Lookup.Server;
using Lookup.Server.Access;
using Lookup.Server.Http;
using Lookup.Server.Lists;
using Lookup.Server.Telemetry;
using Lookup.V1;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace Lookup.ServiceTests.Access;

/// <summary>What one party may take of what all need: connections, streams, memory and the slots of the batch limiter.</summary>
public sealed class ShareTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Connections_ThatShowNothing_TakeNoPlaceOfThoseThatShowACredential()
    {
        await using var guarded = await GuardedServer.StartAsync(configure: options => options.MaxConnections = 16);
        var key = await guarded.KeyAsync("dialer", Roles.Check, GuardedServer.Own);
        var known = new LookupService.LookupServiceClient(guarded.As(key));
        await known.CheckAsync(Samples.Check(Samples.NewNumber()), cancellationToken: Token);
        var before = guarded.Server.Host.Strangers;

        var idle = new List<TcpClient>();
        try
        {
            for (var i = 0; i < 40; i++)
            {
                var one = new TcpClient();
                idle.Add(one);
                await one.ConnectAsync(IPAddress.Loopback, guarded.Server.Host.GrpcAddress.Port, Token);
            }

            // An eighth of the places is for one address.
            await UntilAsync(() => guarded.Server.Host.Strangers <= before + 2);
            await known.CheckAsync(Samples.Check(Samples.NewNumber()), cancellationToken: Token);
            using var channel = GrpcChannel.ForAddress(guarded.Server.Host.GrpcAddress);
            var late = new LookupService.LookupServiceClient(GuardedServer.As(channel.CreateCallInvoker(), key));
            await UntilAsync(async () =>
            {
                try
                {
                    return (await late.CheckAsync(Samples.Check(Samples.NewNumber()), cancellationToken: Token)).Decision is not null;
                }
                catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
                {
                    // Those that had to leave may still be leaving.
                    return false;
                }
            });
        }
        finally
        {
            idle.ForEach(one => one.Dispose());
        }
    }

    [Fact]
    public void Strangers_BeyondTheirShare_PushOutTheOldestOfTheirAddressAndThenOfAll()
    {
        var shares = new ConnectionShares(new LookupServerOptions { MaxConnections = 32 }, new AccessMetrics(new ServiceMetrics()));
        var flood = Enumerable.Range(0, 6).Select(_ => new Connection("192.0.2.1")).ToList();
        var entered = flood.Select(shares.Enter).ToList();
        Assert.Equal([true, true, false, false, false, false], flood.Select(one => one.IsAborted));

        // Addresses of one IPv6 site are one party.
        var site = Enumerable.Range(1, 5).Select(i => new Connection($"2001:db8::{i}")).ToList();
        site.ForEach(one => shares.Enter(one));
        Assert.Equal([true, false, false, false, false], site.Select(one => one.IsAborted));

        // One that is known is a stranger no longer, and stays whatever comes.
        entered[2].MarkAuthenticated();
        entered[2].MarkAuthenticated();
        Assert.Equal(7, shares.Count);
        var others = Enumerable.Range(1, 40).Select(i => new Connection($"198.51.100.{i}")).ToList();
        others.ForEach(one => shares.Enter(one));
        Assert.Equal(16, shares.Count);
        Assert.False(flood[2].IsAborted);
        Assert.True(flood[3].IsAborted);
        Assert.All(others[^16..], one => Assert.False(one.IsAborted));
        entered.ForEach(one => one.Dispose());
        Assert.Equal(16, shares.Count);
    }

    [Fact]
    public async Task HealthWatches_MoreThanMayBe_AreExhaustedAndComeBack()
    {
        await using var guarded = await GuardedServer.StartAsync(configure: options => options.MaxHealthWatches = 8);
        var health = new Health.HealthClient(guarded.Server.Invoker);
        var open = new List<AsyncServerStreamingCall<HealthCheckResponse>>();
        for (var i = 0; i < 4; i++)
        {
            open.Add(health.Watch(new HealthCheckRequest { Service = i % 2 == 0 ? "" : "nobody-knows" }, cancellationToken: Token));
            Assert.True(await open[i].ResponseStream.MoveNext(Token));
        }

        using var beyond = health.Watch(new HealthCheckRequest(), cancellationToken: Token);
        var full = await Assert.ThrowsAsync<RpcException>(() => beyond.ResponseStream.MoveNext(Token));
        Assert.Equal(StatusCode.ResourceExhausted, full.StatusCode);
        // Asking is no stream.
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, (await health.CheckAsync(new HealthCheckRequest(), cancellationToken: Token)).Status);
        open[0].Dispose();
        await UntilAsync(async () =>
        {
            using var again = health.Watch(new HealthCheckRequest(), cancellationToken: Token);
            try
            {
                return await again.ResponseStream.MoveNext(Token);
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.ResourceExhausted)
            {
                return false;
            }
        });
        open.ForEach(one => one.Dispose());
    }

    [Fact]
    public async Task Streams_OfACredentialWithoutALimit_AreHalfOfAllAtMost()
    {
        await using var guarded = await GuardedServer.StartAsync(configure: options => options.MaxCheckStreams = 4);
        var greedy = await guarded.KeyAsync("greedy", Roles.Check, GuardedServer.Own);
        var limited = await guarded.KeyAsync(
            new Credential { CredentialId = "limited", Kind = V1.CredentialKind.ApiKey, MaxStreams = 3 }, Roles.Check, GuardedServer.Own);
        using var first = await OpenAsync(greedy);
        using (var second = await OpenAsync(greedy))
        {
            using var third = new LookupService.LookupServiceClient(guarded.As(greedy)).CheckStream(cancellationToken: Token);
            var refused = await Assert.ThrowsAsync<RpcException>(() => third.ResponseStream.MoveNext(Token));
            Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
            Assert.Contains("--max-streams", refused.Status.Detail, StringComparison.Ordinal);
            using var others = await OpenAsync(limited);
            using var othersToo = await OpenAsync(limited);
        }

        async Task<AsyncDuplexStreamingCall<CheckStreamRequest, CheckStreamResponse>> OpenAsync(string key)
        {
            var call = new LookupService.LookupServiceClient(guarded.As(key)).CheckStream(cancellationToken: Token);
            await call.RequestStream.WriteAsync(new CheckStreamRequest { Open = new CheckStreamOpen { Question = Samples.Question() } }, Token);
            await call.ResponseHeadersAsync;
            return call;
        }
    }

    [Fact]
    public async Task Streams_ThatWaitForTheirCaller_AreEnded()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), options => options.StreamIdleSeconds = 5);
        await using var list = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question() });
        Assert.NotNull(await list.AskAsync(1, 31612345678));
        var ended = await Assert.ThrowsAsync<RpcException>(() => list.ReadAsync());
        Assert.Equal(StatusCode.Unavailable, ended.StatusCode);
        Assert.Contains("idle for 5 s", ended.Status.Detail, StringComparison.Ordinal);

        await using var silent = StreamCall.Start(server);
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => silent.ReadAsync())).StatusCode);

        using var import = server.Facts.ImportFacts(cancellationToken: Token);
        await import.RequestStream.WriteAsync(new ImportFactsRequest { Sequence = 1, Facts = { Samples.Objection(Samples.NewNumber()) } }, Token);
        Assert.True(await import.ResponseStream.MoveNext(Token));
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => import.ResponseStream.MoveNext(Token))).StatusCode);
    }

    [Fact]
    public async Task Texts_OfAList_AreReadInTheBatchLane()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), options => options.BatchWorkers = 1);
        var open = OpenStream.Read(new CheckStreamOpen { Question = Samples.Question(), DefaultRegion = "NL" }, "open.", server.Store.Manifest, RegimeSet.BuiltIn, false, server.Clock.GetUtcNow().ToUnixTimeMilliseconds());
        var job = server.Host.Chunks.Rent();
        Task fill;
        using (await server.Host.HoldBatchPlaceAsync())
        {
            fill = job.FillAsync(new CheckStreamChunk { Sequence = 1, Texts = { "06 12345678", "nothing" } }, open, Token).AsTask();
            Assert.False(fill.IsCompleted);
            // Integers are only copied.
            Assert.True(server.Host.Chunks.Rent().FillAsync(new CheckStreamChunk { Sequence = 1, Numbers = { 31612345678 } }, open, Token).AsTask().IsCompletedSuccessfully);
        }

        await fill;
        Assert.Equal<ulong>([31612345678, 0], job.Numbers.ToArray());
    }

    [Fact]
    public async Task Jobs_OfLists_AreGivenBackBeyondSome()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        var jobs = Enumerable.Range(0, 100).Select(_ => server.Host.Chunks.Rent()).ToList();
        jobs.ForEach(server.Host.Chunks.Return);
        Assert.InRange(server.Host.Chunks.IdleCount, 1, 32);
    }

    [Fact]
    public async Task Json_LengthThatIsOnlyStated_TakesNoMemory()
    {
        var options = new LookupServerOptions();
        var request = new DefaultHttpContext().Request;
        request.ContentType = "application/json";
        request.ContentLength = options.MaxMessageBytes;
        request.Body = new MemoryStream("{}"u8.ToArray());
        using var read = await new StrictJson(options, new BodyBudget(options)).ReadAsync(request.HttpContext, CheckRequest.Descriptor);
        Assert.Equal(2, read!.Length);
        Assert.InRange(read.Capacity, 2, 16 * 1024);
    }

    // The web server ends a body below its lowest rate.
    [Fact]
    public async Task Json_BodyThatIsTooSlow_IsToldSo()
    {
        var options = new LookupServerOptions();
        var context = new DefaultHttpContext();
        using var answer = new MemoryStream();
        (context.Request.ContentType, context.Request.Body, context.Response.Body) = ("application/json", new TooSlow(), answer);
        Assert.Null(await new StrictJson(options, new BodyBudget(options)).ReadAsync(context, CheckRequest.Descriptor));
        Assert.Equal(StatusCodes.Status408RequestTimeout, context.Response.StatusCode);
        Assert.Contains("The body arrived too slowly", System.Text.Encoding.UTF8.GetString(answer.ToArray()), StringComparison.Ordinal);
    }

    private sealed class TooSlow : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            throw new BadHttpRequestException("Reading the request body timed out due to data arriving too slowly.", StatusCodes.Status408RequestTimeout);
    }

    private static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        while (!await condition())
        {
            await Task.Delay(20, Token);
        }
    }

    private sealed class Connection : DefaultConnectionContext
    {
        internal Connection(string address) => RemoteEndPoint = new IPEndPoint(IPAddress.Parse(address), 1);

        internal bool IsAborted { get; private set; }

        public override void Abort(ConnectionAbortedException abortReason) => IsAborted = true;
    }
}
