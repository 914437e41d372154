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
                    $"There are {services.Options.MaxWatchStreams} streams of changes already; no more are taken at a time.",
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
