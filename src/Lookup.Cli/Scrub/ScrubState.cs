using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Lookup.Cli.Output;

namespace Lookup.Cli.Scrub;

/// <summary>One of the runs that a scrub took: the first, and one for each time that it was continued.</summary>
internal sealed record ScrubRunRecord(DateTimeOffset Began, long AfterLine, string Service);

/// <summary>
/// How far a scrub has come: everything up to <see cref="Line"/> is in the outputs and durable. What the outputs hold beyond
/// their lengths here is cut off when the run is continued.
/// </summary>
internal sealed record ScrubState
{
    public const int CurrentFormat = 1;

    public int Format { get; init; } = CurrentFormat;

    /// <summary>Hash of what must be the same to go on: the file's size and beginning, how it is read, and the question.</summary>
    public string Identity { get; init; } = "";

    /// <summary>The question and how the list is read, for people.</summary>
    public JsonObject Asked { get; init; } = [];

    /// <summary>Bytes of the decompressed input that are done.</summary>
    public long Position { get; init; }

    /// <summary>SHA-256 of them, in hex.</summary>
    public string PositionSha256 { get; init; } = "";

    public long Line { get; init; }

    public long Records { get; init; }

    public long Blank { get; init; }

    public SortedDictionary<string, OutputState> Outputs { get; init; } = [];

    public SortedDictionary<string, SortedDictionary<string, long>> Counts { get; init; } = [];

    public AnswerBasis Basis { get; init; } = new();

    public IReadOnlyList<ScrubRunRecord> Runs { get; init; } = [];

    /// <summary>Reads a checkpoint; null where there is none.</summary>
    /// <exception cref="CliException">It cannot be read.</exception>
    public static ScrubState? Read(string path)
    {
        try
        {
            var state = JsonSerializer.Deserialize(File.ReadAllBytes(path), ScrubJson.Readable.ScrubState);
            return state?.Format == CurrentFormat ? state : throw new JsonException("It has another format.");
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException exception)
        {
            throw new CliException($"The checkpoint '{path}' cannot be read: begin anew with --restart.", inner: exception);
        }
    }

    public void Write(string path) => DurableFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this, ScrubJson.Readable.ScrubState));
}

/// <summary>What the answers rested on, over all chunks.</summary>
internal sealed record AnswerBasis
{
    private const int MaxRules = 64;

    /// <summary>Rules that decided, with their version: "NL-2, version 2021-07-01".</summary>
    public SortedSet<string> Rules { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Token of the last answer that had one.</summary>
    public string ConsistencyToken { get; init; } = "";

    /// <summary>Age of the oldest facts that an answer rested on, in milliseconds.</summary>
    public double MaxAgeMs { get; init; }

    /// <summary>First moment at which a regime or a fact on record may change an ALLOW.</summary>
    public DateTimeOffset? ValidUntil { get; init; }

    public DateTimeOffset? FirstCallTime { get; init; }

    public DateTimeOffset? LastCallTime { get; init; }

    public AnswerBasis With(V1.Decision common, IReadOnlyList<V1.RegimeVersion> regimes)
    {
        var rules = Rules;
        foreach (var regime in regimes)
        {
            var rule = $"{regime.Regime}, version {regime.Version}";
            if (!rules.Contains(rule) && rules.Count < MaxRules)
            {
                rules = new SortedSet<string>(rules, StringComparer.Ordinal) { rule };
            }
        }

        var callTime = common.CallTime?.ToDateTimeOffset();
        return this with
        {
            Rules = rules,
            ConsistencyToken = common.ConsistencyToken.Length > 0 ? common.ConsistencyToken : ConsistencyToken,
            MaxAgeMs = Math.Max(MaxAgeMs, common.Age?.ToTimeSpan().TotalMilliseconds ?? 0),
            ValidUntil = Earlier(ValidUntil, common.ValidUntil?.ToDateTimeOffset()),
            FirstCallTime = Earlier(FirstCallTime, callTime),
            LastCallTime = LastCallTime is { } last && !(callTime > last) ? last : callTime,
        };
    }

    private static DateTimeOffset? Earlier(DateTimeOffset? a, DateTimeOffset? b) => a is null || b < a ? b ?? a : a;
}

/// <summary>Files that are replaced as a whole.</summary>
internal static class DurableFile
{
    /// <summary>Writes it so that a kill or a power failure leaves either the old or the new one.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var next = path + ".new";
        using (var stream = new FileStream(next, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            stream.Write(content);
            stream.Flush(flushToDisk: true);
        }

        File.Move(next, path, overwrite: true);
    }
}

[JsonSerializable(typeof(ScrubState))]
[JsonSerializable(typeof(ScrubManifest))]
internal sealed partial class ScrubJson : JsonSerializerContext
{
    /// <summary>As people read it too: signs such as "+" are left as they are.</summary>
    public static ScrubJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Encoder = JsonText.Options.Encoder,
    });
}
