using System.Text.Json.Nodes;
using Lookup.Cli.Lists;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Core;
using Spectre.Console;

namespace Lookup.Cli.Impact;

/// <summary>Formats the effect of a new version of the rules.</summary>
internal static class ImpactReport
{
    private static readonly Verdict[] Verdicts = [Verdict.Allow, Verdict.Deny, Verdict.Unknown, Verdict.NotCovered];

    /// <summary>Formats the counts as JSON.</summary>
    public static JsonObject Json(ImpactTally tally) => new()
    {
        ["lines"] = tally.Compared + tally.Invalid,
        ["compared"] = tally.Compared,
        ["changed"] = tally.Changed,
        ["newly_permitted"] = tally.Permitted.Gained,
        ["no_longer_permitted"] = tally.Permitted.Lost,
        ["invalid"] = new JsonArray([.. tally.Faults.Select(fault => new JsonObject
        {
            ["reason"] = fault.Fault.Word(),
            ["lines"] = fault.Row.Lines,
            ["examples"] = new JsonArray([.. fault.Row.Examples.Select(line => new JsonObject { ["line"] = line.Line })]),
        })]),
        ["blank"] = tally.Blank,
        ["regimes"] = new JsonArray([.. tally.Versions.Select(version => new JsonObject
        {
            ["from"] = version.From,
            ["from_version"] = version.FromVersion,
            ["to"] = version.To,
            ["to_version"] = version.ToVersion,
        })]),
        ["verdicts"] = new JsonObject(Verdicts.Select(verdict => KeyValuePair.Create(
            Word(verdict), (JsonNode?)new JsonObject { ["from"] = tally.CountOf(verdict).Now, ["to"] = tally.CountOf(verdict).Then }))),
        ["changes"] = new JsonArray([.. tally.Changes.Select(change => new JsonObject
        {
            ["from"] = Word(change.Key.From),
            ["to"] = Word(change.Key.To),
            ["reason"] = Word(change.Key.Reason),
            ["change"] = Word(change.Key.Added),
            ["regime"] = change.Key.Regime,
            ["article"] = change.Key.Article,
            ["lines"] = change.Row.Lines,
            ["examples"] = new JsonArray([.. change.Row.Examples.Select(line => new JsonObject
            {
                ["line"] = line.Line,
                ["number"] = $"+{line.Number}",
            })]),
        })]),
    };

    /// <summary>Writes the counts for people.</summary>
    public static void Write(IAnsiConsole console, ImpactTally tally, ListLayout layout)
    {
        foreach (var version in tally.Versions)
        {
            console.MarkupLine($"  {SafeText.Escape($"{Name(version.From, version.FromVersion)} -> {Name(version.To, version.ToVersion)}")}");
        }

        if (tally.Changed > 0)
        {
            WriteTable(console, tally);
        }

        console.MarkupLine(tally.Changed == 0
            ? $"[green]Nothing would change.[/] Compared numbers: {tally.Compared:N0}."
            : $"[bold]{tally.Changed:N0} of {tally.Compared:N0} answers would change ({Share(tally.Changed, tally.Compared)}).[/]");
        var (gained, lost) = tally.Permitted;
        if (gained > 0)
        {
            console.MarkupLine($"[yellow]{gained:N0} calls would become permitted.[/]");
        }

        if (lost > 0)
        {
            console.MarkupLine($"{lost:N0} calls would no longer be permitted.");
        }

        console.MarkupLine(string.Join(", ", Verdicts
            .Select(verdict => (Verdict: verdict, Count: tally.CountOf(verdict)))
            .Where(row => row.Count is not (0, 0))
            .Select(row => $"{Word(row.Verdict)} {row.Count.Now:N0} -> {row.Count.Then:N0}")));
        foreach (var (fault, row) in tally.Faults)
        {
            console.MarkupLine(SafeText.Escape(
                $"Not compared, {fault.Word()}: {row.Lines:N0} (line {string.Join(", ", row.Examples.Select(line => line.Line))}{(row.Lines > row.Examples.Count ? ", ..." : "")}): {fault.Describe(layout)}."));
        }
    }

    private static void WriteTable(IAnsiConsole console, ImpactTally tally)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("now", "new", "reason", "regime", "article")
            .AddColumn("lines", column => column.RightAligned())
            .AddColumn("share", column => column.RightAligned())
            .AddColumn("examples");
        foreach (var (key, row) in tally.Changes)
        {
            table.AddRow(
                new Markup(Colored(key.From)),
                new Markup(Colored(key.To)),
                new Text($"{Word(key.Reason)} {(key.Added ? "added" : "removed")}"),
                new Text(key.Regime),
                new Text(key.Article),
                new Text($"{row.Lines:N0}"),
                new Text(Share(row.Lines, tally.Compared)),
                new Text(string.Join('\n', row.Examples.Select(line => $"line {line.Line}: +{line.Number}"))));
        }

        console.Write(table);
    }

    private static string Share(long count, long total) => $"{100.0 * count / Math.Max(total, 1):F1} %";

    private static string Name(string regime, string version) => regime.Length == 0 ? "no regime" : $"{regime} version {version}";

    private static string Colored(Verdict verdict) =>
        $"[{verdict switch { Verdict.Allow => "green", Verdict.Deny => "red", _ => "yellow" }}]{Word(verdict)}[/]";

    // The words of the metric lookup_shadow_differences_total.
    private static string Word(bool added) => added ? "came" : "went";

    private static string Word(Verdict verdict) => Words.Verdicts.WordFor((V1.Verdict)verdict);

    private static string Word(ReasonCode reason) => Words.Reasons.WordFor((V1.ReasonCode)reason);
}
