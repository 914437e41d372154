using System.Globalization;
using Spectre.Console;

namespace Lookup.Load.Results;

/// <summary>What a run found: its metrics, and every answer that was not as it must be.</summary>
internal sealed class Report
{
    // More of the same tells nothing new.
    private const int MaxWrong = 20;

    private readonly List<Metric> _metrics = [];
    private readonly List<string> _wrong = [];
    private readonly List<string> _undecided = [];
    private long _wrongCount;

    internal bool IsRight => _wrongCount == 0;

    /// <summary>Tells how far it is; standard output is for the result.</summary>
    internal static void Say(string text) => Console.Error.WriteLine(text);

    internal void Add(Metric metric)
    {
        lock (_metrics)
        {
            _metrics.Add(metric);
        }

        var ratio = metric.Ratio is { } known ? $", {Text(known)} of {metric.BaselineName}" : "";
        Say($"  {metric.Name}: {Number(metric.Subject.Median)} {metric.Unit}{ratio}");
    }

    /// <summary>States that something was not as it must be; the run then ends with exit code 1.</summary>
    internal void Wrong(string what, long count = 1)
    {
        if (count <= 0)
        {
            return;
        }

        lock (_wrong)
        {
            _wrongCount += count;
            if (_wrong.Count < MaxWrong)
            {
                _wrong.Add(count == 1 ? what : string.Create(CultureInfo.InvariantCulture, $"{count:N0} times: {what}"));
            }
        }
    }

    /// <summary>States that questions got no decision, as on a busy machine: the figures are not published. No decision at all is wrong.</summary>
    internal void Undecided(string what, long count, long decided)
    {
        if (count > 0 && decided == 0)
        {
            Wrong($"{what}: nothing was decided", count);
        }
        else if (count > 0)
        {
            lock (_undecided)
            {
                _undecided.Add(string.Create(CultureInfo.InvariantCulture, $"{what}: {count:N0}, beside {decided:N0} that were decided"));
            }
        }
    }

    internal void Print(IAnsiConsole console)
    {
        var table = new Table().Border(TableBorder.Ascii2).AddColumn("metric");
        foreach (var title in (string[])["unit", "median", "min", "max", "baseline", "its median", "ratio"])
        {
            table.AddColumn(title is "unit" or "baseline" ? new TableColumn(title) : new TableColumn(title).RightAligned());
        }

        foreach (var metric in _metrics)
        {
            table.AddRow(
            [
                .. new[]
                {
                    metric.Name,
                    metric.Unit,
                    Number(metric.Subject.Median),
                    Number(metric.Subject.Min),
                    Number(metric.Subject.Max),
                    metric.BaselineName ?? "",
                    metric.Baseline is { } baseline ? Number(baseline.Median) : "",
                    metric.Ratio is { } ratio ? Text(ratio) : "",
                }.Select(Markup.Escape),
            ]);
        }

        console.Write(table);
        foreach (var metric in _metrics.Where(metric => metric.Note.Length > 0))
        {
            console.WriteLine($"{metric.Name}: {metric.Note}");
        }

        foreach (var undecided in _undecided)
        {
            console.WriteLine("UNDECIDED: " + undecided);
        }

        foreach (var wrong in _wrong)
        {
            console.WriteLine("WRONG: " + wrong);
        }

        console.WriteLine(IsRight ? "Every decision was right." : string.Create(CultureInfo.InvariantCulture, $"{_wrongCount:N0} things were wrong."));
    }

    /// <summary>Appends a line for each metric to benchmarks/results/COMMAND.jsonl. Figures of a run with wrong or no answers are not kept.</summary>
    internal void Publish(string command, RunIdentity run)
    {
        if (!IsRight || _undecided.Count > 0)
        {
            Say("Not published: something was wrong or undecided.");
            return;
        }

        var path = Path.Combine(Repository.Root, "benchmarks", "results", command + ".jsonl");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.AppendAllLines(path, _metrics.Select(metric => ResultLine.Of(metric, run).ToJson()));
        Say($"Published {_metrics.Count} lines to {Path.GetRelativePath(Repository.Root, path)}.");
    }

    private static string Text(Ratio ratio) => ratio is { Low: { } low, High: { } high }
        ? string.Create(CultureInfo.InvariantCulture, $"{ratio.Value:F3} ({low:F2}-{high:F2})")
        : ratio.Value.ToString("F3", CultureInfo.InvariantCulture);

    internal static string Number(double value) => Math.Abs(value) switch
    {
        >= 1_000 => value.ToString("N0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("F1", CultureInfo.InvariantCulture),
        _ => value.ToString("F3", CultureInfo.InvariantCulture),
    };
}
