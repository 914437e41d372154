using Grpc.Core;

namespace Lookup.Client.Streams;

/// <summary>Classifies exceptions of a stream's writer.</summary>
internal static class SendFailures
{
    /// <summary>
    /// Whether the call has ended, by the service, the network or cancellation. Only the reader's exception has the reason; the
    /// writer's can be anything, down to a socket exception.
    /// </summary>
    public static bool IsEndOfCall(Exception exception) =>
        exception is RpcException or InvalidOperationException or OperationCanceledException or IOException or HttpRequestException;
}
