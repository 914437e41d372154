using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Lookup.Server.Access;

/// <summary>Gives each stream a lease and ends the stream with it.</summary>
internal sealed class AccessInterceptor(AccessControl access, StreamLeases leases) : Interceptor
{
    /// <inheritdoc/>
    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation) =>
        RunAsync(context, () => continuation(requestStream, responseStream, context));

    /// <inheritdoc/>
    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation) =>
        RunAsync(context, () => continuation(request, responseStream, context));

    private async Task RunAsync(ServerCallContext context, Func<Task> stream)
    {
        if (!access.IsOn || RpcRoles.IsHealth(context.Method))
        {
            await stream();
            return;
        }

        using var lease = leases.Open(access.CallerOf(context), RpcRoles.Of(context.Method));
        context.GetHttpContext().Features.Set(lease);
        try
        {
            await stream();
        }
        catch (Exception) when (lease.Why is not null && !context.CancellationToken.IsCancellationRequested)
        {
            // Reported below.
        }

        if (lease.Why is { } why)
        {
            throw why;
        }
    }
}

/// <summary>The lease of a stream.</summary>
internal static class LeaseExtensions
{
    /// <summary>Returns the stream's lease; null if no credential is required.</summary>
    internal static StreamLease? Lease(this ServerCallContext context) => context.GetHttpContext().Features.Get<StreamLease>();
}
