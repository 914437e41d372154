using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Grpc.Core;
using HdrHistogram;
using Lookup.Core;
using Prometheus;

namespace Lookup.Server.Telemetry;

/// <summary>The call that a decision came from.</summary>
internal enum EntryPoint : byte
{
    Check,
    Stream,
    Explain,
    Reserve,
}

/// <summary>
/// The service's own metrics, for /metrics and the operations page. Times are in seconds. Metric names are part of the
/// interface; docs/operate/operations.md lists them.
/// </summary>
internal sealed class ServiceMetrics
{
    // A check takes tens of microseconds; with an unavailable store, a quarter of a second.
    internal static readonly double[] Buckets =
    [
        25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 10,
    ];

    // Lists take seconds to hours; Watch streams last for days.
    private static readonly double[] StreamBuckets = [0.1, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200, 86_400];

    // Each has a series for each verdict.
    private const int MaxOrganisations = 100;

    private const long LongestTime = 60_000_000_000;

    private static readonly int Verdicts = 1 + Enum.GetValues<Verdict>().Max(v => (int)v);
    private static readonly int Reasons = 1 + Enum.GetValues<ReasonCode>().Max(r => (int)r);
    private static readonly string[] Ways = [.. Enum.GetValues<EntryPoint>().Select(w => w.ToString().ToLowerInvariant())];

    private readonly Counter _decisions;
    private readonly Counter.Child?[] _decided = new Counter.Child?[Ways.Length * Verdicts * Reasons];
    private readonly Histogram _seconds;
    private readonly Counter _errors;
    private readonly ConcurrentDictionary<string, Histogram.Child> _called = new(StringComparer.Ordinal);
    private readonly Histogram.Child _check;
    private readonly Histogram _streams;
    private readonly ConcurrentDictionary<string, Counter.Child[]> _byOrganisation = new(StringComparer.Ordinal);
    private readonly Counter _organisations;
    private readonly Counter.Child[] _others;

    public ServiceMetrics()
    {
        var metrics = Metrics.WithCustomRegistry(Registry);
        metrics.ExemplarBehavior = ExemplarBehavior.NoExemplars();
        _decisions = metrics.CreateCounter(
            "lookup_decisions_total", "Decisions by entry point, verdict and most binding reason.", ["way", "verdict", "reason"]);
        _seconds = metrics.CreateHistogram(
            "lookup_call_duration_seconds",
            "Time from the arrival of a unary call to its response, in the service.",
            ["method"],
            new HistogramConfiguration { Buckets = Buckets });
        _errors = metrics.CreateCounter("lookup_call_errors_total", "Calls that ended with a status other than OK.", ["method", "status"]);
        // Alerts add up the failures; a series that is not there yet would make the sum empty.
        _errors.WithLabels("Check", nameof(StatusCode.Unavailable));
        _check = _seconds.WithLabels("Check");
        _streams = metrics.CreateHistogram(
            "lookup_stream_duration_seconds",
            "Time from the start of a stream to its end, also of one that failed.",
            ["method"],
            new HistogramConfiguration { Buckets = StreamBuckets });
        _streams.WithLabels("CheckStream");
        _organisations = metrics.CreateCounter(
            "lookup_organisation_decisions_total",
            "Decisions for calls of an organisation with a record; all others, and those beyond the first hundred, count as (other).",
            ["organisation", "verdict"]);
        _others = Children("(other)");
        Factory = metrics;
    }

    /// <summary>The registry of the metrics; one per service, so that a process can run several.</summary>
    internal CollectorRegistry Registry { get; } = Metrics.NewCustomRegistry();

    /// <summary>Creates metrics of other components in the same registry.</summary>
    internal MetricFactory Factory { get; }

    /// <summary>Latencies of Check since the page last read them, in nanoseconds; up to a minute, to two digits.</summary>
    internal Recorder CheckTimes { get; } = HistogramFactory
        .With64BitBucketSize().WithValuesUpTo(LongestTime).WithPrecisionOf(2).WithThreadSafeWrites().WithThreadSafeReads().Create();

    /// <summary>Counts decisions.</summary>
    internal void Decided(EntryPoint way, Verdict verdict, ReasonCode reason, int count = 1)
    {
        var index = Index(way, verdict, reason);
        (_decided[index] ?? Child(index, way, verdict, reason)).Inc(count);
    }

