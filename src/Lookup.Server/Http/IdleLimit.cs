using Grpc.Core;
using Lookup.Server.Errors;

namespace Lookup.Server.Http;

/// <summary>
/// Limits how long a stream waits for its caller: an idle stream takes a slot that others need. Not thread-safe; reading and writing have one each.
/// </summary>
internal sealed class IdleLimit(LookupServerOptions options, CancellationToken stream) : IDisposable
{
    private readonly CancellationTokenSource _source = CancellationTokenSource.CreateLinkedTokenSource(stream);

    /// <summary>Cancelled with the stream, and when a wait takes too long.</summary>
    internal CancellationToken Token => _source.Token;

    /// <summary>Whether the limit ended the wait, and not the stream itself.</summary>
    internal bool HasExpired => _source.IsCancellationRequested && !stream.IsCancellationRequested;

    /// <summary>Starts the time of a wait for the caller.</summary>
    internal void Start() => _source.CancelAfter(TimeSpan.FromSeconds(options.StreamIdleSeconds));

    /// <summary>Ends the wait.</summary>
    internal void Stop() => _source.CancelAfter(Timeout.InfiniteTimeSpan);

    /// <summary>Returns the error for the caller.</summary>
    internal RpcException Error() => RpcErrors.Unavailable(
        $"The stream was idle for {options.StreamIdleSeconds} s; open a new one and continue from the first unanswered message.",
        options.RetryAfterMs);

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();
}
