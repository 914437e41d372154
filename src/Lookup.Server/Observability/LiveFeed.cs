using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;
using HdrHistogram;
using Lookup.Core.Decisions;
using Lookup.Redis;
using Lookup.Server.Hosting;
using Microsoft.Extensions.Hosting;

namespace Lookup.Server.Observability;

/// <summary>Looks at the service once a second and keeps some minutes of it, for the operations page.</summary>
internal sealed class LiveFeed(
    ServiceMetrics metrics,
    AllowAudit audit,
    FilterReplica replica,
    IFactStore store,
    StoreMonitor monitor,
    LookupServerOptions options,
    TimeProvider clock) : BackgroundService
{
    private const int Kept = 300;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    private readonly Queue<LiveSample> _samples = new();
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Dictionary<(Verdict, ReasonCode), double> _before = [];
    private HistogramBase? _spare;
    private long _taken;

    /// <summary>What was kept, then each second's sample, until cancelled. A reader that is slow misses some.</summary>
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
            // The process ends.
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
        return new LiveSample
        {
            Time = clock.GetUtcNow().ToUnixTimeMilliseconds(),
            Serving = state.Serving,
            Why = state.Why,
            Rates = rates,
            Checks = times.TotalCount / seconds,
            P50 = Microseconds(times, 50),
            P99 = Microseconds(times, 99),
            P999 = Microseconds(times, 99.9),
            Max = times.TotalCount == 0 ? null : times.GetMaxValue() / 1_000.0,
            Ages = Ages(),
            BoundMs = options.FreshnessBoundMs,
            WrongAllows = audit.Of(AllowAudit.Outcome.Wrong),
            AuditsConfirmed = audit.Of(AllowAudit.Outcome.Confirmed),
            AuditsUnfinished = audit.Of(AllowAudit.Outcome.Unfinished) + audit.Of(AllowAudit.Outcome.Dropped),
            Errors = metrics.Recent(),
        };
    }

    private double?[] Ages()
    {
        var now = clock.GetTimestamp();
        var ages = new double?[store.Manifest.Partitions];
        for (var p = 0; p < ages.Length; p++)
        {
            var state = replica.Partition(p);
            ages[p] = state.Filter is null ? null : Math.Round(clock.GetElapsedTime(state.AsOf, now).TotalMilliseconds, 1);
        }

        return ages;
    }

    private static double? Microseconds(HistogramBase times, double percentile) =>
        times.TotalCount == 0 ? null : times.GetValueAtPercentile(percentile) / 1_000.0;
}

/// <summary>Decisions of one kind.</summary>
/// <param name="Verdict">As in the contract, in lower case.</param>
/// <param name="Reason">As in the contract, in lower case.</param>
/// <param name="PerSecond">In the last second.</param>
internal sealed record LiveRate(string Verdict, string Reason, double PerSecond);

/// <summary>The service in one second. Times of calls are in microseconds, ages in milliseconds.</summary>
internal sealed record LiveSample
{
    public required long Time { get; init; }

    public required bool Serving { get; init; }

    public required string Why { get; init; }

    /// <summary>Decisions of the last second by verdict and reason, the most first; those of lists too.</summary>
    public required IReadOnlyList<LiveRate> Rates { get; init; }

    /// <summary>Single checks answered a second.</summary>
    public required double Checks { get; init; }

    public required double? P50 { get; init; }

    public required double? P99 { get; init; }

    public required double? P999 { get; init; }

    public required double? Max { get; init; }

    /// <summary>By partition; null where it is not followed.</summary>
    public required IReadOnlyList<double?> Ages { get; init; }

    public required int BoundMs { get; init; }

    public required double WrongAllows { get; init; }

    public required double AuditsConfirmed { get; init; }

    public required double AuditsUnfinished { get; init; }

    public required IReadOnlyList<RecentError> Errors { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(IReadOnlyList<LiveSample>))]
internal sealed partial class LiveJson : JsonSerializerContext;
