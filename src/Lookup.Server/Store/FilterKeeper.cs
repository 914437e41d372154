using System.Globalization;
using Lookup.Core.Filters;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Store;
using Lookup.Server.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Prometheus;

namespace Lookup.Server.Store;

/// <summary>
/// Looks at the stored filters again and again, reads one partition through each time, and rebuilds a filter that takes too many facts
/// for known, cannot be shown to be whole, or whose builder died. Every instance does; the store lets one of them build.
/// </summary>
internal sealed class FilterKeeper : BackgroundService
{
    // A rebuild that gains less would be begun again and again.
    private const double LeastGain = 2;

    private readonly IFactStore _store;
    private readonly FilterReplica _replica;
    private readonly LookupServerOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger<FilterKeeper> _log;
    private readonly Gauge _unsound;
    private readonly FilterFit[] _fits;
    private int _next;

    public FilterKeeper(
        IFactStore store, FilterReplica replica, LookupServerOptions options, ServiceMetrics metrics, TimeProvider clock, ILogger<FilterKeeper> log)
    {
        (_store, _replica, _options, _clock, _log) = (store, replica, options, clock, log);
        _fits = new FilterFit[store.Manifest.Partitions];
        _unsound = metrics.Factory.CreateGauge(
            "lookup_filter_unsound",
            "1 where the partition's stored filter is missing or damaged, or has no valid checksums; it is not used.",
            ["partition"]);
        for (var p = 0; p < _fits.Length; p++)
        {
            _unsound.WithLabels(Name(p)).Set(0);
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(_options.RebuildCheckSeconds), _clock);
        try
        {
            do
            {
                await LookAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process ends.
        }
    }

    private static string Name(int partition) => partition.ToString(CultureInfo.InvariantCulture);

    private async Task LookAsync(CancellationToken cancellation)
    {
        try
        {
            Note(await _store.Filters.ExamineAsync(_next, cancellation));
            _next = (_next + 1) % _fits.Length;
            var rebuild = new RebuildOptions { WorkShare = _options.RebuildSharePercent / 100.0 };
            foreach (var filter in await _store.Filters.ListAsync(cancellation))
            {
                var found = filter.HasLost ? await _store.Filters.ExamineAsync(filter.Partition, cancellation) : filter;
                Note(found);
                if (_options.RebuildFalsePositives != 0 && !await RebuildAsync(found, rebuild, cancellation))
                {
                    return;
                }
            }
        }
        catch (StoreUnavailableException e)
        {
            _log.LogWarning("No filter was rebuilt: {Why}", e.Message);
        }
    }

    /// <returns>False where another builder is at work: this comes back later.</returns>
    private async Task<bool> RebuildAsync(PartitionFilter filter, RebuildOptions rebuild, CancellationToken cancellation)
    {
        if (!IsWorn(filter, rebuild, out var share) && filter is { IsBuilding: false, IsCounted: true, Fit: FilterFit.Sound })
        {
            return true;
        }

        if (await _store.Filters.RebuildAsync(filter.Partition, rebuild, _ => { }, cancellation) is not { } built)
        {
            return false;
        }

        _log.LogInformation(
            "Rebuilt the filter of partition {Partition}, which had {Share:P2} false positives: generation {Generation} for {Capacity} timelines, of which there are {Facts}.",
            built.Partition, share, built.Generation, built.Capacity, built.Facts);
        Note(built);
        return true;
    }

    private void Note(PartitionFilter filter)
    {
        var before = _fits[filter.Partition];
        _fits[filter.Partition] = filter.Fit;
        _unsound.WithLabels(Name(filter.Partition)).Set(filter.Fit == FilterFit.Sound ? 0 : 1);
        if (filter.Fit == FilterFit.Damaged && before != FilterFit.Damaged)
        {
            _log.LogError(
                "The stored filter of partition {Partition} is missing, has another length, or lost bits. It is not used, and rebuilt; look for who changes the store past the service.",
                filter.Partition);
        }
    }

    private bool IsWorn(PartitionFilter filter, RebuildOptions rebuild, out double share)
    {
        share = 0;
        // One that was just rebuilt and is not loaded yet is not judged by what it was before.
        if (_replica.Partition(filter.Partition) is not { Filter: { } loaded } state || state.Generation != filter.Generation)
        {
            return false;
        }

        share = FilterQuality.FalsePositives(loaded);
        return share * 1_000 > _options.RebuildFalsePositives
            && FilterQuality.Expected(filter.Facts, rebuild.BlocksFor(filter.Facts, filter.Blocks)) * LeastGain < share;
    }
}
