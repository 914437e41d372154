using Grpc.Core;
using Lookup.V1;

namespace Lookup.Testing.Server;

/// <summary>An open CheckStream.</summary>
internal sealed class StreamCall : IAsyncDisposable
{
    private readonly AsyncDuplexStreamingCall<CheckStreamRequest, CheckStreamResponse> _call;

    private StreamCall(AsyncDuplexStreamingCall<CheckStreamRequest, CheckStreamResponse> call) => _call = call;

    internal static async Task<StreamCall> OpenAsync(LookupServer server, CheckStreamOpen open, CallOptions options = default)
    {
        var stream = new StreamCall(server.Lookup.CheckStream(options));
        await stream.SendAsync(new CheckStreamRequest { Open = open });
        return stream;
    }

    internal static StreamCall Start(LookupServer server) => new(server.Lookup.CheckStream());

    internal Task SendAsync(CheckStreamRequest request) => _call.RequestStream.WriteAsync(request);

    internal Task SendAsync(ulong sequence, params IEnumerable<ulong> numbers) =>
        SendAsync(new CheckStreamRequest { Chunk = new CheckStreamChunk { Sequence = sequence, Numbers = { numbers } } });

    internal Task SendTextsAsync(ulong sequence, params IEnumerable<string> texts) =>
        SendAsync(new CheckStreamRequest { Chunk = new CheckStreamChunk { Sequence = sequence, Texts = { texts } } });

    internal Task CompleteAsync() => _call.RequestStream.CompleteAsync();

    /// <summary>The next answer; null at the end.</summary>
    internal async Task<CheckStreamResponse?> ReadAsync() =>
        await _call.ResponseStream.MoveNext(TestContext.Current.CancellationToken) ? _call.ResponseStream.Current : null;

    internal async Task<CheckStreamResponse> AskAsync(ulong sequence, params IEnumerable<ulong> numbers)
    {
        await SendAsync(sequence, numbers);
        return (await ReadAsync())!;
    }

    internal async Task<CheckStreamResponse> AskTextsAsync(ulong sequence, params IEnumerable<string> texts)
    {
        await SendTextsAsync(sequence, texts);
        return (await ReadAsync())!;
    }

    internal async Task<RpcException> RefusedAsync()
    {
        return await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await ReadAsync() is not null)
            {
            }
        });
    }

    public ValueTask DisposeAsync()
    {
        _call.Dispose();
        return ValueTask.CompletedTask;
    }
}
