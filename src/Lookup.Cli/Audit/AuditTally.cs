using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Audit;

/// <summary>Counts what an audit found and writes the findings to a file, one line each.</summary>
/// <param name="findings">Receives the findings as CSV.</param>
/// <param name="groups">Names of the columns to count by.</param>
internal sealed class AuditTally(TextWriter findings, string[] groups)
{
    // A column of call ids instead of campaigns would fill the memory.
    private const int MaxGroups = 1_000;

    private readonly long[] _counts = new long[Enum.GetValues<Finding>().Length];
    private readonly SortedDictionary<(ReasonCode Code, string Article), long> _reasons = [];
    private readonly SortedDictionary<string, long[]>[] _groups = [.. groups.Select(_ => new SortedDictionary<string, long[]>(StringComparer.Ordinal))];
    private readonly List<(long Line, string Fault)> _faults = [];

    /// <summary>Lines that could not be audited, at most this many of which are kept for the summary.</summary>
    public const int MaxFaults = 5;

    public long Calls { get; private set; }

    public long NotPlaced { get; private set; }

    public long Faulty { get; private set; }

    /// <summary>Calls that were permitted neither then nor now, or in one of the two views only, or that cannot be decided.</summary>
    public long ToAnswerFor => Calls - _counts[(int)Finding.Permitted];

    public static string NameOf(Finding finding) => finding switch
    {
        Finding.Permitted => "permitted",
        Finding.NotPermitted => "not permitted",
        Finding.PermittedByLaterRecord => "permitted only by what was recorded after the call",
        Finding.ForbiddenByLaterRecord => "forbidden by what was recorded after the call",
        _ => "undecided",
    };

    public void WriteHeader() =>
        findings.WriteLine(string.Join(',', ["line", "number", "called", "finding", "reason", "layer", "article", "text", "then", "now", .. groups.Select(SafeText.Cell)]));

    /// <summary>Counts a line.</summary>
    /// <param name="call">The line.</param>
    /// <param name="audited">Its decisions; null if it is not a call to audit.</param>
    public void Add(CallLine call, AuditedCall? audited)
    {
        if (audited is null)
        {
            AddOther(call);
            return;
        }

        Calls++;
        _counts[(int)audited.Finding]++;
        for (var i = 0; i < groups.Length; i++)
        {
            Count(_groups[i], call.Groups[i], audited.Finding);
        }

        if (audited.Finding == Finding.Permitted)
        {
            return;
        }

        var reason = audited.Ground.Reasons.FirstOrDefault() ?? new Reason();
        _reasons[(reason.Code, reason.Article)] = _reasons.GetValueOrDefault((reason.Code, reason.Article)) + 1;
        findings.WriteLine(string.Join(
            ',',
            [
                call.Line.ToString(CultureInfo.InvariantCulture),
                $"+{call.Number}",
                TimeText.Format(call.At.ToUniversalTime()),
                SafeText.Cell(NameOf(audited.Finding)),
                Words.Reasons.WordFor(reason.Code),
                reason.Layer == Layer.Unspecified ? "" : Words.Layers.WordFor(reason.Layer),
                SafeText.Cell(reason.Article),
                SafeText.Cell(reason.Text),
                Words.Verdicts.WordFor(audited.Then.Verdict),
                Words.Verdicts.WordFor(audited.Now.Verdict),
                .. call.Groups.Select(SafeText.Cell),
            ]));
    }

    /// <summary>Writes the summary for people.</summary>
    public void Write(IAnsiConsole console)
    {
        var table = new Table { Border = TableBorder.None, ShowHeaders = false };
        table.AddColumns(new TableColumn(""), new TableColumn("").RightAligned(), new TableColumn("").RightAligned());
        foreach (var finding in Enum.GetValues<Finding>())
        {
            table.AddRow(NameOf(finding), $"{_counts[(int)finding]:N0}", Calls == 0 ? "" : $"{(double)_counts[(int)finding] / Calls:P2}");
        }

        console.Write(table);
        if (_reasons.Count > 0)
        {
            console.MarkupLine("[bold]Calls to answer for, by reason[/]");
            foreach (var ((code, article), count) in _reasons.OrderByDescending(reason => reason.Value))
            {
                console.MarkupLine($"  {count,12:N0}  {Words.Reasons.WordFor(code)}{(article.Length > 0 ? $" ({SafeText.Escape(article)})" : "")}");
            }
        }

        for (var i = 0; i < groups.Length; i++)
        {
            console.MarkupLine($"[bold]By {SafeText.Escape(groups[i])}[/]");
            foreach (var (name, counts) in _groups[i].OrderByDescending(group => Bad(group.Value)))
            {
                console.MarkupLine($"  {Bad(counts),12:N0} of {counts.Sum(),-12:N0}  {SafeText.Escape(name)}");
            }
        }

        foreach (var (line, fault) in _faults)
        {
            console.MarkupLine($"[yellow]Line {line}: {SafeText.Escape(fault)}; not audited.[/]");
        }
    }

    /// <summary>Returns the summary for programs.</summary>
    public JsonObject Json() => new()
    {
        ["calls"] = Calls,
        ["not_placed"] = NotPlaced,
        ["not_audited"] = Faulty,
        ["findings"] = new JsonObject(Enum.GetValues<Finding>().Select(finding =>
            KeyValuePair.Create(JsonName(finding), (JsonNode?)JsonValue.Create(_counts[(int)finding])))),
        ["reasons"] = new JsonArray([.. _reasons.OrderByDescending(reason => reason.Value).Select(reason => new JsonObject
        {
            ["reason"] = Words.Reasons.WordFor(reason.Key.Code),
            ["article"] = reason.Key.Article,
            ["calls"] = reason.Value,
        })]),
        ["by"] = new JsonObject(groups.Select((name, i) => KeyValuePair.Create(name, (JsonNode?)new JsonObject(_groups[i].Select(group =>
            KeyValuePair.Create(group.Key, (JsonNode?)new JsonObject { ["calls"] = group.Value.Sum(), ["to_answer_for"] = Bad(group.Value) })))))),
    };

    private static string JsonName(Finding finding) => JsonNamingPolicy.SnakeCaseLower.ConvertName(finding.ToString());

    private static long Bad(long[] counts) => counts.Sum() - counts[(int)Finding.Permitted];

    private static void Count(SortedDictionary<string, long[]> group, string value, Finding finding)
    {
        value = group.ContainsKey(value) || group.Count < MaxGroups ? value : "(others)";
        if (!group.TryGetValue(value, out var counts))
        {
            group[value] = counts = new long[Enum.GetValues<Finding>().Length];
        }

        counts[(int)finding]++;
    }

    private void AddOther(CallLine call)
    {
        if (call.Fault.Length == 0)
        {
            NotPlaced++;
            return;
        }

        Faulty++;
        if (_faults.Count < MaxFaults)
        {
            _faults.Add((call.Line, call.Fault));
        }
    }
}
