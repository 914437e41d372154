using System.Net;
using Lookup.Client;
using Lookup.Server.Telemetry;
using Lookup.V1;
using Prometheus;

namespace Lookup.Cli.Gates;

/// <summary>The metrics of a gate, and the server of /metrics.</summary>
internal sealed class GateMetrics
{
    private readonly CollectorRegistry _registry = Metrics.NewCustomRegistry();
    private readonly Counter _answers;
    private readonly Histogram _seconds;
    private readonly Counter _refused;
    private readonly Counter _malformed;
    private readonly Counter _unchecked;
    private readonly Gauge _silent;

    public GateMetrics()
    {
        var make = Metrics.WithCustomRegistry(_registry);
        _answers = make.CreateCounter("lookup_gate_answers_total", "Calls that were decided, by verdict and reason.", ["verdict", "reason"]);
        _seconds = make.CreateHistogram(
            "lookup_gate_answer_duration_seconds", "Time to decide a call, the check included.", new HistogramConfiguration { Buckets = ServiceMetrics.Buckets });
        _refused = make.CreateCounter("lookup_gate_refused_total", "Connections and messages over a limit, or from an address that is not a peer.");
        _malformed = make.CreateCounter("lookup_gate_malformed_total", "Requests that cannot be read.");
        _unchecked = make.CreateCounter("lookup_gate_unchecked_total", "Calls to emergency numbers, which pass without a check.");
        _silent = make.CreateGauge("lookup_gate_service_silent", "1 if the last check got no answer from the service.");
    }

    internal void Add(GateAnswer answer, TimeSpan took)
    {
        var verdict = answer.MayCall ? Verdict.Allow : answer.WhyNot;
        _answers.WithLabels(ServiceMetrics.Name(verdict.ToString()), answer.Reason.ToLowerInvariant()).Inc();
        _seconds.Observe(took.TotalSeconds);
        _silent.Set(answer.State is CheckState.Answered or CheckState.Refused ? 0 : 1);
    }

    internal void AddRefused() => _refused.Inc();

    internal void AddMalformed() => _malformed.Inc();

    internal void AddUnchecked() => _unchecked.Inc();

    /// <summary>Serves /metrics until it is disposed of; serves nothing without an address.</summary>
    internal IDisposable? Serve(IPEndPoint? listen)
    {
        if (listen is null)
        {
            return null;
        }

        return new KestrelMetricServer(new KestrelMetricServerOptions
        {
            Hostname = listen.Address.ToString(),
            Port = (ushort)listen.Port,
            Registry = _registry,
        }).Start();
    }
}
