using Grpc.Core;

namespace Lookup.Client.Streams;

/// <summary>What sending on a stream throws.</summary>
internal static class SendFailures
{
    /// <summary>
    /// The call has ended, by the service, the network or cancellation. Why it has is what reading from it tells; the writer
    /// throws whatever it met, down to the socket's exception.
    /// </summary>
    public static bool IsEndOfCall(Exception exception) =>
        exception is RpcException or InvalidOperationException or OperationCanceledException or IOException or HttpRequestException;
}
