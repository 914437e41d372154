using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Lookup.Cli.Options;
using Lookup.Client;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Output;

/// <summary>Prints decisions for people: the verdict, then the reasons, the rules and the times.</summary>
internal static class DecisionPrinter
{
    public static void Write(IAnsiConsole console, in CheckResult result)
    {
        var decision = result.Decision!;
        var not = decision.Hypothetical ? "what-if answer" : result.WhyNot;
        console.MarkupLine($"{Verdict(decision.Verdict)}  {SafeText.Escape(result.Number)}{(not is null ? "" : $"  [grey]({SafeText.Escape(not)}, not a permission to call now)[/]")}");
        foreach (var reason in decision.Reasons)
        {
            WriteReason(console, reason);
        }

        if (decision.Regime.Length > 0)
        {
            Line(console, "rules", decision.RegimeVersion.Length > 0 ? $"{decision.Regime}, version {decision.RegimeVersion}" : decision.Regime);
        }

        Line(console, "call time", decision.CallTime, decision.TimeZone);
        Line(console, "valid until", decision.ValidUntil, decision.TimeZone);
        if (decision.ReusableFor is { } reusable)
        {
            Line(console, "reusable for", string.Create(CultureInfo.InvariantCulture, $"{reusable.ToTimeSpan().TotalMilliseconds:0} ms"));
        }

        Line(console, "next permitted", decision.NextPermittedTime, decision.TimeZone);
        if (decision.RetryAfter is { } retry)
        {
            Line(console, "retry after", string.Create(CultureInfo.InvariantCulture, $"{retry.ToTimeSpan().TotalMilliseconds:0} ms"));
        }
    }

    public static void WriteReason(IAnsiConsole console, Reason reason)
    {
        var rule = string.Join(", ", new[] { reason.Layer == Layer.Unspecified ? "" : Words.Layers.WordFor(reason.Layer), reason.Article }.Where(text => text.Length > 0));
        console.MarkupLine($"  [bold]{Words.Reasons.WordFor(reason.Code)}[/]{(rule.Length > 0 ? $" ({SafeText.Escape(rule)})" : "")}{(reason.Text.Length > 0 ? ": " + SafeText.Escape(reason.Text) : "")}");
        WriteLocal(console, reason);
    }

    private static void WriteLocal(IAnsiConsole console, Reason reason)
    {
        foreach (var (language, text) in reason.Local?.ByLanguage ?? [])
        {
            Line(console, "  " + SafeText.Escape(language), text);
        }
    }

    public static void WriteSteps(IAnsiConsole console, IEnumerable<TraceStep> steps)
    {
        console.MarkupLine("[bold]Evaluated rules[/]");
        foreach (var step in steps)
        {
            var rule = string.Join(", ", new[] { step.Layer == Layer.Unspecified ? "" : Words.Layers.WordFor(step.Layer), step.Article }.Where(text => text.Length > 0));
            console.MarkupLine($"  {SafeText.Escape(step.Rule)}{(rule.Length > 0 ? $" [grey]({SafeText.Escape(rule)})[/]" : "")}: {Outcome(step.Outcome)}{(step.Detail.Length > 0 ? ". " + SafeText.Escape(step.Detail) : "")}");
        }
    }

    public static string Verdict(Verdict verdict) => verdict switch
    {
        V1.Verdict.Allow => "[bold green]ALLOW[/]",
        V1.Verdict.Deny => "[bold red]DENY[/]",
        V1.Verdict.NotCovered => "[bold yellow]NOT_COVERED[/]",
        _ => "[bold yellow]UNKNOWN[/]",
    };

    public static string Time(Timestamp time) => TimeText.Format(time.ToDateTimeOffset());

    /// <summary>Formats a time in the zone of the called number, with its offset and name; in UTC if this machine does not know the zone.</summary>
    public static string Time(Timestamp time, string zone) => TimeText.LocalWithZone(time.ToDateTimeOffset(), zone);

    private static string Outcome(string outcome) => outcome switch
    {
        "forbids" => "[red]forbids[/]",
        "permits" => "[green]permits[/]",
        _ => SafeText.Escape(outcome),
    };

    private static void Line(IAnsiConsole console, string name, Timestamp? time, string zone)
    {
        if (time is not null)
        {
            Line(console, name, Time(time, zone));
        }
    }

    private static void Line(IAnsiConsole console, string name, string text) =>
        console.MarkupLine($"  [grey]{name}:[/] {SafeText.Escape(text)}");
}
