using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lookup.Cli.Output;
using Spectre.Console;

namespace Lookup.Cli.Regimes;

/// <summary>
/// Shows the rules of one country in words. Members without a label are shown under their name in the file, so that none is
/// left out.
/// </summary>
internal sealed class RegimeShow(RegimeDocument file, string day)
{
    private static readonly Dictionary<string, string> Labels = new()
    {
        ["subscribers"] = "protects",
        ["kinds"] = "calls",
        ["exemptPurposes"] = "not for purposes",
        ["sectors"] = "callers",
        ["exemptSectors"] = "not for callers",
        ["groups"] = "product groups",
        ["exemptGroups"] = "not for product groups",
        ["exemptAreas"] = "not in areas",
        ["windows"] = "hours",
        ["earlyClose"] = "closes earlier on",
        ["holidays"] = "holidays of the calendar",
        ["max"] = "maximum attempts",
        ["withinHours"] = "within hours",
        ["daysBack"] = "on the day of the call and days before",
        ["abandoned"] = "counts only abandoned calls",
        ["perSubject"] = "per product group",
        ["pauseDays"] = "full days without a call",
        ["final"] = "permanent",
        ["requestedDays"] = "a requested call within days",
        ["afterDays"] = "counts after days",
        ["maxAgeDays"] = "maximum age of the list in days",
        ["later"] = "must be newer than the fact it overrides",
        ["running"] = "must not have ended",
        ["monthsFromLast"] = "months from its end, else its start",
        ["monthsAfterEnd"] = "months after its end",
        ["monthsFromCapture"] = "months from its capture",
        ["firstContactMonths"] = "first call within months",
    };

    // Members shown in the heading, and lists shown after the others.
    private static readonly HashSet<string> Apart =
        ["rule", "by", "layer", "article", "text", "local", "source", "uncertain", "from", "until", "unless", "limits", "effects", "snapshot", "rules", "id", "otherwise", "exempt", "prefix", "records"];

    /// <summary>The row that applies on the day; null if there is none.</summary>
    public RegimeRow? Row { get; } = file.Rows.FirstOrDefault(row => row.HoldsOn(day));

    /// <summary>The row as JSON, with sources in place of their keys and without parts that ended before the day.</summary>
    public JsonObject Json()
    {
        var row = (JsonObject?)Row?.Json.DeepClone();
        if (row is not null)
        {
            DropEnded(row);
            Resolve(row);
        }

        return new JsonObject
        {
            ["country"] = file.Country,
            ["title"] = file.Title,
            ["version"] = file.Version,
            ["file"] = file.Name,
            ["at"] = day,
            ["rows"] = new JsonArray([.. file.Rows.Select(r => new JsonObject { ["id"] = r.Id, ["from"] = r.From, ["until"] = r.Until })]),
            ["row"] = row,
            ["registers"] = new JsonArray([.. Registers().Select(r => r.DeepClone())]),
            ["retention"] = Retention(),
            ["calendars"] = file.Json["calendars"]?.DeepClone() ?? new JsonObject(),
            ["product_groups"] = new JsonArray([.. Groups().Select(g => JsonValue.Create(g))]),
        };
    }

    public void Write(IAnsiConsole console)
    {
        console.MarkupLine($"[bold]{SafeText.Escape(file.Country)}[/]  {SafeText.Escape($"{file.Title}, version {file.Version}, on {day}")}");
        foreach (var other in file.Rows.Where(r => r != Row))
        {
            Line(console, "  ", "other row", $"{other.Id}, {other.Period}");
        }

        if (Row is not { } row)
        {
            console.MarkupLine("  No row of rules applies on this day: every call is NOT_COVERED.");
            return;
        }

        console.MarkupLine($"[bold]{SafeText.Escape(row.Id)}[/] {SafeText.Escape(row.Period)}");
        var json = (JsonObject)row.Json.DeepClone();
        DropEnded(json);
        foreach (var rule in RegimeDocument.Objects(json, "rules"))
        {
            WriteText(console, (string)rule["rule"]!, rule, "  ");
        }

        if (json["exempt"] is JsonObject exempt)
        {
            foreach (var (kind, text) in exempt)
            {
                WriteText(console, $"permitted: {Plain(kind)} calls", text!.AsObject(), "  ");
            }
        }

        if (json["reassigned"] is JsonObject reassigned)
        {
            WriteText(console, "facts recorded before the number was reassigned", reassigned, "  ");
        }

        WriteText(console, "permitted: calls that no rule forbids", json["otherwise"]!.AsObject(), "  ");
        foreach (var range in RegimeDocument.Objects(file.Json, "ranges"))
        {
            WriteText(console, $"never called: +{(string)range["prefix"]!}...", range, "  ");
        }

        foreach (var term in RegimeDocument.Objects(file.Json, "retention"))
        {
            WriteText(console, $"how long records are kept: {string.Join(", ", RegimeDocument.Texts(term, "records"))}", term, "  ");
        }

        foreach (var register in Registers())
        {
            Line(console, "  ", "register", $"{(string)register["name"]!}: {(string)register["title"]!}");
        }

        if (file.Json["calendars"] is JsonObject calendars)
        {
            foreach (var (name, days) in calendars)
            {
                Line(console, "  ", $"calendar {name}", Value(days!));
            }
        }

        foreach (var decreed in RegimeDocument.Objects(file.Json, "decreed"))
        {
            Line(console, "  ", "decreed day", Value(decreed));
        }

        if (Groups() is { Count: > 0 } groups)
        {
            Line(console, "  ", "product groups with rules", string.Join(", ", groups));
        }
    }

