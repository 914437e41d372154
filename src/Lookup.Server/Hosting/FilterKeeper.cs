using Lookup.Core.Filters;
using Lookup.Redis;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Hosting;

/// <summary>
/// Looks at the filters again and again, and has one rebuilt that takes too many facts for known, or whose builder died.
/// Every instance does; the store lets one of them build.
/// </summary>
internal sealed class FilterKeeper(
    IFactStore store, FilterReplica replica, LookupServerOptions options, TimeProvider clock, ILogger<FilterKeeper> log)
    : BackgroundService
{
    // A rebuild that gains less would be begun again and again.
    private const double LeastGain = 2;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.RebuildFalsePositives == 0)
        {
            return;
        }

        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(options.RebuildCheckSeconds), clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await LookAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process ends.
        }
    }

    private async Task LookAsync(CancellationToken cancellation)
    {
        try
        {
            var rebuild = new RebuildOptions { WorkShare = options.RebuildSharePercent / 100.0 };
            foreach (var filter in await store.Filters.ListAsync(cancellation))
            {
                if (!IsWorn(filter, rebuild, out var share) && !filter.IsBuilding)
                {
                    continue;
                }

                // Where another builder is at work, this comes back later.
                if (await store.Filters.RebuildAsync(filter.Partition, rebuild, _ => { }, cancellation) is not { } built)
                {
                    return;
                }

                log.LogInformation(
                    "Rebuilt the filter of partition {Partition}, which had {Share:P2} false positives: generation {Generation} for {Capacity} timelines, of which there are {Facts}.",
                    built.Partition, share, built.Generation, built.Capacity, built.Facts);
            }
        }
        catch (StoreUnavailableException e)
        {
            log.LogWarning("No filter was rebuilt: {Why}", e.Message);
        }
    }

    private bool IsWorn(PartitionFilter filter, RebuildOptions rebuild, out double share)
    {
        share = 0;
        // One that was just rebuilt and is not loaded yet is not judged by what it was before.
        if (replica.Partition(filter.Partition) is not { Filter: { } loaded } state || state.Generation != filter.Generation)
        {
            return false;
        }

        share = FilterQuality.FalsePositives(loaded);
        return share * 1_000 > options.RebuildFalsePositives
            && FilterQuality.Expected(filter.Facts, rebuild.BlocksFor(filter.Facts, filter.Blocks)) * LeastGain < share;
    }
}
