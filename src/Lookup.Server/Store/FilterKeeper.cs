using System.Globalization;
using Lookup.Core.Filters;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Server.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Prometheus;

namespace Lookup.Server.Store;

/// <summary>
/// Examines one stored filter per interval, in turn, and rebuilds a filter with too many false positives, without valid checksums, or
/// whose builder died. Every instance does this; the store lets one of them build.
/// </summary>
internal sealed class FilterKeeper : BackgroundService
{
    // A rebuild that gains less would be repeated forever.
    private const double LeastGain = 2;

    private readonly IFilterStore _store;
    private readonly FilterReplica _replica;
    private readonly LookupServerOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger<FilterKeeper> _log;
    private readonly Gauge _unsound;
    private readonly FilterFit[] _fits;
    private int _next;

    public FilterKeeper(
        StoreManifest manifest, IFilterStore store, FilterReplica replica, LookupServerOptions options, ServiceMetrics metrics, TimeProvider clock, ILogger<FilterKeeper> log)
    {
        (_store, _replica, _options, _clock, _log) = (store, replica, options, clock, log);
        _fits = new FilterFit[manifest.Partitions];
        _unsound = metrics.Factory.CreateGauge(
            "lookup_filter_unsound",
            "1 if the partition's stored filter is missing or damaged, or has no valid checksums; it is not used.",
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
                await ExamineAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Shutdown.
        }
    }

    private static string Name(int partition) => partition.ToString(CultureInfo.InvariantCulture);

    private async Task ExamineAsync(CancellationToken cancellation)
    {
        try
        {
            Report(await _store.ExamineAsync(_next, cancellation));
            _next = (_next + 1) % _fits.Length;
            var rebuild = new RebuildOptions { WorkShare = _options.RebuildSharePercent / 100.0 };
            foreach (var filter in await _store.ListAsync(cancellation))
            {
                var found = filter.HasLost ? await _store.ExamineAsync(filter.Partition, cancellation) : filter;
                Report(found);
                if (_options.RebuildFalsePositives != 0 && !await RebuildAsync(found, rebuild, cancellation))
                {
                    return;
                }
            }
        }
        catch (StoreUnavailableException e)
        {
            _log.LogWarning("The filters could not be examined or rebuilt: {Why}", e.Message);
        }
    }

    /// <returns>False if another builder is active; a later pass tries again.</returns>
    private async Task<bool> RebuildAsync(PartitionFilter filter, RebuildOptions rebuild, CancellationToken cancellation)
    {
        if (!IsWorn(filter, rebuild, out var share) && filter is { IsBuilding: false, IsCounted: true, Fit: FilterFit.Sound })
        {
            return true;
        }

        if (await _store.RebuildAsync(filter.Partition, rebuild, _ => { }, cancellation) is not { } built)
        {
            return false;
        }

        _log.LogInformation(
            "Rebuilt the filter of partition {Partition}, which had {Share:P2} false positives: filter generation {Generation}, capacity {Capacity} timelines, {Facts} in use.",
            built.Partition, share, built.Generation, built.Capacity, built.Facts);
        Report(built);
        return true;
    }

    private void Report(PartitionFilter filter)
    {
        var before = _fits[filter.Partition];
        _fits[filter.Partition] = filter.Fit;
        _unsound.WithLabels(Name(filter.Partition)).Set(filter.Fit == FilterFit.Sound ? 0 : 1);
        if (filter.Fit == FilterFit.Damaged && before != FilterFit.Damaged)
        {
            _log.LogError(
                "The stored filter of partition {Partition} is missing, has another length, or lost bits. It is not used and will be rebuilt; find out what changes the store without the service.",
                filter.Partition);
        }
    }

    private bool IsWorn(PartitionFilter filter, RebuildOptions rebuild, out double share)
    {
        share = 0;
        // Do not judge a filter that was just rebuilt and is not loaded yet by its predecessor.
        if (_replica.Partition(filter.Partition) is not { Filter: { } loaded } state || state.Generation != filter.Generation)
        {
            return false;
        }

        share = FilterQuality.FalsePositives(loaded);
        return share * 1_000 > _options.RebuildFalsePositives
            && FilterQuality.Expected(filter.Facts, rebuild.BlocksFor(filter.Facts, filter.Blocks)) * LeastGain < share;
    }
}
