using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Server.Telemetry;
using Prometheus;

namespace Lookup.Server.Shadow;

/// <summary>The outcome of a comparison.</summary>
internal enum ShadowOutcome : byte
{
    /// <summary>Verdict and reasons are the same.</summary>
    Same,
    /// <summary>Verdict or reasons differ.</summary>
    Different,
    /// <summary>Not comparable: the facts that the shadow needs could not be read, or have changed since.</summary>
    Unread,
    /// <summary>Not comparable: the queue of numbers to read was full.</summary>
    Dropped,
    /// <summary>Not comparable: the decision under the shadow regimes failed.</summary>
    Failed,
}

/// <summary>Counts the outcomes of a shadow run.</summary>
internal sealed class ShadowMetrics
{
    private static readonly int Verdicts = 1 + Enum.GetValues<Verdict>().Max(v => (int)v);
    private static readonly int Outcomes = Enum.GetValues<ShadowOutcome>().Length;
    private static readonly int Reasons = 1 + Enum.GetValues<ReasonCode>().Max(r => (int)r);

    // Only these entry points are compared.
    private static readonly EntryPoint[] Ways = [EntryPoint.Check, EntryPoint.Stream];

    private readonly Counter.Child[] _compared;
    private readonly Counter _differences;
    private readonly Counter.Child?[] _changed = new Counter.Child?[Ways.Length * Verdicts * Verdicts * Reasons * 2];

    internal ShadowMetrics(MetricFactory factory)
    {
        var compared = factory.CreateCounter(
            "lookup_shadow_comparisons_total",
            "Decisions also made under the shadow regimes, by outcome: same, different, or not comparable: unread (store unavailable, or call reserved since), dropped (queue full), failed.",
            ["way", "outcome"]);
        _compared =
        [
            .. from way in Ways
               from outcome in Enum.GetValues<ShadowOutcome>()
               select compared.WithLabels(ServiceMetrics.Name(way.ToString()), ServiceMetrics.Name(outcome.ToString())),
        ];
        _differences = factory.CreateCounter(
            "lookup_shadow_differences_total",
            "Decisions that the shadow regimes would change, by verdict in force and in the shadow, and by the most binding reason added (came) or removed (went).",
            ["way", "from", "to", "reason", "change"]);
    }

    internal LiveShadow SoFar => new(
        Count(ShadowOutcome.Same),
        Count(ShadowOutcome.Different),
        Count(ShadowOutcome.Unread) + Count(ShadowOutcome.Dropped) + Count(ShadowOutcome.Failed));

    internal void Compared(EntryPoint way, ShadowOutcome outcome) => _compared[((int)way * Outcomes) + (int)outcome].Inc();

    internal void Changed(EntryPoint way, in DecisionChange change)
    {
        var index = (((((((int)way * Verdicts) + (int)change.From) * Verdicts) + (int)change.To) * Reasons) + (int)change.Reason.Code) * 2;
        ref var child = ref _changed[index + (change.Added ? 1 : 0)];
        (Volatile.Read(ref child) ?? Child(ref child, way, change)).Inc();
    }

    private double Count(ShadowOutcome outcome) => Ways.Sum(way => _compared[((int)way * Outcomes) + (int)outcome].Value);

    private Counter.Child Child(ref Counter.Child? place, EntryPoint way, in DecisionChange change)
    {
        var child = _differences.WithLabels(
            ServiceMetrics.Name(way.ToString()),
            ServiceMetrics.Name(change.From.ToString()),
            ServiceMetrics.Name(change.To.ToString()),
            ServiceMetrics.Name(change.Reason.Code.ToString()),
            change.Added ? "came" : "went");
        Volatile.Write(ref place, child);
        return child;
    }
}
