using System.Text.Json.Serialization;

namespace Lookup.Redis.Imports;

/// <summary>Where an import stands. The values are stored.</summary>
public enum ImportState : byte
{
    /// <summary>Never stored.</summary>
    None = 0,
    /// <summary>Under way; or its process died without a word, which <see cref="StoredImport.IsSilent"/> tells.</summary>
    Running = 1,
    /// <summary>Ended well.</summary>
    Done = 2,
    /// <summary>Ended before its end; it can be continued.</summary>
    BrokenOff = 3,
    /// <summary>Being reverted; a revert that was broken off is continued by reverting again.</summary>
    Reverting = 4,
    /// <summary>Reverted.</summary>
    Reverted = 5,
}

/// <summary>What the store keeps of one import. Times are Unix milliseconds, 0 for none.</summary>
public sealed record StoredImport
{
    /// <summary>How long an import that runs may be silent before it is taken for broken off, in milliseconds.</summary>
    public const long SilentMs = 60_000;

    /// <summary>Its id, see <see cref="ImportSession"/>.</summary>
    public required string Id { get; init; }

    /// <summary>Where it stands.</summary>
    public ImportState State { get; init; }

    /// <summary>When it began.</summary>
    public long Begun { get; init; }

    /// <summary>When it last said that it runs.</summary>
    public long Touched { get; init; }

    /// <summary>When it ended, well or not.</summary>
    public long Ended { get; init; }

    /// <summary>Name of the file; empty where there was none.</summary>
    public string FileName { get; init; } = "";

    /// <summary>SHA-256 of the file as it lies on the disk, 64 hexadecimal digits; empty where it is not known.</summary>
    public string FileSha256 { get; init; } = "";

    /// <summary>Size of the file in bytes; 0 where it is not known.</summary>
    public long FileSize { get; init; }

    /// <summary>Who ran it.</summary>
    public string Actor { get; init; } = "";

    /// <summary>The credential that began it; empty where none was asked for.</summary>
    public string Credential { get; init; } = "";

    /// <summary>
    /// 1: the import announces facts before it stores them, and its sources are listed. 0: an earlier version, which does neither,
    /// wrote the record last.
    /// </summary>
    public int Form { get; init; }

    /// <summary>
    /// The most facts that it may have stored, while its counts are not final: it runs, was continued, or its process ended early. 0: the
    /// counts are exact.
    /// </summary>
    public long Announced { get; init; }

    /// <summary>The source of its facts, where they name none.</summary>
    public string Source { get; init; } = "";

    /// <summary>The register that it is a snapshot of; empty for none.</summary>
    public string Register { get; init; } = "";

    /// <summary>Date of the snapshot.</summary>
    public long SnapshotDate { get; init; }

    /// <summary>Facts that brought something new.</summary>
    public long Recorded { get; init; }

    /// <summary>Facts that were known already; for a snapshot the numbers that did not change.</summary>
    public long Unchanged { get; init; }

    /// <summary>Facts that were refused.</summary>
    public long Refused { get; init; }

    /// <summary>Of a snapshot: numbers that came onto the register.</summary>
    public long Additions { get; init; }

    /// <summary>Of a snapshot: numbers that left it.</summary>
    public long Removals { get; init; }

    /// <summary>Of a snapshot: numbers whose categories changed.</summary>
    public long Changes { get; init; }

    /// <summary>Of a snapshot: two administrators approved it.</summary>
    public bool Approved { get; init; }

    /// <summary>What its revert has done so far; null where there is none.</summary>
    public StoredRevert? Revert { get; init; }

    /// <summary>The stored text that this was read from, for compare and set; null for a new one.</summary>
    [JsonIgnore]
    public string? Stored { get; init; }

    /// <summary>The store lists all its sources.</summary>
    [JsonIgnore]
    public bool ListsSources => Form > 0;

    /// <summary>The most facts that it may have changed; <see cref="long.MaxValue"/> if unknown.</summary>
    [JsonIgnore]
    public long FactsAtMost => Register.Length > 0 ? Additions + Removals + Changes
        : Form == 0 && State != ImportState.Done ? long.MaxValue
        : Math.Max(Recorded, Announced);

    /// <summary>It has stored nothing, so its record can be removed.</summary>
    [JsonIgnore]
    public bool IsEmpty => Form > 0 && State is ImportState.Running or ImportState.Done or ImportState.BrokenOff && Register.Length == 0
        && Recorded + Unchanged + Announced == 0 && Revert is null;

    /// <summary>Runs by its record but has been silent too long.</summary>
    /// <param name="now">Unix milliseconds.</param>
    public bool IsSilent(long now) => State == ImportState.Running && now - Touched > SilentMs;
}

/// <summary>What a revert has done.</summary>
public sealed record StoredRevert
{
    /// <summary>When it began, in Unix milliseconds.</summary>
    public long Begun { get; init; }

    /// <summary>When it ended; 0: not yet.</summary>
    public long Ended { get; init; }

    /// <summary>Who asked for it.</summary>
    public string Actor { get; init; } = "";

    /// <summary>The partition that is next, and the bucket in it: where a revert that was broken off goes on.</summary>
    public int Partition { get; init; }

    /// <summary>The bucket that is next.</summary>
    public int Bucket { get; init; }

    /// <summary>Why.</summary>
    public string Reason { get; init; } = "";

    /// <summary>What it did, summed over all its runs; of one that was killed without its last second.</summary>
    public RevertCounts Counts { get; init; } = new();
}

/// <summary>Facts by what a revert does with them.</summary>
public sealed record RevertCounts
{
    /// <summary>Versions that went, by name of their kind.</summary>
    public IReadOnlyDictionary<string, long> Gone { get; init; } = new Dictionary<string, long>();

    /// <summary>Versions set back to what they were without the import.</summary>
    public long SetBack { get; init; }

    /// <summary>Versions that stay as they are because others assert them too.</summary>
    public long Passed { get; init; }

    /// <summary>
    /// Versions of histories that are no longer whole: what held without the import is not known, so the side that
    /// forbids stays.
    /// </summary>
    public long KeptStrict { get; init; }

    /// <summary>Versions that forbade and go, or permit less than what comes back: calls can become permitted by them.</summary>
    public IReadOnlyDictionary<string, long> MayPermit { get; init; } = new Dictionary<string, long>();
}

/// <summary>The stored form: snake case, so that an operator can read it in redis.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(StoredImport))]
internal sealed partial class StoredImportJson : JsonSerializerContext;