    private void WriteText(IAnsiConsole console, string name, JsonObject json, string indent, string? known = null)
    {
        var head = string.Join(", ", new[] { (string?)json["layer"], (string?)json["article"], Start(json) }.Where(part => !string.IsNullOrEmpty(part)));
        console.MarkupLine($"{indent}[bold]{SafeText.Escape(name)}[/]{(head.Length > 0 ? $" ({SafeText.Escape(head)})" : "")}{((string?)json["text"] is { } text ? ": " + SafeText.Escape(text) : "")}");
        indent += "    ";
        if (json["local"] is JsonObject local)
        {
            foreach (var (language, words) in local)
            {
                Line(console, indent, language, (string)words!);
            }
        }

        foreach (var (member, value) in json)
        {
            if (!Apart.Contains(member))
            {
                Member(console, indent, Labels.GetValueOrDefault(member, Plain(member)), value!);
            }
        }

        if (json.ContainsKey("rule"))
        {
            WriteDefaults(console, json, indent);
        }

        // A rule's source also applies to its parts, so it is shown once.
        var source = (string?)json["source"] ?? known;
        if (source is not null && source != known)
        {
            var about = file.Sources[source]!;
            Line(console, indent, "source", $"{(string)about["title"]!}, {(string)about["url"]!}, last checked {(string)about["verified"]!}");
            if ((string?)about["uncertain"] is { } doubt)
            {
                Line(console, indent, "not certain", doubt);
            }
        }

        if ((string?)json["uncertain"] is { } uncertain)
        {
            Line(console, indent, "not certain", uncertain);
        }

        foreach (var permit in RegimeDocument.Objects(json, "unless"))
        {
            WriteText(console, "lifted by " + (string)permit["by"]!, permit, indent, source);
        }

        foreach (var limit in RegimeDocument.Objects(json, "limits"))
        {
            WriteText(console, "limited", limit, indent, source);
        }

        foreach (var effect in RegimeDocument.Objects(json, "effects"))
        {
            WriteText(console, "an entry", effect, indent, source);
        }

        if (json["snapshot"] is JsonObject snapshot)
        {
            WriteText(console, "the list", snapshot, indent, source);
        }
    }

    // Show the defaults of absent members.
    private static void WriteDefaults(IAnsiConsole console, JsonObject rule, string indent)
    {
        if (!rule.ContainsKey("subscribers"))
        {
            Line(console, indent, Labels["subscribers"], "all subscribers");
        }

        if (!rule.ContainsKey("kinds"))
        {
            Line(console, indent, Labels["kinds"], "marketing");
        }
    }

    private string Start(JsonObject json)
    {
        var from = (string?)json["from"];
        var words = RegimeRow.Words(from, (string?)json["until"]);
        return from is not null && string.CompareOrdinal(from, day) > 0 ? words + ", not in force yet" : words;
    }

    private IEnumerable<JsonObject> Registers()
    {
        var asked = Row is null ? [] : RegimeDocument.Objects(Row.Json, "rules").Select(rule => (string?)rule["register"]).ToHashSet();
        return RegimeDocument.Objects(file.Json, "registers").Where(register => asked.Contains((string)register["name"]!));
    }

    private JsonNode Retention()
    {
        var terms = file.Json["retention"]?.DeepClone() ?? new JsonArray();
        Resolve(terms);
        return terms;
    }

    private List<string> Groups() => Row is null
        ? []
        : [.. RegimeDocument.Objects(Row.Json, "rules").SelectMany(rule => RegimeDocument.Texts(rule, "groups").Concat(RegimeDocument.Texts(rule, "exemptGroups"))).Distinct().Order(StringComparer.Ordinal)];

    private void DropEnded(JsonObject json)
    {
        foreach (var list in RegimeDocument.AllObjects(json).SelectMany(o => new[] { o["rules"], o["limits"] }).OfType<JsonArray>().ToList())
        {
            list.RemoveAll(item => (string?)item!["until"] is { } until && string.CompareOrdinal(until, day) <= 0);
        }
    }

    private void Resolve(JsonNode json)
    {
        foreach (var text in RegimeDocument.AllObjects(json).Where(o => o["source"] is JsonValue).ToList())
        {
            text["source"] = file.Sources[(string)text["source"]!]!.DeepClone();
        }
    }

    private static string Value(JsonNode value) => value switch
    {
        JsonArray { Count: 0 } => "none",
        JsonArray items => string.Join(", ", items.Select(item => Value(item!))),
        JsonObject members => string.Join("; ", members.Select(member => $"{member.Key} {Value(member.Value!)}")),
        _ => value.ToString(),
    };

    // Converts "exemptAreas" to "exempt areas".
    private static string Plain(string member)
    {
        var words = new StringBuilder();
        foreach (var c in member)
        {
            words.Append(char.IsAsciiLetterUpper(c) ? $" {char.ToLowerInvariant(c)}" : c == '_' ? " " : c.ToString());
        }

        return words.ToString();
    }

    private static void Member(IAnsiConsole console, string indent, string name, JsonNode value)
    {
        if (value.GetValueKind() == JsonValueKind.True)
        {
            console.MarkupLine($"{indent}{SafeText.Escape(name)}");
        }
        else if (value.GetValueKind() != JsonValueKind.False)
        {
            Line(console, indent, name, Value(value));
        }
    }

    private static void Line(IAnsiConsole console, string indent, string name, string text) =>
        console.MarkupLine($"{indent}[grey]{SafeText.Escape(name)}:[/] {SafeText.Escape(text)}");
}
