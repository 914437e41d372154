using System.Globalization;
using System.Text.Json.Nodes;
using Lookup.Cli.Output;
using Spectre.Console;

namespace Lookup.Cli.Regimes;

/// <summary>Lists the countries with rules: rows, periods, dates on which sources were last checked, and open legal questions.</summary>
internal static class RegimeList
{
    public static JsonObject Json(IEnumerable<RegimeDocument> files) => new()
    {
        ["countries"] = new JsonArray([.. files.Select(file => new JsonObject
        {
            ["country"] = file.Country,
            ["title"] = file.Title,
            ["version"] = file.Version,
            ["file"] = file.Name,
            ["rows"] = new JsonArray([.. file.Rows.Select(row => new JsonObject
            {
                ["id"] = row.Id,
                ["from"] = row.From,
                ["until"] = row.Until,
                ["verified"] = Verified(file, row),
            })]),
            ["uncertain"] = new JsonArray([.. file.UncertainIn(file.Json).Select(one => new JsonObject
            {
                ["what"] = one.Sentence,
                ["of"] = new JsonArray([.. one.Of.Select(text => JsonValue.Create(text))]),
            })]),
        })]),
    };

    public static void Write(IAnsiConsole console, IEnumerable<RegimeDocument> files)
    {
        foreach (var file in files)
        {
            console.MarkupLine($"[bold]{SafeText.Escape(file.Country)}[/]  {SafeText.Escape($"{file.Title}, version {file.Version}")}");
            foreach (var row in file.Rows)
            {
                console.MarkupLine($"    {SafeText.Escape($"{row.Id,-6} {row.Period,-24} sources last checked {Verified(file, row)}")}");
            }

            WriteUncertain(console, file.UncertainIn(file.Json), "    ");
        }
    }

    public static void WriteUncertain(IAnsiConsole console, IEnumerable<(string Sentence, IReadOnlyList<string> Of)> uncertain, string indent)
    {
        foreach (var (sentence, of) in uncertain)
        {
            console.MarkupLine($"{indent}[yellow]not certain:[/] {SafeText.Escape($"{string.Join("; ", of)}: {sentence}")}");
        }
    }

    // The oldest date counts: a row is as well checked as its worst source.
    private static string Verified(RegimeDocument file, RegimeRow row) =>
        RegimeDocument.SourcesIn(row.Json).Select(file.VerifiedOn).DefaultIfEmpty().Min().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
