using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lookup.Load.Results;

/// <summary>One line of benchmarks/results/COMMAND.jsonl. benchmarks/README.md says what the members mean.</summary>
internal sealed record ResultLine
{
    private static readonly JsonSerializerOptions Options = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public required string Time { get; init; }

    public required string Metric { get; init; }

    public required string Unit { get; init; }

    public required int Rounds { get; init; }

    public required double Median { get; init; }

    public required double Min { get; init; }

    public required double Max { get; init; }

    public required string? Baseline { get; init; }

    public required double? BaselineMedian { get; init; }

    public required double? BaselineMin { get; init; }

    public required double? BaselineMax { get; init; }

    public required double? Ratio { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public required double? RatioLow { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public required double? RatioHigh { get; init; }

    public required string Note { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public required ResultCurve? Curve { get; init; }

    public required string CommandLine { get; init; }

    public required string Commit { get; init; }

    public required bool Dirty { get; init; }

    public required Machine Machine { get; init; }

    public required IReadOnlyDictionary<string, string> Versions { get; init; }

    internal static ResultLine Of(Metric metric, RunIdentity run) => new()
    {
        Time = run.Time,
        Metric = metric.Name,
        Unit = metric.Unit,
        Rounds = metric.Subject.Count,
        Median = Round(metric.Subject.Median),
        Min = Round(metric.Subject.Min),
        Max = Round(metric.Subject.Max),
        Baseline = metric.BaselineName,
        BaselineMedian = Round(metric.Baseline?.Median),
        BaselineMin = Round(metric.Baseline?.Min),
        BaselineMax = Round(metric.Baseline?.Max),
        Ratio = Round(metric.Ratio?.Value),
        RatioLow = Round(metric.Ratio?.Low),
        RatioHigh = Round(metric.Ratio?.High),
        Note = metric.Note,
        Curve = metric.Curve,
        CommandLine = run.CommandLine,
        Commit = run.Commit,
        Dirty = run.Dirty,
        Machine = run.Machine,
        Versions = run.Versions,
    };

    internal string ToJson() => JsonSerializer.Serialize(this, Options);

    /// <summary>Five significant digits: more than any of these figures has.</summary>
    internal static double Round(double value)
    {
        if (value == 0 || !double.IsFinite(value))
        {
            return value;
        }

        var digits = 4 - (int)Math.Floor(Math.Log10(Math.Abs(value)));
        return digits >= 0 ? Math.Round(value, Math.Min(digits, 15)) : Math.Round(value / Math.Pow(10, -digits)) * Math.Pow(10, -digits);
    }

    private static double? Round(double? value) => value is { } known ? Round(known) : null;
}
