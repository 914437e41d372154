using Grpc.Core;
using Lookup.Server.Errors;

namespace Lookup.Server.Watch;

/// <summary>lookup.v1.WatchService.</summary>
internal sealed class WatchEndpoint(WatchServices services) : V1.WatchService.WatchServiceBase
{
    /// <inheritdoc/>
    public override async Task Watch(V1.WatchRequest request, IServerStreamWriter<V1.WatchResponse> responseStream, ServerCallContext context)
    {
        try
        {
            if (services.Hub.Join() > services.Options.MaxWatchStreams)
            {
                throw RpcErrors.Exhausted(
                    $"This instance serves {services.Options.MaxWatchStreams} Watch streams, its limit; retry later or at another instance.",
                    services.Options.RetryAfterMs);
            }

            await new WatchSession(services, responseStream, context).RunAsync(request);
        }
        finally
        {
            services.Hub.Leave();
        }
    }
}
