using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Lookup.Cli.Options;
using Lookup.Cli.Output;

namespace Lookup.Cli.Scrub;

/// <summary>One run of a scrub: the first, or one that resumed it.</summary>
internal sealed record ScrubRunRecord(DateTimeOffset Began, long AfterLine, string Service);

/// <summary>
/// The progress of a scrub: everything up to <see cref="Line"/> is durable in the outputs. A resumed run truncates the
/// outputs to the lengths recorded here.
/// </summary>
internal sealed record ScrubState
{
    public const int CurrentFormat = 1;

    public int Format { get; init; } = CurrentFormat;

    /// <summary>Hash of what must be unchanged to resume: the file's size and beginning, its layout, and the question.</summary>
    public string Identity { get; init; } = "";

    /// <summary>The question and the layout of the list, for people.</summary>
    public JsonObject Asked { get; init; } = [];

    /// <summary>Processed bytes of the decompressed input.</summary>
    public long Position { get; init; }

    /// <summary>SHA-256 of the processed bytes, in hex.</summary>
    public string PositionSha256 { get; init; } = "";

    public long Line { get; init; }

    public long Records { get; init; }

    public long Blank { get; init; }

    public SortedDictionary<string, OutputState> Outputs { get; init; } = [];

    public SortedDictionary<string, SortedDictionary<string, long>> Counts { get; init; } = [];

    public AnswerBasis Basis { get; init; } = new();

    public IReadOnlyList<ScrubRunRecord> Runs { get; init; } = [];

    /// <summary>Reads a checkpoint; null if there is none.</summary>
    /// <exception cref="CliException">The checkpoint cannot be read.</exception>
    public static ScrubState? Read(string path)
    {
        try
        {
            var state = JsonSerializer.Deserialize(File.ReadAllBytes(path), ScrubJson.Readable.ScrubState);
            return state?.Format == CurrentFormat ? state : throw new JsonException("Unknown format.");
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException exception)
        {
            throw new CliException($"Checkpoint '{path}' cannot be read: start over with --restart.", inner: exception);
        }
    }

    public void Write(string path) => DurableFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this, ScrubJson.Readable.ScrubState));
}

/// <summary>The basis of the answers, over all chunks.</summary>
internal sealed record AnswerBasis
{
    private const int MaxRules = 64;

    /// <summary>Rules that decided, with their version, for example "NL-2, version 2021-07-01".</summary>
    public SortedSet<string> Rules { get; init; } = new(StringComparer.Ordinal);

    /// <summary>What the ALLOW answers did not take into account, for example "product_group_not_named: ...".</summary>
    public SortedSet<string> Warnings { get; init; } = new(StringComparer.Ordinal);

    /// <summary>The last consistency token.</summary>
    public string ConsistencyToken { get; init; } = "";

    /// <summary>Age of the oldest facts behind an answer, in milliseconds.</summary>
    public double MaxAgeMs { get; init; }

    /// <summary>Earliest time at which a rule or a fact on record may change an ALLOW.</summary>
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
            Warnings = common.Reasons.Count == 0 ? Warnings : new SortedSet<string>([.. Warnings, .. common.Reasons.Select(Describe)], StringComparer.Ordinal),
            ConsistencyToken = common.ConsistencyToken.Length > 0 ? common.ConsistencyToken : ConsistencyToken,
            MaxAgeMs = Math.Max(MaxAgeMs, common.Age?.ToTimeSpan().TotalMilliseconds ?? 0),
            ValidUntil = Earlier(ValidUntil, common.ValidUntil?.ToDateTimeOffset()),
            FirstCallTime = Earlier(FirstCallTime, callTime),
            LastCallTime = LastCallTime is { } last && !(callTime > last) ? last : callTime,
        };
    }

    private static string Describe(V1.Reason reason) => $"{Words.Reasons.WordFor(reason.Code)}: {reason.Text}";

    private static DateTimeOffset? Earlier(DateTimeOffset? a, DateTimeOffset? b) => a is null || b < a ? b ?? a : a;
}

/// <summary>Writes files that are replaced as a whole.</summary>
internal static class DurableFile
{
    /// <summary>Replaces the file atomically: a kill or a power failure leaves either the old or the new one.</summary>
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
    /// <summary>Options for readable JSON: indented, and characters such as "+" are not escaped.</summary>
    public static ScrubJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Encoder = JsonText.Options.Encoder,
    });
}