    /// <summary>Records an answered unary call.</summary>
    /// <param name="method">Its path, for example "/lookup.v1.LookupService/Check".</param>
    /// <param name="took">Its latency in the service.</param>
    internal void Answered(string method, TimeSpan took)
    {
        if (!_called.TryGetValue(method, out var seconds))
        {
            seconds = _called.GetOrAdd(method, m => _seconds.WithLabels(Short(m)));
        }

        if (Tracing.IsOn && Activity.Current is { Recorded: true })
        {
            // Leads from a slow bucket to the trace of a call in it.
            seconds.Observe(took.TotalSeconds, Exemplar.FromTraceContext());
        }
        else
        {
            seconds.Observe(took.TotalSeconds);
        }

        if (ReferenceEquals(seconds, _check))
        {
            CheckTimes.RecordValue(Math.Clamp((long)took.TotalNanoseconds, 0, LongestTime));
        }
    }

    /// <summary>Records a stream that ended, also by a failure.</summary>
    internal void StreamEnded(string method, TimeSpan took) => _streams.WithLabels(Short(method)).Observe(took.TotalSeconds);

    /// <summary>Counts decisions of an organisation.</summary>
    /// <param name="organisation">Its name.</param>
    /// <param name="isKnown">Whether it has a record. The name of any other is the caller's text and never becomes a label.</param>
    /// <param name="verdict">The verdict.</param>
    /// <param name="count">How many.</param>
    internal void DecidedFor(string organisation, bool isKnown, Verdict verdict, int count = 1) =>
        (isKnown ? _byOrganisation.TryGetValue(organisation, out var known) ? known : ChildrenOf(organisation) : _others)[(int)verdict].Inc(count);

    /// <summary>Records a failed call.</summary>
    /// <param name="method">Its path.</param>
    /// <param name="status">Its status.</param>
    /// <param name="detail">The message to the caller.</param>
    /// <param name="caller">The credential, or the address if none is required.</param>
    /// <param name="organisation">The organisation that the request names; empty if unknown.</param>
    /// <param name="at">When.</param>
    internal void Failed(string method, StatusCode status, string detail, string caller, string organisation, DateTimeOffset at)
    {
        _errors.WithLabels(Short(method), status.ToString()).Inc();
        if (status is not StatusCode.Cancelled)
        {
            Errors.Add(Short(method), status, detail, caller, organisation, at);
        }
    }

    /// <summary>The latest causes of failed calls.</summary>
    internal RecentErrors Errors { get; } = new();

    /// <summary>Decisions so far by verdict and reason.</summary>
    internal IEnumerable<(Verdict Verdict, ReasonCode Reason, double Count)> Decisions()
    {
        foreach (var way in Enum.GetValues<EntryPoint>())
        {
            foreach (var verdict in Enum.GetValues<Verdict>())
            {
                foreach (var reason in Enum.GetValues<ReasonCode>())
                {
                    if (Volatile.Read(ref _decided[Index(way, verdict, reason)]) is { } child)
                    {
                        yield return (verdict, reason, child.Value);
                    }
                }
            }
        }
    }

    private Counter.Child Child(int index, EntryPoint way, Verdict verdict, ReasonCode reason)
    {
        var child = _decisions.WithLabels(Ways[(int)way], Name(verdict.ToString()), Name(reason.ToString()));
        Volatile.Write(ref _decided[index], child);
        return child;
    }

    private Counter.Child[] ChildrenOf(string organisation) =>
        _byOrganisation.Count < MaxOrganisations ? _byOrganisation.GetOrAdd(organisation, Children) : _others;

    private Counter.Child[] Children(string organisation) =>
        [.. Enumerable.Range(0, Verdicts).Select(v => _organisations.WithLabels(organisation, Name(((Verdict)v).ToString())))];

    // Method names are unique without their services.
    private static string Short(string method) => method[(method.LastIndexOf('/') + 1)..];

    private static int Index(EntryPoint way, Verdict verdict, ReasonCode reason) => ((((int)way * Verdicts) + (int)verdict) * Reasons) + (int)reason;

    // For example "NotCovered" to not_covered, as on the page, in the metrics and in the contract.
    internal static string Name(string text) => JsonNamingPolicy.SnakeCaseLower.ConvertName(text);
}
