namespace Lookup.Load.Results;

/// <summary>How a figure goes with something else: latency by percentile, by rate, a rate by the number of facts.</summary>
/// <param name="X">What runs along the curve, with its unit, for example "facts".</param>
/// <param name="Scale">How the page spreads it: "linear", "log", or "percentile", which spreads the last of a hundred.</param>
internal sealed record ResultCurve(string X, string Scale)
{
    /// <summary>Along the curve: x, the figure in the metric's unit, and that of the baseline where there is one.</summary>
    public List<double?[]> Points { get; } = [];

    internal void Add(double x, double y, double? baseline = null) => Points.Add([x, ResultLine.Round(y), baseline is { } known ? ResultLine.Round(known) : null]);
}
