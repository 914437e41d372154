using Grpc.Core;

namespace Lookup.Client.Sharing;

/// <summary>How a stream ended, and so what becomes of the checks that were sent and not answered.</summary>
/// <param name="Exception">The exception of the stream; null if it ended in order.</param>
/// <param name="IsOwn">Whether this client ended it.</param>
internal readonly record struct SharedEnd(Exception? Exception, bool IsOwn = false)
{
    private static readonly Exception Mismatch = new InvalidDataException("It sent an answer that cannot be assigned to numbers.");

    /// <summary>The service answers no more on this stream. Alone, a check gets its answer or its own error.</summary>
    internal static SharedEnd ByService => default;

    /// <summary>The service sent an answer that cannot be assigned to numbers.</summary>
    internal static SharedEnd Senseless => new(Mismatch);

    internal void Apply(SharedCheck check, Uri address)
    {
        if (IsOwn)
        {
            check.TrySetException(LookupException.Because(StatusCode.Cancelled, "The client ended the call."));
        }
        else if (Exception is null or RpcException { Status.DebugException: null })
        {
            check.TrySetResult(null);
        }
        else
        {
            // A broken connection fails unary checks that were sent on it, too.
            check.TrySetException(Exception is RpcException broken
                ? LookupException.From(broken, address)
                : LookupException.Because(StatusCode.Internal, $"The call to the service at {address} failed. {Exception.Message}"));
        }
    }
}
