using Lookup.Cli.Bench;
using Lookup.Load.Results;

namespace Lookup.Load.Latency;

/// <summary>Percentiles of runs under load beside those of runs without.</summary>
internal sealed class LatencyReport(string name, string baselineName)
{
    private static readonly (string Name, double Percentile)[] Percentiles = [("p50", 50), ("p99", 99), ("p999", 99.9)];
    private static readonly double[] Drawn = [50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99];

    private readonly List<LatencyRun> _loaded = [];
    private readonly List<LatencyRun> _alone = [];

    internal void Add(LatencyRun run, bool loaded) => (loaded ? _loaded : _alone).Add(run);

    internal void AddTo(Report report, string note)
    {
        foreach (var (suffix, percentile) in Percentiles)
        {
            report.Add(new Metric($"{name}_{suffix}", "us", Of(_loaded, run => LatencyRun.Percentile(run.Latencies, percentile)))
            {
                BaselineName = baselineName,
                Baseline = Of(_alone, run => LatencyRun.Percentile(run.Latencies, percentile)),
                Note = note,
                Curve = percentile == 99 ? Curve() : null,
            });
        }

        report.Add(new Metric($"{name}_generator_p99", "us", Of(_loaded, run => LatencyRun.Percentile(run.Lateness, 99)))
        {
            BaselineName = baselineName,
            Baseline = Of(_alone, run => LatencyRun.Percentile(run.Lateness, 99)),
            Note = "How late requests were sent; contained in the latencies above.",
        });
        report.Add(new Metric($"{name}_undecided", "checks", Of(_loaded, run => run[Outcome.Undecided]))
        {
            BaselineName = baselineName,
            Baseline = Of(_alone, run => run[Outcome.Undecided]),
            Note = "Checks that ended with a status or UNKNOWN.",
        });
    }

    /// <summary>The 99th percentile of the runs under load, and of those without.</summary>
    internal (double Loaded, double Alone) P99 => (
        Of(_loaded, run => LatencyRun.Percentile(run.Latencies, 99)).Median, Of(_alone, run => LatencyRun.Percentile(run.Latencies, 99)).Median);

    private ResultCurve Curve()
    {
        var curve = new ResultCurve("percentile", "percentile");
        foreach (var percentile in Drawn)
        {
            curve.Add(
                percentile,
                Of(_loaded, run => LatencyRun.Percentile(run.Latencies, percentile)).Median,
                Of(_alone, run => LatencyRun.Percentile(run.Latencies, percentile)).Median);
        }

        return curve;
    }

    private static Series Of(List<LatencyRun> runs, Func<LatencyRun, double> value) => new(runs.Select(value));
}
