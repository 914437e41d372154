using Lookup.Load.Results;

namespace Lookup.Load.Latency;

/// <summary>One kind of check beside its baseline, over several starts of both.</summary>
/// <param name="name">Name of its metric.</param>
/// <param name="baseline">Name of the baseline.</param>
/// <param name="note">What a reader must know beside the figures.</param>
internal sealed class CheckComparison(string name, string baseline, string note)
{
    private readonly Series _besideRates = new();
    private readonly Series _cpu = new();
    private readonly Series _besideCpu = new();
    private readonly Series _p50 = new();
    private readonly Series _besideP50 = new();

    /// <summary>Checks a second, of all rounds so far.</summary>
    internal Series Rates { get; } = new();

    /// <summary>Measures both in turns, of one start.</summary>
    internal async Task MeasureAsync(CheckSide subject, CheckSide beside, int callers, int rounds, TimeSpan time, CancellationToken ct)
    {
        await CheckSide.TurnsAsync(subject, beside, callers, rounds, time, ct);
        Rates.Add(subject.Rates);
        _besideRates.Add(beside.Rates);
        _cpu.Add(subject.Cpu);
        _besideCpu.Add(beside.Cpu);
        _p50.Add(subject.P50);
        _besideP50.Add(beside.P50);
    }

    /// <summary>Adds the rates, and the processor time.</summary>
    internal void AddRatesTo(Report report)
    {
        report.Add(new Metric(name, "checks/s", Rates) { BaselineName = baseline, Baseline = _besideRates, Note = note });
        report.Add(new Metric(name + "_cpu", "us/check", _cpu) { BaselineName = baseline, Baseline = _besideCpu, Note = "Processor time of the service." });
    }

    /// <summary>Adds the median latency.</summary>
    internal void AddMedianTo(Report report) =>
        report.Add(new Metric(name + "_p50", "us", _p50) { BaselineName = baseline, Baseline = _besideP50, Note = note });
}
