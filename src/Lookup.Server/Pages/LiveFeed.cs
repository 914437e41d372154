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
    LiveState state,
    FactMetrics facts,
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
    private readonly LiveHour _hour = new();
    private int _readers;
    private long _taken;

    /// <summary>The summaries of all instances, as they were read last.</summary>
    internal IReadOnlyList<LiveInstance> Instances { get; set; } = [];

    /// <summary>The newest imports, as they were read last.</summary>
    internal IReadOnlyList<LiveImport> Imports { get; set; } = [];

    /// <summary>The newest administrative acts, as they were read last.</summary>
    internal IReadOnlyList<LiveAct> Acts { get; set; } = [];

    /// <summary>Open pages.</summary>
    internal int Readers => Volatile.Read(ref _readers);

    /// <summary>Returns what was kept, then each new sample, until cancelled. A slow reader misses some.</summary>
    internal async IAsyncEnumerable<(LiveHistory? Before, IReadOnlyList<LiveSample> New)> FollowAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        Interlocked.Increment(ref _readers);
        try
        {
            LiveHistory? before;
            long seen;
            lock (_samples)
            {
                // The newest sample follows with its state, and with the point of the hour that it ended.
                var hour = _samples.LastOrDefault()?.HourPoint is null ? _hour.All : _hour.All.SkipLast(1);
                before = new LiveHistory([.. _samples.SkipLast(1).Select(PointOf)], [.. hour]);
                seen = _taken - Math.Min(_samples.Count, 1);
            }

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
                    yield return (before, news);
                    before = null;
                }

                await next.WaitAsync(cancellation);
            }
        }
        finally
        {
            Interlocked.Decrement(ref _readers);
        }
    }

    /// <summary>Returns the summary of this instance; null before the first sample.</summary>
    internal LiveInstance? Summary()
    {
        lock (_samples)
        {
            return _samples.LastOrDefault() is not { } last ? null : new LiveInstance
            {
                Id = instance.Id,
                Host = instance.Host,
                Process = instance.Process,
                Version = instance.Version,
                Started = instance.Started,
                At = last.Time,
                Outlook = last.Outlook,
                Checks = _samples.Average(one => one.Checks),
                Decisions = _samples.Average(one => one.Rates.Sum(rate => rate.PerSecond)),
                P50 = last.FiveMinutes.P50,
                P99 = last.FiveMinutes.P99,
                Age = last.Ages.Contains(null) ? null : last.Ages.Max(),
                WrongAllows = last.WrongAllows,
                Memory = last.Memory,
            };
        }
    }

    private static LivePoint PointOf(LiveSample sample) => new()
    {
        Time = sample.Time,
        Rates = sample.Rates,
        Checks = sample.Checks,
        P50 = sample.P50,
        P99 = sample.P99,
        P999 = sample.P999,
        Max = sample.Max,
        Facts = sample.Facts,
        Objections = sample.Objections,
        Memory = sample.Memory,
    };

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
            _samples.Enqueue(sample with { HourPoint = _hour.Add(PointOf(sample)) });
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
        var (fiveMinutes, hour) = _hour.AddTimes(times);
        var second = LiveWindow.TimesOf(times);
        var serving = monitor.Current;
        var (before, totals) = (_totals, TotalsNow());
        _totals = totals;
        var (ages, looks, registers) = (Ages(), Filters(), state.Registers());
        return new LiveSample
        {
            Time = clock.GetUtcNow().ToUnixTimeMilliseconds(),
            Outlook = state.Judge(ages, looks, registers),
            Serving = serving.Serving,
            Why = Redaction.Mask(serving.Why),
            Rates = rates,
            Checks = times.TotalCount / seconds,
            P50 = second.P50,
            P99 = second.P99,
            P999 = second.P999,
            Max = second.Max,
            FiveMinutes = fiveMinutes,
            Hour = hour,
            Facts = (totals.Facts - before.Facts) / seconds,
            Objections = (totals.Objections - before.Objections) / seconds,
            Memory = Capacity.MemoryUsed,
            Ages = ages,
            BoundMs = options.FreshnessBoundMs,
            WrongAllows = audit.CountOf(AllowAudit.Outcome.Wrong),
            AuditsConfirmed = audit.CountOf(AllowAudit.Outcome.Confirmed),
            AuditsUnfinished = audit.CountOf(AllowAudit.Outcome.Unfinished) + audit.CountOf(AllowAudit.Outcome.Dropped),
            Errors = metrics.Errors.All(),
            Store = serving.Store,
            Servers = store.Servers.Count,
            SilentServers = store.Servers.Silent,
            StoreErrors = (totals.StoreErrors - before.StoreErrors) / seconds,
            CacheHits = (totals.CacheHits - before.CacheHits) / seconds,
            CacheMisses = (totals.CacheMisses - before.CacheMisses) / seconds,
            FilterConfirmed = (totals.Confirmed - before.Confirmed) / seconds,
            FalsePositives = (totals.FalsePositives - before.FalsePositives) / seconds,
            Filters = looks,
            Instance = instance,
            Unverified = regimes.DescribeUnverified(clock.GetUtcNow()),
            Shadow = shadow.SoFar,
            Registers = registers,
            Lists = state.Lists(),
            Imports = Imports,
            Acts = Acts,
            Loads = state.Loads(),
            Instances = Instances,
        };
    }

    private Totals TotalsNow() => new(storeCalls.Errors, records.Hits, records.Misses, filters.Confirmed, filters.FalsePositives, facts.Recorded, facts.Objections);

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

    private readonly record struct Totals(double StoreErrors, double CacheHits, double CacheMisses, double Confirmed, double FalsePositives, double Facts, double Objections);
}
