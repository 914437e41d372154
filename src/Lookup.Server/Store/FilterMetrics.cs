using System.Globalization;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Server.Telemetry;
using Microsoft.Extensions.Hosting;
using Prometheus;

namespace Lookup.Server.Store;

/// <summary>
/// Measures how full the filters are and how often they cause unnecessary reads. Filters are scanned in the background, each
/// when it is loaded and then periodically; false positives are counted when the store is read anyway.
/// </summary>
internal sealed class FilterMetrics : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    // Scanning a filter takes about a second per 500 MiB.
    private static readonly TimeSpan ReadEvery = TimeSpan.FromSeconds(30);

    private readonly FilterReplica _replica;
    private readonly TimeProvider _clock;
    private readonly Gauge _fill;
    private readonly Gauge _share;
    private readonly Counter _present;
    private readonly Counter _vain;
    private readonly FilterScan?[] _scans;

    public FilterMetrics(FilterReplica replica, StoreManifest manifest, ServiceMetrics metrics, TimeProvider clock)
    {
        (_replica, _clock) = (replica, clock);
        _scans = new FilterScan?[manifest.Partitions];
        var make = metrics.Factory;
        _fill = make.CreateGauge("lookup_filter_fill_ratio", "Share of bits set in the partition's filter, 0 to 1.", ["partition"]);
        _share = make.CreateGauge(
            "lookup_filter_false_positive_ratio", "False-positive rate of the partition's filter, estimated from its bits, 0 to 1.", ["partition"]);
        _present = make.CreateCounter(
            "lookup_filter_confirmed_total", "Numbers read after a filter hit for which the store had facts.");
        _vain = make.CreateCounter(
            "lookup_filter_false_positives_total", "Numbers read after a filter hit for which the store had no facts.");
    }

    /// <summary>Numbers read after a filter hit that had facts, so far.</summary>
    internal double Confirmed => _present.Value;

    /// <summary>Numbers read after a filter hit that had none, so far.</summary>
    internal double FalsePositives => _vain.Value;

    /// <summary>Returns the latest scan of a partition's filter; null if the partition is not followed or not scanned yet.</summary>
    internal FilterScan? LatestScan(int partition) => Volatile.Read(ref _scans[partition]);

    /// <summary>Counts a number that was read.</summary>
    /// <param name="partition">Its partition.</param>
    /// <param name="key">The number.</param>
    /// <param name="ids">The facts read.</param>
    /// <param name="found">Whether any of them exists.</param>
    internal void CountRead(int partition, NumberPseudonym key, ReadOnlySpan<FactId> ids, bool found)
    {
        if (found)
        {
            _present.Inc();
        }
        else if (ids.Length is > 0 and <= BlockFilter.MaxProbes
            // If the filter was too old to be used, the number was read in any case.
            && _replica.Partition(partition).Filter is { } filter && filter.MayContain(key, ids) != 0)
        {
            _vain.Inc();
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, _clock);
        try
        {
            do
            {
                for (var p = 0; p < _scans.Length; p++)
                {
                    Scan(p);
                    await Task.Yield();
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // Shutdown.
        }
    }

    private void Scan(int partition)
    {
        var name = partition.ToString(CultureInfo.InvariantCulture);
        if (_replica.Partition(partition).Filter is not { } filter)
        {
            Volatile.Write(ref _scans[partition], null);
            _fill.RemoveLabelled(name);
            _share.RemoveLabelled(name);
            return;
        }

        var now = _clock.GetTimestamp();
        if (_scans[partition] is { } last && last.Filter.TryGetTarget(out var seen) && ReferenceEquals(seen, filter)
            && _clock.GetElapsedTime(last.At, now) < ReadEvery)
        {
            return;
        }

        var scan = new FilterScan(filter.Fill, FilterQuality.FalsePositives(filter), new WeakReference<BlockFilter>(filter), now);
        Volatile.Write(ref _scans[partition], scan);
        _fill.WithLabels(name).Set(scan.Fill);
        _share.WithLabels(name).Set(scan.FalsePositives);
    }

    /// <summary>The scan of a filter.</summary>
    /// <param name="Fill">Share of bits set, 0 to 1.</param>
    /// <param name="FalsePositives">Estimated false-positive rate, 0 to 1.</param>
    /// <param name="Filter">The filter; a weak reference.</param>
    /// <param name="At">Timestamp of the clock.</param>
    internal sealed record FilterScan(double Fill, double FalsePositives, WeakReference<BlockFilter> Filter, long At);
}
