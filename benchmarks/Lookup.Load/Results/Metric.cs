namespace Lookup.Load.Results;

/// <summary>One thing that a run measured, beside what it is compared with.</summary>
/// <param name="Name">Name in lower case with underscores, for example "stream_filter_decided".</param>
/// <param name="Unit">Unit of all its figures, for example "numbers/s".</param>
/// <param name="Subject">What was measured.</param>
internal sealed record Metric(string Name, string Unit, Series Subject)
{
    /// <summary>Name of what it is compared with; null for a figure that stands alone.</summary>
    internal string? BaselineName { get; init; }

    /// <summary>
    /// What that reached in the same run, in the same unit. With as many rounds as the subject they are those that it took turns
    /// with, in the same order.
    /// </summary>
    internal Series? Baseline { get; init; }

    /// <summary>What a reader must know beside the figures.</summary>
    internal string Note { get; init; } = "";

    /// <summary>How the figure goes with something else; null where it is one figure.</summary>
    internal ResultCurve? Curve { get; init; }

    /// <summary>Of the subject to the baseline; null where there is no baseline or it is 0.</summary>
    internal Ratio? Ratio => Baseline is { } baseline ? Results.Ratio.Of(Subject, baseline) : null;
}
