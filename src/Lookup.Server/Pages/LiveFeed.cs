using System.Runtime.CompilerServices;
using HdrHistogram;
using Lookup.Core;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Maintenance;
using Lookup.Server.Reading;
using Lookup.Server.Shadow;
using Lookup.Server.Store;
using Lookup.Server.Telemetry;
using Microsoft.Extensions.Hosting;

namespace Lookup.Server.Pages;

/// <summary>Samples the service once a second and keeps some minutes of samples for the operations page.</summary>
internal sealed class LiveFeed(
    ServiceMetrics metrics,
    AllowAudit audit,
    FilterReplica replica,
    StoreManifest manifest,
    IStoreMaintenance store,
    StoreMonitor monitor,
    StoreMetrics storeCalls,
    FilterMetrics filters,
    FactCache records,
    Instance instance,
    ShadowRun shadow,
    RegimeSet regimes,
    LookupServerOptions options,
    TimeProvider clock) : BackgroundService
{
    private const int Kept = 300;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    private readonly Queue<LiveSample> _samples = new();
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Dictionary<(Verdict, ReasonCode), double> _before = [];
    private Totals _totals;
    private HistogramBase? _spare;
    private long _taken;

    /// <summary>Returns the kept samples, then each new one, until cancelled. A slow reader misses some.</summary>
    internal async IAsyncEnumerable<IReadOnlyList<LiveSample>> FollowAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        var seen = 0L;
        while (!cancellation.IsCancellationRequested)
        {
            IReadOnlyList<LiveSample> news;
            Task next;
            lock (_samples)
            {
                news = [.. _samples.Skip(_samples.Count - (int)Math.Min(_samples.Count, _taken - seen))];
                (seen, next) = (_taken, _next.Task);
            }

            if (news.Count > 0)
            {
                yield return news;
            }

            await next.WaitAsync(cancellation);
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, clock);
        try
        {
            var last = clock.GetTimestamp();
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                var now = clock.GetTimestamp();
                Add(Take(clock.GetElapsedTime(last, now).TotalSeconds));
                last = now;
            }
        }
        catch (OperationCanceledException)
        {
            // Shutdown.
        }
    }

    private void Add(LiveSample sample)
    {
        TaskCompletionSource old;
        lock (_samples)
        {
            _samples.Enqueue(sample);
            if (_samples.Count > Kept)
            {
                _samples.Dequeue();
            }

            _taken++;
            old = _next;
            _next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        old.TrySetResult();
    }

    private LiveSample Take(double seconds)
    {
        var counts = new Dictionary<(Verdict, ReasonCode), double>();
        foreach (var (verdict, reason, count) in metrics.Decisions())
        {
            counts[(verdict, reason)] = counts.GetValueOrDefault((verdict, reason)) + count;
        }

        var rates = counts
            .Select(c => new LiveRate(
                ServiceMetrics.Name(c.Key.Item1.ToString()),
                ServiceMetrics.Name(c.Key.Item2.ToString()),
                (c.Value - _before.GetValueOrDefault(c.Key)) / seconds))
            .Where(r => r.PerSecond > 0)
            .OrderByDescending(r => r.PerSecond)
            .ToArray();
        _before = counts;
        var times = _spare = metrics.CheckTimes.GetIntervalHistogram(_spare);
        var state = monitor.Current;
        var (before, totals) = (_totals, TotalsNow());
        _totals = totals;
        return new LiveSample
        {
            Time = clock.GetUtcNow().ToUnixTimeMilliseconds(),
            Serving = state.Serving,
            Why = Redaction.Mask(state.Why),
            Rates = rates,
            Checks = times.TotalCount / seconds,
            P50 = Microseconds(times, 50),
            P99 = Microseconds(times, 99),
            P999 = Microseconds(times, 99.9),
            Max = times.TotalCount == 0 ? null : times.GetMaxValue() / 1_000.0,
            Ages = Ages(),
            BoundMs = options.FreshnessBoundMs,
            WrongAllows = audit.CountOf(AllowAudit.Outcome.Wrong),
            AuditsConfirmed = audit.CountOf(AllowAudit.Outcome.Confirmed),
            AuditsUnfinished = audit.CountOf(AllowAudit.Outcome.Unfinished) + audit.CountOf(AllowAudit.Outcome.Dropped),
            Errors = metrics.Recent(),
            Store = state.Store,
            Servers = store.Servers.Count,
            SilentServers = store.Servers.Silent,
            StoreErrors = (totals.StoreErrors - before.StoreErrors) / seconds,
            CacheHits = (totals.CacheHits - before.CacheHits) / seconds,
            CacheMisses = (totals.CacheMisses - before.CacheMisses) / seconds,
            FilterConfirmed = (totals.Confirmed - before.Confirmed) / seconds,
            FalsePositives = (totals.FalsePositives - before.FalsePositives) / seconds,
            Filters = Filters(),
            Instance = instance,
            Unverified = regimes.DescribeUnverified(clock.GetUtcNow()),
            Shadow = shadow.SoFar,
        };
    }

    private Totals TotalsNow() => new(storeCalls.Errors, records.Hits, records.Misses, filters.Confirmed, filters.FalsePositives);

    private LiveFilter?[] Filters()
    {
        var looks = new LiveFilter?[manifest.Partitions];
        for (var p = 0; p < looks.Length; p++)
        {
            looks[p] = filters.LatestScan(p) is { } scan ? new LiveFilter(Math.Round(scan.Fill, 4), Math.Round(scan.FalsePositives, 6)) : null;
        }

        return looks;
    }

    private double?[] Ages()
    {
        var now = clock.GetTimestamp();
        var ages = new double?[manifest.Partitions];
        for (var p = 0; p < ages.Length; p++)
        {
            var state = replica.Partition(p);
            ages[p] = state.Filter is null ? null : Math.Round(clock.AgeAt(state.AsOf, now).TotalMilliseconds, 1);
        }

        return ages;
    }

    private static double? Microseconds(HistogramBase times, double percentile) =>
        times.TotalCount == 0 ? null : times.GetValueAtPercentile(percentile) / 1_000.0;

    private readonly record struct Totals(double StoreErrors, double CacheHits, double CacheMisses, double Confirmed, double FalsePositives);
}
