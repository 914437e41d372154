using System.Text.Json.Serialization;

namespace Lookup.Redis.Imports;

/// <summary>The state of an import. The values are stored.</summary>
public enum ImportState : byte
{
    /// <summary>Never stored.</summary>
    None = 0,
    /// <summary>Running; or its process crashed, see <see cref="StoredImport.IsSilent"/>.</summary>
    Running = 1,
    /// <summary>Done.</summary>
    Done = 2,
    /// <summary>Interrupted; it can be continued.</summary>
    BrokenOff = 3,
    /// <summary>Being reverted; reverting again continues an interrupted revert.</summary>
    Reverting = 4,
    /// <summary>Reverted.</summary>
    Reverted = 5,
}

/// <summary>The record of one import. Times are Unix milliseconds, 0 for none.</summary>
public sealed record StoredImport
{
    /// <summary>Time without an update after which a running import counts as interrupted, in milliseconds.</summary>
    public const long SilentMs = 60_000;

    /// <summary>Its id, see <see cref="ImportSession"/>.</summary>
    public required string Id { get; init; }

    /// <summary>Its state.</summary>
    public ImportState State { get; init; }

    /// <summary>When it started.</summary>
    public long Begun { get; init; }

    /// <summary>When it was last known to run.</summary>
    public long Touched { get; init; }

    /// <summary>When it ended or was interrupted.</summary>
    public long Ended { get; init; }

    /// <summary>Name of the file; empty if there was none.</summary>
    public string FileName { get; init; } = "";

    /// <summary>SHA-256 of the file on disk, 64 hexadecimal digits; empty if unknown.</summary>
    public string FileSha256 { get; init; } = "";

    /// <summary>Size of the file in bytes; 0 if unknown.</summary>
    public long FileSize { get; init; }

    /// <summary>The person who ran it.</summary>
    public string Actor { get; init; } = "";

    /// <summary>The credential that started it; empty if none was required.</summary>
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

    /// <summary>The source of facts that name none.</summary>
    public string Source { get; init; } = "";

    /// <summary>The register of the snapshot; empty for other imports.</summary>
    public string Register { get; init; } = "";

    /// <summary>Date of the snapshot.</summary>
    public long SnapshotDate { get; init; }

    /// <summary>Number of facts that were new.</summary>
    public long Recorded { get; init; }

    /// <summary>Number of facts that were already stored; for a snapshot the numbers that did not change.</summary>
    public long Unchanged { get; init; }

    /// <summary>Number of facts that were rejected.</summary>
    public long Refused { get; init; }

    /// <summary>Numbers that a snapshot added to the register.</summary>
    public long Additions { get; init; }

    /// <summary>Numbers that a snapshot removed from the register.</summary>
    public long Removals { get; init; }

    /// <summary>Numbers whose categories a snapshot changed.</summary>
    public long Changes { get; init; }

    /// <summary>True if two administrators approved the snapshot.</summary>
    public bool Approved { get; init; }

    /// <summary>Progress of its revert; null if there is none.</summary>
    public StoredRevert? Revert { get; init; }

    /// <summary>The stored text that this was read from, for compare and set; null for a new one.</summary>
    [JsonIgnore]
    public string? Stored { get; init; }

    /// <summary>True if the store lists all its sources.</summary>
    [JsonIgnore]
    public bool ListsSources => Form > 0;

    /// <summary>Upper bound of the facts that it may have changed; <see cref="long.MaxValue"/> if unknown.</summary>
    [JsonIgnore]
    public long FactsAtMost => Register.Length > 0 ? Additions + Removals + Changes
        : Form == 0 && State != ImportState.Done ? long.MaxValue
        : Math.Max(Recorded, Announced);

    /// <summary>True if it has stored nothing, so that its record can be removed.</summary>
    [JsonIgnore]
    public bool IsEmpty => Form > 0 && State is ImportState.Running or ImportState.Done or ImportState.BrokenOff && Register.Length == 0
        && Recorded + Unchanged + Announced == 0 && Revert is null;

    /// <summary>Returns true if the record says that it runs, but was not updated for too long.</summary>
    /// <param name="now">Unix milliseconds.</param>
    public bool IsSilent(long now) => State == ImportState.Running && now - Touched > SilentMs;
}

/// <summary>The progress of a revert.</summary>
public sealed record StoredRevert
{
    /// <summary>When it started, in Unix milliseconds.</summary>
    public long Begun { get; init; }

    /// <summary>When it ended; 0: not yet.</summary>
    public long Ended { get; init; }

    /// <summary>The person who requested it.</summary>
    public string Actor { get; init; } = "";

    /// <summary>The next partition: an interrupted revert continues there, at <see cref="Bucket"/>.</summary>
    public int Partition { get; init; }

    /// <summary>The next bucket.</summary>
    public int Bucket { get; init; }

    /// <summary>The reason.</summary>
    public string Reason { get; init; } = "";

    /// <summary>Changes of all its runs; a run that was killed may lack its last second.</summary>
    public RevertCounts Counts { get; init; } = new();
}

/// <summary>Counts facts by what a revert does with them.</summary>
public sealed record RevertCounts
{
    /// <summary>Versions removed, by name of their kind.</summary>
    public IReadOnlyDictionary<string, long> Gone { get; init; } = new Dictionary<string, long>();

    /// <summary>Versions restored to what they were without the import.</summary>
    public long SetBack { get; init; }

    /// <summary>Versions that stay as they are because others assert them too.</summary>
    public long Passed { get; init; }

    /// <summary>
    /// Versions with an incomplete history: it is unknown what held without the import, so the forbidding state stays.
    /// </summary>
    public long KeptStrict { get; init; }

    /// <summary>
    /// Versions that forbid calls and are removed, or replaced by ones that permit more: the revert may permit calls.
    /// </summary>
    public IReadOnlyDictionary<string, long> MayPermit { get; init; } = new Dictionary<string, long>();
}

/// <summary>The stored form: snake case, so that an operator can read it in redis.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(StoredImport))]
internal sealed partial class StoredImportJson : JsonSerializerContext;
