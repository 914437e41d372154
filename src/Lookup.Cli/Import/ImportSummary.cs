using System.Text.Json.Nodes;
using Lookup.Cli.Files;
using Lookup.Cli.Output;
using Spectre.Console;

namespace Lookup.Cli.Import;

/// <summary>Writes the results of an import.</summary>
internal static class ImportSummary
{
    public static void Write(Shell shell, bool json, InputFile input, ImportPlan plan, bool dryRun, Importer importer, RejectFile rejects, TimeSpan elapsed)
    {
        if (json)
        {
            shell.Output.WriteLine(Json(input.Name, plan, dryRun, importer, rejects, elapsed).ToJsonString(JsonText.Options));
            return;
        }

        var totals = importer.Totals;
        if (totals.ResumedAfter > 0)
        {
            shell.Console.MarkupLine($"Resumed after line {totals.ResumedAfter:N0}.");
        }

        var rate = (totals.Lines - importer.LinesBefore) / Math.Max(elapsed.TotalSeconds, 0.001);
        shell.Console.MarkupLine(
            $"{(dryRun ? "Checked" : "Imported")} {SafeText.Escape(input.Name)}: {totals.Lines:N0} lines in {elapsed.TotalSeconds:N1} s ({rate:N0}/s).");
        shell.Console.MarkupLine($"  [grey]read as:[/] {SafeText.Escape(plan.ReadAs)}");
        shell.Console.MarkupLine(dryRun
            ? $"  {totals.Recorded:N0} would be recorded, {totals.Rejected:N0} rejected"
            : $"  {totals.Recorded:N0} recorded, {totals.Unchanged:N0} unchanged, {totals.Rejected:N0} rejected");
        foreach (var note in plan.Reader.Notes)
        {
            shell.Console.MarkupLine($"  {SafeText.Escape(note)}");
        }

        if (importer.ImportId.Length > 0)
        {
            shell.Console.MarkupLine($"  [grey]import:[/] {importer.ImportId}");
        }

        foreach (var sample in importer.Samples)
        {
            shell.Console.MarkupLine(
                $"  [yellow]{(input.IsSheet ? "row" : "line")} {sample.Line}[/]{(sample.Column.Length > 0 ? $", {SafeText.Escape(sample.Column)}" : "")}: {SafeText.Escape(sample.Reason)}");
        }

        foreach (var warning in importer.Warnings)
        {
            shell.Console.MarkupLine(
                $"  [yellow]warning:[/] {SafeText.Escape(warning.Column)}: {SafeText.Escape(warning.Text)} ({Lines(warning.Count)}, first line {warning.FirstLine})");
        }

        if (importer.RejectedOptOutCount > 0)
        {
            shell.Console.MarkupLine($"  [red]{OptOuts(importer.RejectedOptOutCount, dryRun)}[/]");
        }

        if (totals.Rejected > 0)
        {
            shell.Console.MarkupLine($"  All rejected lines are in {SafeText.Escape(rejects.Path)}");
        }
    }

    private static string Lines(long count) => count == 1 ? "1 line" : $"{count:N0} lines";

    private static string OptOuts(long count, bool dryRun) => (count, dryRun) switch
    {
        (1, false) => "1 opt-out is NOT recorded; this person can still be called.",
        (_, false) => $"{count:N0} opt-outs are NOT recorded; these people can still be called.",
        (1, true) => "1 opt-out would NOT be recorded.",
        _ => $"{count:N0} opt-outs would NOT be recorded.",
    };

    private static JsonObject Json(string name, ImportPlan plan, bool dryRun, Importer importer, RejectFile rejects, TimeSpan elapsed)
    {
        var totals = importer.Totals;
        return new JsonObject
        {
            ["file"] = name,
            ["read_as"] = plan.ReadAs,
            ["dry_run"] = dryRun,
            ["import_id"] = importer.ImportId.Length > 0 ? importer.ImportId : null,
            ["lines"] = totals.Lines,
            ["recorded"] = totals.Recorded,
            ["unchanged"] = totals.Unchanged,
            ["rejected"] = totals.Rejected,
            ["skipped"] = plan.Reader.Skipped,
            ["notes"] = new JsonArray([.. plan.Reader.Notes.Select(note => JsonValue.Create(note))]),
            ["rejected_opt_outs"] = importer.RejectedOptOutCount,
            ["warnings"] = new JsonArray([.. importer.Warnings.Select(warning => new JsonObject
            {
                ["column"] = warning.Column,
                ["warning"] = warning.Text,
                ["lines"] = warning.Count,
                ["first_line"] = warning.FirstLine,
            })]),
            ["resumed_after_line"] = totals.ResumedAfter,
            ["seconds"] = Math.Round(elapsed.TotalSeconds, 3),
            ["rejects_file"] = totals.Rejected > 0 ? rejects.Path : null,
            ["first_rejects"] = new JsonArray([.. importer.Samples.Select(sample => new JsonObject
            {
                ["line"] = sample.Line,
                ["column"] = sample.Column,
                ["reason"] = sample.Reason,
            })]),
        };
    }
}
