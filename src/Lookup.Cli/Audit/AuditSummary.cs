using System.Text.Json;
using System.Text.Json.Nodes;
using Lookup.Cli.Output;
using Spectre.Console;

namespace Lookup.Cli.Audit;

/// <summary>Formats what an audit found.</summary>
/// <param name="state">What was found.</param>
/// <param name="groups">Names of the columns counted by.</param>
/// <param name="receipts">The receipts; null: checks were not audited.</param>
/// <param name="numbers">What is on record about the called numbers; null: it was not read.</param>
internal sealed class AuditSummary(AuditState state, string[] groups, ReceiptIndex? receipts, NumberTally? numbers)
{
    /// <summary>Returns what a reader must know about how calls were read and receipts were matched.</summary>
    public static IEnumerable<string> Notes(AuditState state, ReceiptIndex? receipts)
    {
        if (state.Ambiguous > 0)
        {
            yield return $"{state.Ambiguous:N0} calls are at a local time that occurred twice, because clocks were set back. Both readings were decided, and the stricter one counts.";
        }

        if (receipts is null)
        {
            yield break;
        }

        if (!receipts.IsVerified)
        {
            yield return "The receipts were not verified, because no public key was named (--public-key).";
        }

        if (receipts.Lists > 0)
        {
            yield return $"{receipts.Lists:N0} receipts of lists contain no numbers, so they match no call.";
        }

        if (receipts.Unproven > 0)
        {
            yield return $"{receipts.Unproven:N0} receipts are not signed and were left out. A running service signs within a second.";
        }

        if (receipts.Answers > 0 && state.Calls > 0 && state.Checks[(int)CheckState.NeverChecked] == state.Calls)
        {
            yield return "No receipt is about a number of these calls. If they were checked, the receipts are of other instances or days, or of another encryption key (--key-file).";
        }
    }

    /// <summary>Writes the summary for people.</summary>
    public void Write(IAnsiConsole console)
    {
        WriteCounts(console, Enum.GetValues<Finding>().Select(finding => (AuditTally.NameOf(finding), state.Findings[(int)finding])));
        if (receipts is not null)
        {
            console.MarkupLine("[bold]Checks before the calls, by receipts[/]");
            WriteCounts(console, Enum.GetValues<CheckState>().Select(check => (AuditTally.NameOf(check), state.Checks[(int)check])));
        }

        foreach (var note in Notes(state, receipts))
        {
            console.MarkupLine($"[yellow]{SafeText.Escape(note)}[/]");
        }

        if (state.Reasons().Any())
        {
            console.MarkupLine("[bold]Calls to answer for, by reason[/]");
            foreach (var (reason, article, calls) in state.Reasons())
            {
                console.MarkupLine($"  {calls,12:N0}  {reason}{(article.Length > 0 ? $" ({SafeText.Escape(article)})" : "")}");
            }
        }

        if (state.Late.Count > 0)
        {
            console.MarkupLine($"[bold]Records that arrived after the call, from effect to record[/]: {state.Late.Describe()}");
        }

        for (var i = 0; i < groups.Length; i++)
        {
            console.MarkupLine($"[bold]By {SafeText.Escape(groups[i])}[/]");
            foreach (var (name, count) in state.Groups[i].OrderByDescending(group => group.Value.ToAnswerFor).ThenBy(group => group.Key, StringComparer.Ordinal))
            {
                console.MarkupLine($"  {count.ToAnswerFor,12:N0} of {count.Calls,-12:N0}  {SafeText.Escape(name)}{(count.Late is { } late ? $"; late records: {late.Describe()}" : "")}");
            }
        }

        foreach (var (warning, calls) in state.Warnings)
        {
            console.MarkupLine($"[yellow]warning:[/] {calls:N0} permitted calls: {SafeText.Escape(warning)}");
        }

        foreach (var (line, fault) in state.Faults)
        {
            console.MarkupLine($"[yellow]Line {line}: {SafeText.Escape(fault)}; not audited.[/]");
        }
    }

    /// <summary>Returns the summary for programs.</summary>
    public JsonObject Json()
    {
        var json = new JsonObject
        {
            ["calls"] = state.Calls,
            ["to_answer_for"] = state.ToAnswerFor,
            ["not_placed"] = state.NotPlaced,
            ["left_out"] = state.LeftOut,
            ["not_audited"] = state.Faulty,
            ["findings"] = Counts(Enum.GetValues<Finding>(), state.Findings),
        };
        json["notes"] = new JsonArray([.. Notes(state, receipts).Select(note => (JsonNode)note)]);
        json["warnings"] = new JsonObject(state.Warnings.Select(one => KeyValuePair.Create(one.Key, (JsonNode?)one.Value)));
        if (receipts is not null)
        {
            json["checks"] = Counts(Enum.GetValues<CheckState>(), state.Checks);
            json["receipts"] = receipts.Answers;
            json["receipts_of_lists"] = receipts.Lists;
            json["receipts_not_signed"] = receipts.Unproven;
            json["receipts_verified"] = receipts.IsVerified;
        }

        json["reasons"] = new JsonArray([.. state.Reasons().Select(reason => new JsonObject
        {
            ["reason"] = reason.Reason,
            ["article"] = reason.Article,
            ["calls"] = reason.Calls,
        })]);
        json["by"] = new JsonObject(groups.Select((name, i) => KeyValuePair.Create(name, (JsonNode?)new JsonObject(
            state.Groups[i].OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => KeyValuePair.Create(
                group.Key, (JsonNode?)Json(group.Value)))))));
        json["late_records"] = Json(state.Late);
        if (numbers is not null)
        {
            json["numbers"] = numbers.Json();
        }

        return json;
    }

    private JsonObject Json(CallCount count)
    {
        var json = new JsonObject { ["calls"] = count.Calls, ["to_answer_for"] = count.ToAnswerFor };
        if (receipts is not null)
        {
            json["never_checked"] = count.NeverChecked;
        }

        if (numbers is not null)
        {
            json["objections"] = count.Objections;
        }

        if (count.Late is { } late)
        {
            json["late_records"] = Json(late);
        }

        return json;
    }

    private static JsonObject Json(DelayCount late) => new()
    {
        ["calls"] = late.Count,
        ["median_delay_seconds"] = late.Median,
        ["worst_delay_seconds"] = late.Worst,
    };

    private static JsonObject Counts<T>(T[] names, long[] counts)
        where T : struct, Enum =>
        new(names.Select((name, i) => KeyValuePair.Create(JsonNamingPolicy.SnakeCaseLower.ConvertName(name.ToString()), (JsonNode?)JsonValue.Create(counts[i]))));

    private void WriteCounts(IAnsiConsole console, IEnumerable<(string Name, long Count)> counts)
    {
        var table = new Table { Border = TableBorder.None, ShowHeaders = false };
        table.AddColumns(new TableColumn(""), new TableColumn("").RightAligned(), new TableColumn("").RightAligned());
        foreach (var (name, count) in counts)
        {
            table.AddRow(name, $"{count:N0}", state.Calls == 0 ? "" : $"{(double)count / state.Calls:P2}");
        }

        console.Write(table);
    }
}
