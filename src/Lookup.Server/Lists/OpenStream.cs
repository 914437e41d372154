using Lookup.Core.Facts;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Server.Errors;
using Lookup.Server.Mapping;
using Lookup.Server.Receipts;

namespace Lookup.Server.Lists;

/// <summary>The validated settings of a stream, the same for all its numbers.</summary>
internal sealed class OpenStream
{
    private readonly AskedQuestion _asked;
    private readonly bool _fixedTime;

    private OpenStream(V1.CheckStreamOpen open, AskedQuestion asked, ConsistencyToken? demand)
    {
        _asked = asked;
        _fixedTime = open.WhatIf?.CallTime is not null;
        Demand = demand;
        Exact = open.Consistency is { Exact: true };
        AllReasons = open.AllReasons;
        Hypothetical = open.WhatIf is not null;
        Receipt = open.Receipt;
        Decisions = open.Decisions;
        Region = open.DefaultRegion.Length == 0 ? null : open.DefaultRegion;
    }

    internal ConsistencyToken? Demand { get; }

    internal bool Exact { get; }

    /// <summary>Whether reads must include every write acknowledged before the chunk arrived.</summary>
    internal bool IsDemanding => Exact || Demand is not null;

    internal bool AllReasons { get; }

    internal bool Hypothetical { get; }

    /// <summary>Whether the caller wants the receipts in the responses.</summary>
    internal bool Receipt { get; }

    /// <summary>Whether the chunks carry single checks: each gets its whole decision, and none waits for a slot of the lists.</summary>
    internal bool Decisions { get; }

    internal string Organisation => _asked.Organisation;

    internal string? Region { get; }

    /// <summary>Validates the first message of a stream, or the settings of a batch.</summary>
    /// <param name="open">The settings.</param>
    /// <param name="path">Path of the settings in the request, before the names of fields in errors.</param>
    /// <param name="manifest">The store's manifest.</param>
    /// <param name="regimes">The regimes in force.</param>
    /// <param name="keepsReceipts">Whether the service keeps receipts.</param>
    /// <param name="now">Now, in Unix milliseconds.</param>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT with every invalid field.</exception>
    internal static OpenStream Read(V1.CheckStreamOpen open, string path, StoreManifest manifest, RegimeSet regimes, bool keepsReceipts, long now)
    {
        List<FieldFault>? faults = null;
        if (open.Receipt && !keepsReceipts)
        {
            FieldFaults.Add(ref faults, "receipt", ReceiptWriter.NoneKept);
        }

        if (open.Decisions && (open.Receipt || open.WhatIf is not null))
        {
            FieldFaults.Add(ref faults, "decisions", "Cannot be combined with what_if or receipt.");
        }

        var asked = QuestionMapping.Map(open.Question, open.WhatIf, regimes, now, ref faults);
        var demand = QuestionMapping.Demand(open.Consistency, manifest, ref faults);
        FieldFaults.CheckRegion(open.DefaultRegion, ref faults);
        FieldFaults.ThrowIfAny(faults?.ConvertAll(f => f with { Field = path + f.Field }));
        return new OpenStream(open, asked, demand);
    }

    /// <summary>Returns the question for a chunk received at a time, in Unix milliseconds.</summary>
    internal AskedQuestion At(long now) =>
        _fixedTime ? _asked : _asked with { Question = _asked.Question with { CallTime = now } };
}
