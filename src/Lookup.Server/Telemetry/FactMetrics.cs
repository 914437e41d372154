using Prometheus;

namespace Lookup.Server.Telemetry;

/// <summary>Counts the facts that callers record, by kind.</summary>
internal sealed class FactMetrics
{
    private const string Objection = "objection";

    private readonly Counter _facts;
    private long _recorded;
    private long _objections;

    public FactMetrics(ServiceMetrics metrics)
    {
        _facts = metrics.Factory.CreateCounter(
            "lookup_facts_total", "Facts that callers sent by kind and outcome; the numbers of a register count once they are stored.", ["kind", "outcome"]);
        Count(Objection, V1.FactResult.Types.Outcome.Recorded, 0);
    }

    /// <summary>Facts recorded so far.</summary>
    internal long Recorded => Interlocked.Read(ref _recorded);

    /// <summary>Objections recorded so far.</summary>
    internal long Objections => Interlocked.Read(ref _objections);

    /// <summary>Counts facts of the contract.</summary>
    internal void Count(V1.Fact fact, V1.FactResult.Types.Outcome outcome) => Count(ServiceMetrics.Name(fact.KindCase.ToString()), outcome, 1);

    /// <summary>Counts the numbers that a snapshot of a register stored.</summary>
    internal void CountRegister(long numbers) => Count("register_number", V1.FactResult.Types.Outcome.Recorded, numbers);

    private void Count(string kind, V1.FactResult.Types.Outcome outcome, long count)
    {
        _facts.WithLabels(kind, ServiceMetrics.Name(outcome.ToString())).Inc(count);
        if (outcome == V1.FactResult.Types.Outcome.Recorded)
        {
            Interlocked.Add(ref _recorded, count);
            Interlocked.Add(ref _objections, kind == Objection ? count : 0);
        }
    }
}
