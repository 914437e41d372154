using System.Text.Json;
using System.Text.Json.Serialization;
using Lookup.Cli.Scrub;

namespace Lookup.Cli.Audit;

/// <summary>Calls counted together.</summary>
internal sealed class CallCount
{
    public long Calls { get; set; }

    public long ToAnswerFor { get; set; }

    /// <summary>Of the calls that a late record forbids; null if there are none.</summary>
    public DelayCount? Late { get; set; }
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

    /// <summary>Calls with a finding, by the word of the reason, a tab and the article.</summary>
    public Dictionary<string, long> Reasons { get; set; } = [];

    /// <summary>Permitted calls by what the answer on today's records does not take into account.</summary>
    public SortedDictionary<string, long> Warnings { get; set; } = new(StringComparer.Ordinal);

    /// <summary>Calls by the values of each column to count by.</summary>
    public Dictionary<string, CallCount>[] Groups { get; set; } = [];

    /// <summary>Calls by date in the zone of the records, as yyyy-MM-dd.</summary>
    public SortedDictionary<string, DayCount> Days { get; set; } = new(StringComparer.Ordinal);

    public List<LineFault> Faults { get; set; } = [];

    /// <summary>The first findings, as written to the file.</summary>
    public List<string[]> Shown { get; set; } = [];

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
