using Lookup.Cli.Lists;
using Lookup.Cli.Output;
using Spectre.Console;

namespace Lookup.Cli.Scrub;

/// <summary>Writes the results of a list for people.</summary>
internal static class ScrubSummary
{
    /// <summary>Writes the lines by verdict and reason.</summary>
    /// <param name="console">The console to write to.</param>
    /// <param name="tally">The counts.</param>
    /// <param name="margin">For a sample: returns the margin of error of a count's share; otherwise null.</param>
    public static void WriteTable(IAnsiConsole console, Tally tally, Func<long, double>? margin = null)
    {
        var total = Math.Max(tally.Total, 1);
        var table = new Table().Border(TableBorder.Simple).AddColumns("verdict", "reason").AddColumn("lines", column => column.RightAligned())
            .AddColumn("share", column => column.RightAligned());
        foreach (var (verdict, reason, count) in tally.Rows())
        {
            var share = $"{100.0 * count / total:F1} %";
            table.AddRow(
                new Markup($"[{Color(verdict)}]{SafeText.Escape(verdict)}[/]"),
                new Text(reason),
                new Text($"{count:N0}"),
                new Text(margin is null ? share : $"{share} ± {100 * margin(count):F1}"));
        }

        console.Write(table);
    }

    /// <summary>Writes what the ALLOW answers did not take into account.</summary>
    public static void WriteWarnings(IAnsiConsole console, AnswerBasis basis)
    {
        foreach (var warning in basis.Warnings)
        {
            console.MarkupLine($"[yellow]warning:[/] {SafeText.Escape(warning)}");
        }
    }

    private static string Color(string verdict) => verdict switch { "allow" => "green", "deny" => "red", _ => "yellow" };
}
