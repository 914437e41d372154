using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Server.Telemetry;
using Prometheus;

namespace Lookup.Server.Shadow;

/// <summary>What became of a comparison.</summary>
internal enum ShadowOutcome : byte
{
    /// <summary>Verdict and reasons are the same.</summary>
    Same,
    /// <summary>They differ.</summary>
    Different,
    /// <summary>Not comparable: what the shadow looks at could not be read, or not any more as it was.</summary>
    Unread,
    /// <summary>Not comparable: there were more numbers to be read than are read for this.</summary>
    Dropped,
    /// <summary>Not comparable: the decision under the shadow failed.</summary>
    Failed,
}

/// <summary>Counts what a shadow run finds.</summary>
internal sealed class ShadowMetrics
{
    private static readonly int Verdicts = 1 + Enum.GetValues<Verdict>().Max(v => (int)v);
    private static readonly int Outcomes = Enum.GetValues<ShadowOutcome>().Length;
    private static readonly int Reasons = 1 + Enum.GetValues<ReasonCode>().Max(r => (int)r);

    // Only what is asked for can be compared.
    private static readonly EntryPoint[] Ways = [EntryPoint.Check, EntryPoint.Stream];

    private readonly Counter.Child[] _compared;
    private readonly Counter _differences;
    private readonly Counter.Child?[] _changed = new Counter.Child?[Ways.Length * Verdicts * Verdicts * Reasons * 2];

    internal ShadowMetrics(MetricFactory factory)
    {
        var compared = factory.CreateCounter(
            "lookup_shadow_comparisons_total",
            "Decisions also made under the shadow regimes, by what came out: same, different, or not comparable: unread (the store was away, or the call is reserved meanwhile), dropped (too many to be read), failed.",
            ["way", "outcome"]);
        _compared =
        [
            .. from way in Ways
               from outcome in Enum.GetValues<ShadowOutcome>()
               select compared.WithLabels(ServiceMetrics.Name(way.ToString()), ServiceMetrics.Name(outcome.ToString())),
        ];
        _differences = factory.CreateCounter(
            "lookup_shadow_differences_total",
            "Decisions that the shadow regimes would change, by verdict in force and in the shadow, and by the most binding reason that came or went.",
            ["way", "from", "to", "reason", "change"]);
    }

    internal LiveShadow SoFar => new(
        Of(ShadowOutcome.Same),
        Of(ShadowOutcome.Different),
        Of(ShadowOutcome.Unread) + Of(ShadowOutcome.Dropped) + Of(ShadowOutcome.Failed));

    internal void Compared(EntryPoint way, ShadowOutcome outcome) => _compared[((int)way * Outcomes) + (int)outcome].Inc();

    internal void Changed(EntryPoint way, in DecisionChange change)
    {
        var index = (((((((int)way * Verdicts) + (int)change.From) * Verdicts) + (int)change.To) * Reasons) + (int)change.Reason.Code) * 2;
        ref var child = ref _changed[index + (change.Added ? 1 : 0)];
        (Volatile.Read(ref child) ?? Child(ref child, way, change)).Inc();
    }

    private double Of(ShadowOutcome outcome) => Ways.Sum(way => _compared[((int)way * Outcomes) + (int)outcome].Value);

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
