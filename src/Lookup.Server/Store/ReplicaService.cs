using Lookup.Redis.Following;
using Microsoft.Extensions.Hosting;

namespace Lookup.Server.Store;

/// <summary>Starts the replica before the first call is accepted and stops it with the service.</summary>
internal sealed class ReplicaService(FilterReplica replica) : IHostedService
{
    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => replica.StartAsync(cancellationToken);

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken) => await replica.DisposeAsync();
}
