using System.Collections.Concurrent;
using System.Text;
using Grpc.Core;
using Lookup.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Lookup.ServiceTests.Operations;

/// <summary>Spans as a collector gets them.</summary>
public sealed class TraceTests : IAsyncLifetime
{
    private const string Trace = "0af7651916cd43dd8448eb211c80319c";
    private const string CallersSpan = "b7ad6b7169203331";

    private readonly ConcurrentQueue<byte[]> _received = new();
    private WebApplication _collector = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        _collector = builder.Build();
        _collector.Urls.Add("http://127.0.0.1:0");
        _collector.MapPost("/v1/traces", async (HttpRequest request) =>
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            _received.Enqueue(body.ToArray());
            return Results.Ok();
        });
        await _collector.StartAsync(Token);
    }

    public ValueTask DisposeAsync() => _collector.DisposeAsync();

    [Theory]
    [InlineData("")]
    [InlineData("identity")]
    public async Task Check_WithTheTraceOfItsCaller_GoesOnWithIt(string encoding)
    {
        var number = Samples.NewNumber();
        await using (var server = await StartAsync(perMille: 0))
        {
            await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
            var headers = new Metadata { { "traceparent", $"00-{Trace}-{CallersSpan}-01" } };
            if (encoding.Length > 0)
            {
                headers.Add("grpc-encoding", encoding);
            }

            var request = Samples.Check(number);
            request.Consistency = new Consistency { Exact = true };
            Assert.Equal(Verdict.Allow, (await server.Lookup.CheckAsync(request, headers)).Decision.Verdict);
        }

        var spans = await SpansAsync();
        Assert.True(Holds(spans, Convert.FromHexString(Trace)));
        Assert.True(Holds(spans, Convert.FromHexString(CallersSpan)));
        foreach (var text in (string[])["service.version", "service.instance.id", "lookup.v1.LookupService/Check", "store read", "lookup.verdict", "allow", "consent"])
        {
            Assert.True(Holds(spans, Encoding.UTF8.GetBytes(text)), text);
        }

        Assert.False(Holds(spans, Encoding.UTF8.GetBytes(number[1..])));
        // The write was not sampled: its caller had no trace.
        Assert.False(Holds(spans, Encoding.UTF8.GetBytes("RecordFacts")));
    }

    [Fact]
    public async Task List_Sampled_HasSpansOfChunksAndReads()
    {
        var number = Samples.NewNumber();
        await using (var server = await StartAsync(perMille: 1_000))
        {
            await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
            await using var stream = await StreamCall.OpenAsync(
                server, new CheckStreamOpen { Question = Samples.Question(), Consistency = new Consistency { Exact = true } });
            await stream.AskTextsAsync(1, number);
            await stream.CompleteAsync();
            Assert.Null(await stream.ReadAsync());
            await server.Http.GetStringAsync("v1/organisations", Token);
            await Assert.ThrowsAsync<RpcException>(async () => await server.Lookup.CheckAsync(Samples.Check("+31")));
        }

        var spans = await SpansAsync();
        foreach (var text in (string[])["CheckStream", "chunk", "store read_list", "lookup.numbers", "RecordFacts", "store write", "rpc.grpc.status_code"])
        {
            Assert.True(Holds(spans, Encoding.UTF8.GetBytes(text)), text);
        }

        Assert.False(Holds(spans, Encoding.UTF8.GetBytes(number[1..])));
    }

    [Theory]
    [InlineData("/v1/numbers/+31612345678")]
    [InlineData("/lookup.v1.LookupService/31612345678")]
    [InlineData("/31612345678?number=31612345678")]
    public async Task Request_ForAPathThatNobodyServes_LeavesItOutOfTheSpan(string path)
    {
        await using (var server = await StartAsync(perMille: 1_000))
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation("traceparent", $"00-{Trace}-{CallersSpan}-01");
            request.Headers.TryAddWithoutValidation("tracestate", "caller=31612345678");
            using var response = await server.Http.SendAsync(request, Token);
            Assert.Equal(System.Net.HttpStatusCode.NotFound, response.StatusCode);
        }

        var spans = await SpansAsync();
        Assert.True(Holds(spans, Encoding.UTF8.GetBytes("unknown")));
        Assert.False(Holds(spans, Encoding.UTF8.GetBytes("612345678")));
    }

    [Fact]
    public async Task Request_WithoutACredential_HasNoSpanMade()
    {
        await using (var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), options =>
        {
            options.Credentials = true;
            options.TraceEndpoint = new Uri(_collector.Urls.First() + "/v1/traces");
            options.TracePerMille = 1_000;
        }))
        {
            var headers = new Metadata { { "traceparent", $"00-{Trace}-{CallersSpan}-01" } };
            var refused = await Assert.ThrowsAsync<RpcException>(async () => await server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber()), headers));
            Assert.Equal(StatusCode.Unauthenticated, refused.StatusCode);
        }

        Assert.False(Holds([.. _received.SelectMany(b => b)], Convert.FromHexString(Trace)));
    }

    [Fact]
    public async Task Check_NoEndpoint_SendsNothing()
    {
        await using (var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync()))
        {
            await server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber()), new Metadata { { "traceparent", $"00-{Trace}-{CallersSpan}-01" } });
        }

        Assert.Empty(_received);
    }

    private async Task<LookupServer> StartAsync(int perMille) => await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), options =>
    {
        options.TraceEndpoint = new Uri(_collector.Urls.First() + "/v1/traces");
        options.TracePerMille = perMille;
    });

    // What was made is sent when the service stops.
    private async Task<byte[]> SpansAsync()
    {
        while (_received.IsEmpty)
        {
            await Task.Delay(20, Token);
        }

        return [.. _received.SelectMany(b => b)];
    }

    private static bool Holds(byte[] spans, byte[] sought) => spans.AsSpan().IndexOf(sought) >= 0;
}
