using System.Text.Json;
using System.Text.Json.Serialization;
using Lookup.Cli.Scrub;

namespace Lookup.Cli.Audit;

/// <summary>Calls counted together.</summary>
internal sealed class CallCount
{
    public long Calls { get; set; }

    public long ToAnswerFor { get; set; }

    /// <summary>Calls whose receipts can show a check.</summary>
    public long Comparable { get; set; }

    /// <summary>Of those, the calls without a check.</summary>
    public long NeverChecked { get; set; }

    /// <summary>Numbers whose subscriber objected in the days after a call.</summary>
    public long Objections { get; set; }

    /// <summary>Of the calls that a late record forbids; null if there are none.</summary>
    public DelayCount? Late { get; set; }
}

/// <summary>Calls to answer for on the same ground.</summary>
internal sealed class GroundCount
{
    public string Finding { get; set; } = "";

    /// <summary>The word of the reason.</summary>
    public string Reason { get; set; } = "";

    public string Layer { get; set; } = "";

    public string Article { get; set; } = "";

    public string Text { get; set; } = "";

    public long Calls { get; set; }

    /// <summary>The first calls, as written to the file of findings.</summary>
    public List<string[]> Shown { get; set; } = [];
}

/// <summary>The calls of a day.</summary>
internal sealed class DayCount
{
    public long Allow { get; set; }

    public long Deny { get; set; }

    public long NotCovered { get; set; }

    public long Unknown { get; set; }

    public long ToAnswerFor { get; set; }
}

/// <summary>A line that could not be audited.</summary>
/// <param name="Line">Its number.</param>
/// <param name="Fault">The reason.</param>
internal sealed record LineFault(long Line, string Fault);

/// <summary>What an audit has found up to a line. A stopped audit resumes from it.</summary>
internal sealed class AuditState
{
    /// <summary>Hash of what must be unchanged to resume: the file, the question and the options.</summary>
    public string Identity { get; set; } = "";

    /// <summary>The last line that is counted.</summary>
    public long Line { get; set; }

    /// <summary>Lines counted.</summary>
    public long Lines { get; set; }

    /// <summary>Length of the file of findings up to this line, in bytes.</summary>
    public long FindingsBytes { get; set; }

    public long Calls { get; set; }

    public long NotPlaced { get; set; }

    public long Faulty { get; set; }

    /// <summary>Calls with a finding or without a valid check.</summary>
    public long ToAnswerFor { get; set; }

    /// <summary>Time of the first call, in Unix milliseconds; the greatest value without calls.</summary>
    public long First { get; set; } = long.MaxValue;

    /// <summary>Time of the last call.</summary>
    public long Last { get; set; }

    /// <summary>Delays of late records.</summary>
    public DelayCount Late { get; set; } = new();

    public long[] Findings { get; set; } = new long[Enum.GetValues<Finding>().Length];

    public long[] Checks { get; set; } = new long[Enum.GetValues<CheckState>().Length];

    /// <summary>Lines outside the period, or without the value that the audit is limited to.</summary>
    public long LeftOut { get; set; }

    /// <summary>Calls at a time that occurs twice, when clocks are set back.</summary>
    public long Ambiguous { get; set; }

    /// <summary>Calls to answer for by finding, reason, article and text.</summary>
    public Dictionary<string, GroundCount> Grounds { get; set; } = [];

    /// <summary>Calls by the rules that decided, with their version.</summary>
    public SortedDictionary<string, long> Rules { get; set; } = new(StringComparer.Ordinal);

    /// <summary>Permitted calls by what the answer on today's records does not take into account.</summary>
    public SortedDictionary<string, long> Warnings { get; set; } = new(StringComparer.Ordinal);

    /// <summary>Calls by the values of each column to count by.</summary>
    public Dictionary<string, CallCount>[] Groups { get; set; } = [];

    /// <summary>Calls by date in the zone of the records, as yyyy-MM-dd.</summary>
    public SortedDictionary<string, DayCount> Days { get; set; } = new(StringComparer.Ordinal);

    public List<LineFault> Faults { get; set; } = [];

    /// <summary>Calls whose receipts can show a check: from the first receipt on, and not erased.</summary>
    [JsonIgnore]
    public long Comparable => Calls - Checks[(int)CheckState.BeforeReceipts] - Checks[(int)CheckState.Erased];

    /// <summary>Returns the reasons of the findings, the most frequent first. A call that was only not checked has none.</summary>
    /// <param name="finding">The findings to count; null: all.</param>
    public IEnumerable<(string Reason, string Article, long Calls)> Reasons(string? finding = null) => Grounds.Values
        .Where(ground => ground.Reason.Length > 0 && (finding is null || ground.Finding == finding))
        .GroupBy(ground => (ground.Reason, ground.Article))
        .Select(group => (group.Key.Reason, group.Key.Article, Calls: group.Sum(ground => ground.Calls)))
        .OrderByDescending(reason => reason.Calls)
        .ThenBy(reason => reason.Reason, StringComparer.Ordinal).ThenBy(reason => reason.Article, StringComparer.Ordinal);

    /// <summary>Reads the state of a stopped audit; null if there is none, or of another file or question.</summary>
    public static AuditState? Read(string path, string identity)
    {
        try
        {
            var state = JsonSerializer.Deserialize(File.ReadAllBytes(path), AuditJson.Default.AuditState);
            return state?.Identity == identity ? state : null;
        }
        catch (Exception exception) when (exception is JsonException or FileNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Replaces the file atomically.</summary>
    public void Write(string path) => DurableFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this, AuditJson.Default.AuditState));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(AuditState))]
internal sealed partial class AuditJson : JsonSerializerContext;
