using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Google.Protobuf.Reflection;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Server.Errors;
using Lookup.Server.Telemetry;

namespace Lookup.Server.Trail;

/// <summary>An administrative act.</summary>
/// <param name="Kind">Its kind, for filters.</param>
/// <param name="Name">Its name.</param>
/// <param name="What">Its parameters, a JSON object without phone numbers.</param>
internal sealed record TrailAct(string Kind, string Name, string What);

/// <summary>Which calls are administrative acts. docs/guide/trail.md has the same list; a test fails on a call in neither table.</summary>
internal static class TrailActs
{
    private const string Requests = "Request";
    private const int MaxNames = 20;

    /// <summary>The kind of act by the name of its call.</summary>
    internal static FrozenDictionary<string, string> Kinds { get; } = new Dictionary<string, string>
    {
        ["CreateCredential"] = "credential",
        ["RotateCredential"] = "credential",
        ["RevokeCredential"] = "credential",
        ["AddGrant"] = "grant",
        ["RemoveGrant"] = "grant",
        ["PutOrganisation"] = "organisation",
        ["RecordSnapshot"] = "register",
        ["LoadSnapshot"] = "register",
        ["ImportFacts"] = "import",
        ["RevertImport"] = "revert",
        ["EraseNumber"] = "erasure",
        ["ApplyRetention"] = "retention",
        ["RecordBlocks"] = "block",
        ["RemoveBlocks"] = "block",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The calls that are not administrative acts: they only read, or record facts, which have their own history, source and actor.</summary>
    internal static FrozenSet<string> Others { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "Check", "CheckBatch", "CheckStream", "Explain", "Watch",
        "ListFacts", "ListBlocks", "ListImports", "ListOrganisations", "ListRegisters", "ListCredentials", "ListGrants", "ListTrail",
        "GetReceiptProof", "ListReceipts", "GetSignedHead",
        "RecordFacts", "RecordOutcome",
    }.ToFrozenSet(StringComparer.Ordinal);

    // Names and hashes, which say which act it is. Any other text may contain a phone number.
    private static readonly FrozenSet<string> Kept = new HashSet<string>(StringComparer.Ordinal)
    {
        "credential_id", "organisation", "name", "register", "import_id", "file_sha256",
    }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Describes the act that a request asks for; null if it is none.</summary>
    internal static TrailAct? Describe(IMessage request, NumberCipher cipher)
    {
        var name = request.Descriptor.Name[..^Requests.Length];
        return Kinds.TryGetValue(name, out var kind) && What(request, cipher) is { } what ? new TrailAct(kind, name, what) : null;
    }

    /// <summary>Describes the act of loading a snapshot, which two messages ask for together.</summary>
    internal static TrailAct Load(V1.LoadSnapshotOpen open, V1.LoadSnapshotApply apply)
    {
        var what = JsonNode.Parse(Format(Mask(open.Clone())))!.AsObject();
        if (apply.AcceptChange)
        {
            what["acceptChange"] = true;
        }

        return new TrailAct("register", "LoadSnapshot", what.ToJsonString());
    }

    /// <summary>Describes the act of starting or continuing an import.</summary>
    internal static TrailAct Import(V1.ImportDescription? import) =>
        new("import", "ImportFacts", Format(Mask((import ?? new()).Clone())));

    /// <summary>The result of an act, from its last response.</summary>
    internal static string ResultOf(object? response) => response switch
    {
        V1.ImportFactsResponse one => "done: " + one.ImportId,
        V1.LoadSnapshotResponse { Done: { } one } => "done: " + one.ImportId,
        V1.EraseNumberResponse one => $"done: {one.ErasedFacts} facts, {one.ErasedReceipts} receipts",
        V1.RevertImportResponse { Import.Revert: { } one } => $"done: {one.Gone.Sum(kind => kind.Count)} removed, {one.SetBack} restored",
        V1.ApplyRetentionResponse { Result: { } one } => Retained(one),
        V1.RetentionResult one => Retained(one),
        _ => "done",
    };

    private static string Retained(V1.RetentionResult result) => result.Counts.Count == 0
        ? "done: nothing was due"
        : "done: " + string.Join(", ", result.Counts.Select(count => string.Create(
            CultureInfo.InvariantCulture, $"{count.Count} {count.Country} {count.Kind} before {count.Before.ToDateTime():yyyy-MM-dd}")));

    private static string? What(IMessage request, NumberCipher cipher) => request switch
    {
        V1.RevertImportRequest { DryRun: true } or V1.ApplyRetentionRequest { DryRun: true } => null,
        V1.EraseNumberRequest erasure => Format(Erasure(erasure, cipher)),
        V1.RecordBlocksRequest record => Blocks(record.Blocks),
        V1.RemoveBlocksRequest remove => Blocks(remove.Blocks),
        _ => Format(Mask(Clone(request))),
    };

    // The pseudonym proves with the encryption key which number was erased, and reveals nothing without it.
    private static V1.EraseNumberRequest Erasure(V1.EraseNumberRequest request, NumberCipher cipher)
    {
        var masked = (V1.EraseNumberRequest)Mask(request.Clone());
        List<FieldFault>? faults = null;
        if (FieldFaults.StoredNumbers(request.Number, request.DefaultRegion, ref faults) is [var number, ..])
        {
            Span<byte> pseudonym = stackalloc byte[NumberPseudonym.Size];
            cipher.Encrypt(number).WriteTo(pseudonym);
            masked.Number = Convert.ToHexStringLower(pseudonym);
        }

        return masked;
    }

    private static string Blocks(RepeatedField<V1.Block> blocks)
    {
        var organisations = blocks.Select(block => Redaction.Mask(block.Organisation)).Distinct(StringComparer.Ordinal).Take(MaxNames);
        return new JsonObject
        {
            ["blocks"] = blocks.Count,
            ["organisations"] = new JsonArray([.. organisations.Select(name => (JsonNode)name)]),
        }.ToJsonString();
    }

    // The endpoint, which runs after this, rejects what has no JSON form, such as a time beyond the year 9999.
    private static string Format(IMessage message)
    {
        try
        {
            return JsonFormatter.Default.Format(message);
        }
        catch (InvalidOperationException)
        {
            return JsonFormatter.ToDiagnosticString(message);
        }
    }

    private static IMessage Clone(IMessage message) => message.Descriptor.Parser.ParseFrom(message.ToByteString());

    private static IMessage Mask(IMessage message)
    {
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder())
        {
            if (field.IsRepeated || field.IsMap)
            {
                continue;
            }

            if (field.FieldType == FieldType.String && !Kept.Contains(field.Name))
            {
                field.Accessor.SetValue(message, Redaction.Mask((string)field.Accessor.GetValue(message)));
            }
            else if (field.FieldType == FieldType.Message && field.Accessor.GetValue(message) is IMessage inner)
            {
                Mask(inner);
            }
        }

        return message;
    }
}
