using Grpc.Core;
using Grpc.Core.Interceptors;
using Google.Protobuf;
using Lookup.Core.Numbers;

namespace Lookup.Server.Trail;

/// <summary>Writes the administrative calls of a service to the trail. A call that cannot be written is refused.</summary>
internal sealed class TrailInterceptor(ServiceTrail trail, NumberCipher cipher) : Interceptor
{
    /// <inheritdoc/>
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation) =>
        IsAct(context)
            ? trail.RunAsync(Who(context), TrailActs.Describe((IMessage)request, cipher), () => continuation(request, context), r => TrailActs.ResultOf(r), context.CancellationToken)
            : continuation(request, context);

    /// <inheritdoc/>
    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        if (!IsAct(context))
        {
            return continuation(request, responseStream, context);
        }

        var responses = new LastResponse<TResponse>(responseStream);
        return trail.RunAsync(
            Who(context),
            TrailActs.Describe((IMessage)request, cipher),
            async () =>
            {
                await continuation(request, responses, context);
                return responses.Last;
            },
            last => TrailActs.ResultOf(last),
            context.CancellationToken);
    }

    /// <inheritdoc/>
    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation) =>
        IsAct(context)
            ? new StreamAct<TRequest, TResponse>(trail, Who(context), requestStream, responseStream).RunAsync((requests, responses) => continuation(requests, responses, context))
            : continuation(requestStream, responseStream, context);

    private static bool IsAct(ServerCallContext context) => TrailActs.Kinds.ContainsKey(context.Method[(context.Method.LastIndexOf('/') + 1)..]);

    private static string Who(ServerCallContext context) => context.GetHttpContext().CallerId();
}

/// <summary>Remembers the newest response of a stream.</summary>
internal sealed class LastResponse<T>(IServerStreamWriter<T> inner) : IServerStreamWriter<T>
{
    internal T? Last { get; private set; }

    /// <inheritdoc/>
    public WriteOptions? WriteOptions
    {
        get => inner.WriteOptions;
        set => inner.WriteOptions = value;
    }

    /// <inheritdoc/>
    public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

    /// <inheritdoc/>
    public Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        Last = message;
        return inner.WriteAsync(message, cancellationToken);
    }
}

/// <summary>An act that a message of a stream asks for: the message reaches the service once the act is in the trail.</summary>
internal sealed class StreamAct<TRequest, TResponse>(
    ServiceTrail trail, string who, IAsyncStreamReader<TRequest> requests, IServerStreamWriter<TResponse> responses) : IAsyncStreamReader<TRequest>
{
    private readonly LastResponse<TResponse> _responses = new(responses);
    private V1.LoadSnapshotOpen? _open;
    private Core.Trail.TrailEntry? _begun;

    /// <inheritdoc/>
    public TRequest Current => requests.Current;

    /// <inheritdoc/>
    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (!await requests.MoveNext(cancellationToken))
        {
            return false;
        }

        if (_begun is null && ActOf(requests.Current) is { } act)
        {
            _begun = await trail.BeginAsync(who, act, cancellationToken);
        }

        return true;
    }

    /// <summary>Runs the call and writes the result of its act.</summary>
    internal async Task RunAsync(Func<IAsyncStreamReader<TRequest>, IServerStreamWriter<TResponse>, Task> call)
    {
        try
        {
            await call(this, _responses);
        }
        catch (Exception e) when (_begun is not null)
        {
            await trail.EndAsync(_begun, TrailWriter.ResultOf(e));
            throw;
        }

        if (_begun is not null)
        {
            await trail.EndAsync(_begun, TrailActs.ResultOf(_responses.Last));
        }
    }

    private TrailAct? ActOf(TRequest message)
    {
        switch (message)
        {
            case V1.ImportFactsRequest import:
                return TrailActs.Import(import.Import);
            case V1.LoadSnapshotRequest { Open: { } open }:
                _open = open;
                return null;
            case V1.LoadSnapshotRequest { Apply: { } apply }:
                return TrailActs.Load(_open ?? new(), apply);
            default:
                return null;
        }
    }
}
