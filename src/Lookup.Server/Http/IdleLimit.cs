using Grpc.Core;
using Lookup.Server.Errors;

namespace Lookup.Server.Http;

/// <summary>
/// How long a stream may wait for its caller: one that is idle takes a place that others need. Not thread-safe; reading and writing have one each.
/// </summary>
internal sealed class IdleLimit(LookupServerOptions options, CancellationToken stream) : IDisposable
{
    private readonly CancellationTokenSource _source = CancellationTokenSource.CreateLinkedTokenSource(stream);

    /// <summary>Cancelled with the stream, and when a wait takes too long.</summary>
    internal CancellationToken Token => _source.Token;

    /// <summary>Whether the limit, and nothing else, ended the wait.</summary>
    internal bool IsOver => _source.IsCancellationRequested && !stream.IsCancellationRequested;

    /// <summary>A wait for the caller begins.</summary>
    internal void Begin() => _source.CancelAfter(TimeSpan.FromSeconds(options.StreamIdleSeconds));

    /// <summary>It has ended.</summary>
    internal void End() => _source.CancelAfter(Timeout.InfiniteTimeSpan);

    /// <summary>What the caller is told.</summary>
    internal RpcException Refusal() => RpcErrors.Unavailable(
        $"The stream waited {options.StreamIdleSeconds} s for its caller to send or to read. Open another when there is more, and go on from the first message that was not answered.",
        options.RetryAfterMs);

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();
}
