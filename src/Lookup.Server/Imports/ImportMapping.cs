using Lookup.Core.Facts;
using Lookup.Redis.Imports;
using Lookup.Server.Errors;

namespace Lookup.Server.Imports;

/// <summary>Maps imports between the contract and the store.</summary>
internal static class ImportMapping
{
    private const int MaxText = 256;
    private const int MaxReason = 1_024;
    private const int Sha256Digits = 64;
    private const string Sha256Rule = "Must be 64 hexadecimal digits, or empty.";

    /// <summary>Reads the description of an import.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT with every invalid field.</exception>
    internal static StoredImport Read(V1.ImportDescription description)
    {
        List<FieldFault>? faults = null;
        FieldFaults.CheckText(description.ImportId, MaxText, "import.import_id", ref faults);
        FieldFaults.CheckText(description.FileName, MaxText, "import.file_name", ref faults);
        FieldFaults.CheckText(description.Actor, MaxText, "import.actor", ref faults);
        FieldFaults.CheckText(description.Source, MaxText, "import.source", ref faults);
        if (!IsSha256(description.FileSha256))
        {
            FieldFaults.Add(ref faults, "import.file_sha256", Sha256Rule);
        }

        if (description.FileSize < 0)
        {
            FieldFaults.Add(ref faults, "import.file_size", $"{description.FileSize} is negative; must be 0 or more bytes.");
        }

        FieldFaults.ThrowIfAny(faults);
        return new StoredImport
        {
            Id = description.ImportId,
            FileName = description.FileName,
            FileSha256 = description.FileSha256.ToLowerInvariant(),
            FileSize = description.FileSize,
            Actor = description.Actor,
            Source = description.Source,
        };
    }

    /// <summary>Reads an optional SHA-256.</summary>
    internal static string Sha256(string text, string field) => IsSha256(text)
        ? text.ToLowerInvariant()
        : throw Errors.RpcErrors.Invalid(field, Sha256Rule);

    private static bool IsSha256(string text) =>
        text.Length == 0 || (text.Length == Sha256Digits && text.All(char.IsAsciiHexDigit));

    /// <summary>Writes an import.</summary>
    /// <param name="import">The import.</param>
    /// <param name="now">Unix milliseconds; distinguishes an abandoned import from a running one.</param>
    internal static V1.Import ToProto(StoredImport import, long now) => new()
    {
        ImportId = import.Id,
        State = import.IsSilent(now) ? V1.ImportState.BrokenOff : (V1.ImportState)import.State,
        BeginTime = FieldFaults.ToTimestamp(import.Begun),
        EndTime = import.Ended == 0 ? null : FieldFaults.ToTimestamp(import.Ended),
        FileName = import.FileName,
        FileSha256 = import.FileSha256,
        FileSize = import.FileSize,
        Actor = import.Actor,
        Source = import.Source,
        Register = import.Register,
        SnapshotDate = import.SnapshotDate == 0 ? null : FieldFaults.ToTimestamp(import.SnapshotDate),
        Recorded = import.Recorded,
        Unchanged = import.Unchanged,
        Refused = import.Refused,
        Additions = import.Additions,
        Removals = import.Removals,
        Changes = import.Changes,
        Revert = import.Revert is { } revert ? ToProto(revert) : null,
    };

    private static V1.ImportRevert ToProto(StoredRevert revert) => new()
    {
        BeginTime = FieldFaults.ToTimestamp(revert.Begun),
        EndTime = revert.Ended == 0 ? null : FieldFaults.ToTimestamp(revert.Ended),
        Actor = revert.Actor,
        Reason = revert.Reason,
        Gone = { Counts(revert.Counts.Gone) },
        SetBack = revert.Counts.SetBack,
        Passed = revert.Counts.Passed,
        KeptStrict = revert.Counts.KeptStrict,
        MayPermit = { Counts(revert.Counts.MayPermit) },
    };

    private static IEnumerable<V1.KindCount> Counts(IReadOnlyDictionary<string, long> counts) =>
        counts.Select(pair => new V1.KindCount { Kind = pair.Key, Count = pair.Value });

    /// <summary>Reads a request to revert an import.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT with every invalid field.</exception>
    internal static RevertOrder Read(V1.RevertImportRequest request)
    {
        List<FieldFault>? faults = null;
        if (request.ImportId.Length == 0)
        {
            FieldFaults.Add(ref faults, "import_id", FieldFaults.Required);
        }

        FieldFaults.CheckText(request.ImportId, MaxText, "import_id", ref faults);
        FieldFaults.CheckText(request.Actor, MaxText, "actor", ref faults);
        FieldFaults.CheckText(request.Reason, MaxReason, "reason", ref faults);
        FieldFaults.ThrowIfAny(faults);
        return new RevertOrder(request.DryRun, request.Actor, request.Reason);
    }

    /// <summary>Writes the changes that a snapshot would make.</summary>
    internal static V1.SnapshotDifference ToProto(
        SnapshotDifference difference, Redis.Registry registry, V1.LoadSnapshotOpen open, StoredImport? unfinished) => new()
        {
            LoadedDate = LoadedDate(registry, open.Register),
            Loaded = difference.Loaded,
            Listed = difference.Listed,
            Additions = difference.Additions,
            Removals = difference.Removals,
            Changes = difference.Changes,
            Unchanged = difference.Unchanged,
            Repeated = difference.Repeated,
            ChangePercent = difference.Share * 100,
            TooMuch = difference.Share * 100 > open.MaxChangePercent || !IsExpected(difference.Listed, open, LoadedDate(registry, open.Register) is null),
            ResumesImportId = unfinished?.Id ?? "",
        };

    /// <summary>Returns whether a snapshot has about the stated count of numbers. A first snapshot cannot be compared with anything else.</summary>
    internal static bool IsExpected(long listed, V1.LoadSnapshotOpen open, bool isFirst) => open.ExpectedNumbers > 0
        ? Math.Abs(listed - open.ExpectedNumbers) * 100.0 <= open.MaxChangePercent * open.ExpectedNumbers
        : !isFirst;

    private static Google.Protobuf.WellKnownTypes.Timestamp? LoadedDate(Redis.Registry registry, string register) =>
        registry.Snapshots.TryGetValue(register, out var dates) && dates.Length > 0 ? FieldFaults.ToTimestamp(dates[^1]) : null;
}
