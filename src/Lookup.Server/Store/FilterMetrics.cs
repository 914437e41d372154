using System.Globalization;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Redis.Store;
using Lookup.Server.Telemetry;
using Microsoft.Extensions.Hosting;
using Prometheus;

namespace Lookup.Server.Store;

/// <summary>
/// How full the filters are, and how often one sends a check to the store for nothing. Filters are read through in the
/// background, each when it is loaded and then now and then; what was seen is counted where the store is read anyway.
/// </summary>
internal sealed class FilterMetrics : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    // Reading one through takes about a second for 500 MiB.
    private static readonly TimeSpan ReadEvery = TimeSpan.FromSeconds(30);

    private readonly FilterReplica _replica;
    private readonly TimeProvider _clock;
    private readonly Gauge _fill;
    private readonly Gauge _share;
    private readonly Counter _present;
    private readonly Counter _vain;
    private readonly FilterLook?[] _looks;

    public FilterMetrics(FilterReplica replica, IFactStore store, ServiceMetrics metrics, TimeProvider clock)
    {
        (_replica, _clock) = (replica, clock);
        _looks = new FilterLook?[store.Manifest.Partitions];
        var make = metrics.Factory;
        _fill = make.CreateGauge("lookup_filter_fill_ratio", "Part of the bits of the partition's filter that are set, 0 to 1.", ["partition"]);
        _share = make.CreateGauge(
            "lookup_filter_false_positive_ratio", "Part of unknown facts that the partition's filter takes for known, by its bits, 0 to 1.", ["partition"]);
        _present = make.CreateCounter(
            "lookup_filter_confirmed_total", "Numbers read because a filter knew something of them, and the store did, too.");
        _vain = make.CreateCounter(
            "lookup_filter_false_positives_total", "Numbers read because a filter took a fact for known, while the store had none.");
    }

    /// <summary>Numbers so far for which a filter was right to send to the store.</summary>
    internal double Confirmed => _present.Value;

    /// <summary>Numbers so far that a filter sent to the store for nothing.</summary>
    internal double FalsePositives => _vain.Value;

    /// <summary>What was found of a partition's filter; null where it is not followed, or was not looked at yet.</summary>
    internal FilterLook? Look(int partition) => Volatile.Read(ref _looks[partition]);

    /// <summary>Takes note of a number that was read.</summary>
    /// <param name="partition">Its partition.</param>
    /// <param name="key">The number.</param>
    /// <param name="ids">What was read of it.</param>
    /// <param name="found">Whether any of that was there.</param>
    internal void Note(int partition, NumberPseudonym key, ReadOnlySpan<FactId> ids, bool found)
    {
        if (found)
        {
            _present.Inc();
        }
        else if (ids.Length is > 0 and <= BlockFilter.MaxProbes
            // Where the filter was too old to be asked, the number was read in any case.
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
                for (var p = 0; p < _looks.Length; p++)
                {
                    LookAt(p);
                    await Task.Yield();
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The process ends.
        }
    }

    private void LookAt(int partition)
    {
        var name = partition.ToString(CultureInfo.InvariantCulture);
        if (_replica.Partition(partition).Filter is not { } filter)
        {
            Volatile.Write(ref _looks[partition], null);
            _fill.RemoveLabelled(name);
            _share.RemoveLabelled(name);
            return;
        }

        var now = _clock.GetTimestamp();
        if (_looks[partition] is { } last && last.Filter.TryGetTarget(out var seen) && ReferenceEquals(seen, filter)
            && _clock.GetElapsedTime(last.At, now) < ReadEvery)
        {
            return;
        }

        var look = new FilterLook(filter.Fill, FilterQuality.FalsePositives(filter), new WeakReference<BlockFilter>(filter), now);
        Volatile.Write(ref _looks[partition], look);
        _fill.WithLabels(name).Set(look.Fill);
        _share.WithLabels(name).Set(look.FalsePositives);
    }

    /// <summary>What was found of a filter.</summary>
    /// <param name="Fill">Part of its bits that are set, 0 to 1.</param>
    /// <param name="FalsePositives">Part of unknown facts that it takes for known, 0 to 1.</param>
    /// <param name="Filter">Which one; one that was replaced is not held.</param>
    /// <param name="At">When, a timestamp of the clock.</param>
    internal sealed record FilterLook(double Fill, double FalsePositives, WeakReference<BlockFilter> Filter, long At);
}
