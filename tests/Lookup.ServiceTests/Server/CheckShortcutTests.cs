using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using Lookup.Core.Access;
using Lookup.Redis;
using Lookup.ServiceTests.Access;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>Plain checks are answered before gRPC's own machinery; no caller can tell.</summary>
public sealed class CheckShortcutTests : IAsyncLifetime
{
    private const string Path = "/lookup.v1.LookupService/Check";

    private readonly HttpClient _http = new(new SocketsHttpHandler()) { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
    private TroubledStore _store = null!;
    private LookupServer _server = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _store = new TroubledStore(await LookupServer.EmbeddedAsync());
        _server = await LookupServer.StartAsync(_store);
    }

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return _server.DisposeAsync();
    }

    [Fact]
    public async Task Check_PlainOrThroughTheLibrary_IsAnsweredTheSame()
    {
        var consented = Samples.NewNumber();
        await _server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(consented)));
        // The tokens are the same only once the replica has followed.
        var written = TimeProvider.System.GetTimestamp();
        while (Enumerable.Range(0, _server.Store.Manifest.Partitions).Any(p => _server.Host.Replica.Partition(p).AsOf <= written))
        {
            await Task.Delay(10, Token);
        }

        // Quoted in the message, which is percent-encoded.
        var elsewhere = Samples.Question();
        elsewhere.CalledRegion = "É 100%";
        foreach (var request in (CheckRequest[])
            [
                Samples.Check(Samples.NewNumber()),
                Samples.Check(consented),
                new() { Number = consented, Question = Samples.Question(), Consistency = new Consistency { Exact = true }, AllReasons = true },
                Samples.Check("+31"),
                new() { Number = consented },
                new() { Number = consented, Question = elsewhere },
            ])
        {
            var plain = await CallAsync(Frame(request));
            var library = await CallAsync(Frame(request), message => message.Headers.Add("grpc-encoding", "identity"));
            Assert.Equal(HttpStatusCode.OK, plain.Http);
            Assert.Equal(library.Status, plain.Status);
            Assert.Equal(library.Message, plain.Message);
            Assert.Equal(library.Details, plain.Details);
            Assert.Equal(library.ContentType, plain.ContentType);
            Assert.Equal(library.Answer, plain.Answer);
        }
    }

    [Fact]
    public async Task Check_InPieces_IsAnswered()
    {
        var frame = Frame(Samples.Check(Samples.NewNumber()));
        var answer = await CallAsync(new Pieces(frame));
        Assert.Equal("0", answer.Status);
        Assert.Equal(Verdict.Deny, answer.Answer!.Decision.Verdict);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(4, 200)]
    [InlineData(6, 255)]
    public async Task Check_FrameBroken_IsAnErrorAndNoAnswer(int at, byte value)
    {
        var frame = Frame(Samples.Check(Samples.NewNumber()));
        frame[at] = value;
        var answer = await CallAsync(frame);
        Assert.NotEqual("0", answer.Status);
        Assert.Null(answer.Answer);
        if (at == 6)
        {
            // The frame is whole, what is in it is none of the method's messages.
            Assert.Equal("3", answer.Status);
        }
    }

    [Fact]
    public async Task Check_CutOrEmpty_IsAnErrorAndNoAnswer()
    {
        var frame = Frame(Samples.Check(Samples.NewNumber()));
        foreach (var length in (int[])[0, 3, 5, frame.Length - 1])
        {
            var answer = await CallAsync(frame[..length]);
            Assert.NotEqual("0", answer.Status);
            Assert.Null(answer.Answer);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Check_TooLargeOrCutOff_IsNoUnhandledException(bool isCutOff)
    {
        var large = new byte[5_000_000];
        try
        {
            Assert.NotEqual("0", (await CallAsync(isCutOff ? new CutOff() : new ByteArrayContent(large))).Status);
        }
        catch (HttpRequestException)
        {
            // The stream was reset, as the client did itself or the service while the client was sending.
        }

        // The service has seen the end of the call when it answers the next one on the connection.
        Assert.Equal("0", (await CallAsync(Frame(Samples.Check(Samples.NewNumber())))).Status);
        Assert.DoesNotContain("unhandled exception", _server.Log.All, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(0, _server.Host.ErrorCount);
    }

    [Theory]
    [InlineData("100m", "4")]
    [InlineData(null, "14")]
    public async Task Check_StoreHangs_EndsAtTheDeadlineOrTheServicesLimit(string? timeout, string status)
    {
        await using var server = await LookupServer.StartAsync(new TroubledStore(await LookupServer.EmbeddedAsync()), o => o.StoreReadLimitMs = 200);
        var request = Samples.Check(Samples.NewNumber());
        request.Consistency = new Consistency { Exact = true };
        ((TroubledStore)server.Store).Trouble = ct => Task.Delay(Timeout.Infinite, ct);
        var answer = await CallAsync(Frame(request), message =>
        {
            if (timeout is not null)
            {
                message.Headers.Add("grpc-timeout", timeout);
            }
        }, server);
        Assert.Equal(status, answer.Status);
        Assert.Null(answer.Answer);
    }

    [Theory]
    [InlineData("60S")]
    [InlineData("1M")]
    [InlineData("1H")]
    public async Task Check_StoreIsSlow_IsWaitedForAsLongAsTheCallerDoes(string timeout)
    {
        await using var server = await LookupServer.StartAsync(new TroubledStore(await LookupServer.EmbeddedAsync()), o => o.StoreReadLimitMs = 200);
        var request = Samples.Check(Samples.NewNumber());
        request.Consistency = new Consistency { Exact = true };
        ((TroubledStore)server.Store).Trouble = ct => Task.Delay(500, ct);
        Assert.Equal("0", (await CallAsync(Frame(request), message => message.Headers.Add("grpc-timeout", timeout), server)).Status);
    }

    [Fact]
    public async Task Check_StoreAway_IsUnavailableAsThroughTheLibrary()
    {
        var request = Samples.Check(Samples.NewNumber());
        request.Consistency = new Consistency { Exact = true };
        _store.Trouble = _ => throw new StoreUnavailableException(StoreFault.Unreachable, "Away.");
        var library = await CallAsync(Frame(request), message => message.Headers.Add("grpc-encoding", "identity"));
        var plain = await CallAsync(Frame(request));
        Assert.Equal("14", plain.Status);
        Assert.Equal((library.Status, library.Message, library.Details), (plain.Status, plain.Message, plain.Details));
        Assert.Null(plain.Answer);
    }

    [Fact]
    public async Task Check_CredentialMissingOrShort_IsRefusedAsThroughTheLibrary()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var check = await guarded.KeyAsync("check", Roles.Check, "acme");
        var watch = await guarded.KeyAsync("watch", Roles.Watch, "acme");
        foreach (var (key, organisation, status) in new (string?, string, string)[]
            {
                (check, "acme", "0"), (check, "rival", "7"), (watch, "acme", "7"), (null, "acme", "16"), (check[..^1], "acme", "16"),
            })
        {
            var frame = Frame(Samples.Check("+31612345678", organisation));
            var plain = await CallAsync(frame, message => Show(message, key), guarded.Server);
            var library = await CallAsync(frame, message =>
            {
                message.Headers.Add("grpc-encoding", "identity");
                Show(message, key);
            }, guarded.Server);
            Assert.Equal(status, plain.Status);
            Assert.Equal(library, plain);
        }

        static void Show(HttpRequestMessage message, string? key)
        {
            if (key is not null)
            {
                message.Headers.Add("authorization", "Bearer " + key);
            }
        }
    }

    private static byte[] Frame(CheckRequest request)
    {
        var message = request.ToByteArray();
        var frame = new byte[5 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    private Task<Reply> CallAsync(byte[] body, Action<HttpRequestMessage>? change = null, LookupServer? server = null) =>
        CallAsync(new ByteArrayContent(body), change, server);

    private async Task<Reply> CallAsync(HttpContent body, Action<HttpRequestMessage>? change = null, LookupServer? server = null)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, new Uri((server ?? _server).Host.GrpcAddress, Path)) { Content = body };
        message.Version = HttpVersion.Version20;
        message.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
        body.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        message.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        change?.Invoke(message);
        using var response = await _http.SendAsync(message, Token);
        var content = await response.Content.ReadAsByteArrayAsync(Token);
        CheckResponse? answer = null;
        if (content.Length > 0)
        {
            Assert.Equal(0, content[0]);
            Assert.Equal(content.Length - 5, BinaryPrimitives.ReadInt32BigEndian(content.AsSpan(1)));
            answer = CheckResponse.Parser.ParseFrom(content, 5, content.Length - 5);
            // What differs from call to call.
            (answer.Decision.CallTime, answer.Decision.Age, answer.Decision.ReusableUntil, answer.Decision.ReusableFor) = (null, null, null, null);
        }

        return new Reply(
            response.StatusCode,
            response.Content.Headers.ContentType?.ToString(),
            Of("grpc-status"),
            Of("grpc-message"),
            Of("grpc-status-details-bin"),
            answer);

        // Without a message the status comes with the headers.
        string? Of(string name) =>
            response.TrailingHeaders.TryGetValues(name, out var late) ? late.Single()
            : response.Headers.TryGetValues(name, out var early) ? early.Single()
            : null;
    }

    private sealed record Reply(HttpStatusCode Http, string? ContentType, string? Status, string? Message, string? Details, CheckResponse? Answer);

    // The first bytes, and then the client resets the stream.
    private sealed class CutOff : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(new byte[] { 0, 0, 0 });
            await stream.FlushAsync();
            throw new HttpRequestException("cut off");
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    // A byte at a time, each sent.
    private sealed class Pieces(byte[] body) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            for (var i = 0; i < body.Length; i++)
            {
                await stream.WriteAsync(body.AsMemory(i, 1));
                await stream.FlushAsync();
                if (i % 8 == 0)
                {
                    await Task.Delay(1);
                }
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
