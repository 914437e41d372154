using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;
using Lookup.Server;
using Lookup.Server.Http;
using Lookup.V1;
using Microsoft.AspNetCore.Http;

namespace Lookup.ServiceTests.Server;

/// <summary>gRPC messages that are announced and do not end share their memory with JSON bodies.</summary>
public sealed class MessageBudgetTests : IAsyncLifetime
{
    // The budget is sixteen of the largest, eight for one address.
    private const int Largest = 256 * 1024;
    private const int Fitting = 8;
    private const string RecordFacts = "/lookup.v1.FactService/RecordFacts";
    private const string CheckStream = "/lookup.v1.LookupService/CheckStream";

    private readonly HttpClient _http = new(new SocketsHttpHandler());
    private LookupServer _server = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        _server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), o => o.MaxMessageBytes = Largest);

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return _server.DisposeAsync();
    }

    [Theory]
    [InlineData(RecordFacts)]
    [InlineData(CheckStream)]
    public async Task Messages_UnfinishedBeyondTheBudget_AreRefusedAndTheirMemoryReturns(string path)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var calls = new List<Task<string>>();
        while (!calls.Exists(call => call.IsCompleted) || await PostAsync(Largest - 4_096) != HttpStatusCode.ServiceUnavailable)
        {
            // More than fit, again and again: two that are refused at the same time leave room for one.
            if (calls.Count(call => !call.IsCompleted) <= Fitting)
            {
                calls.Add(StatusAsync(path, stop.Token));
            }

            await Task.Delay(10, Ct);
        }

        Assert.All(
            await Task.WhenAll(calls.Where(call => call.IsCompleted)),
            refused => Assert.Equal("14 Too many large requests at the same time; retry later.", refused));
        // Checks and small bodies need nothing of it.
        Assert.NotEqual(Verdict.Unspecified, (await _server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber()), cancellationToken: Ct)).Decision.Verdict);
        Assert.Equal(HttpStatusCode.OK, await PostAsync(0));

        await stop.CancelAsync();
        await Task.WhenAll(calls.Select(call => call.ContinueWith(static _ => { }, TaskScheduler.Default)));
        while (await PostAsync(Largest - 4_096) != HttpStatusCode.OK)
        {
            // The service notices soon that a stream was reset.
            await Task.Delay(20, Ct);
        }

        var large = new RecordFactsRequest();
        large.Facts.AddRange(Enumerable.Range(0, 300).Select(_ => Samples.Objection(Samples.NewNumber())));
        Assert.Equal(300, (await _server.Facts.RecordFactsAsync(large, cancellationToken: Ct)).Results.Count);
    }

    // Without credentials an address is a caller; with them, a credential is (BodyBudget).
    [Fact]
    public async Task OneAddress_WithAllItMayHold_LeavesRoomForOthers()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        using var other = new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectFromAnotherAddressAsync }) { BaseAddress = _server.Http.BaseAddress };
        var calls = new List<Task<string>>();
        while (!calls.Exists(call => call.IsCompleted) || await PostAsync(Largest - 4_096) != HttpStatusCode.ServiceUnavailable)
        {
            if (calls.Count(call => !call.IsCompleted) <= Fitting)
            {
                calls.Add(StatusAsync(RecordFacts, stop.Token));
            }

            await Task.Delay(10, Ct);
        }

        Assert.Equal(HttpStatusCode.OK, await PostAsync(Largest - 4_096, other));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await PostAsync(Largest - 4_096));
        await stop.CancelAsync();
        await Task.WhenAll(calls.Select(call => call.ContinueWith(static _ => { }, TaskScheduler.Default)));
    }

    [Fact]
    public void Budget_IsHalfForEachCredential_AndForgetsThem()
    {
        var budget = new BodyBudget(new LookupServerOptions { MaxMessageBytes = Largest });
        var bodies = new List<BodyBudget.Body>();
        // The first 64 KiB of each body do not count.
        foreach (var caller in (string[])["a", "b"])
        {
            Assert.True(Fill(caller) is >= Fitting and < 2 * Fitting);
        }

        Assert.InRange(Fill("c"), 0, 1);
        bodies.ForEach(body => body.Dispose());
        Assert.Equal(0, budget.Holders);
        Assert.True(Fill("c") >= Fitting);

        int Fill(string caller)
        {
            for (var count = 0; ; count++)
            {
                var context = new DefaultHttpContext();
                context.Features.Set<ICallerFeature>(new NamedCaller(caller));
                bodies.Add(budget.Create(context, 0));
                if (!bodies[^1].TryWrite(new byte[Largest]))
                {
                    return count;
                }
            }
        }
    }

    private sealed record NamedCaller(string Id) : ICallerFeature;

    // The status and message of a call whose message lacks its last byte.
    private async Task<string> StatusAsync(string path, CancellationToken ct)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, new Uri(_server.Host.GrpcAddress, path))
        {
            Content = new Unfinished(Largest - 5, ct),
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        message.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        message.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        using var response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, ct);
        return $"{Header("grpc-status")} {Header("grpc-message")}";

        string Header(string name) => response.Headers.TryGetValues(name, out var values) ? string.Join(',', values) : "";
    }

    private static async ValueTask<Stream> ConnectFromAnotherAddressAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
        await socket.ConnectAsync(IPAddress.Loopback, context.DnsEndPoint.Port, ct);
        return new NetworkStream(socket, ownsSocket: true);
    }

    private async Task<HttpStatusCode> PostAsync(int length, HttpClient? from = null)
    {
        using var content = new StringContent(JsonFormatter.Default.Format(Samples.Check(Samples.NewNumber())) + new string(' ', length), Encoding.UTF8, "application/json");
        using var response = await (from ?? _server.Http).PostAsync(Requests.Check, content, Ct);
        return response.StatusCode;
    }

    private sealed class Unfinished(int length, CancellationToken ct) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            var frame = new byte[5 + length - 1];
            BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), length);
            await stream.WriteAsync(frame, ct);
            await stream.FlushAsync(ct);
            await Task.Delay(Timeout.Infinite, ct);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
