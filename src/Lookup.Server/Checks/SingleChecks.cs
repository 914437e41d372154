using System.Runtime.CompilerServices;
using Grpc.Core;
using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Mapping;
using Lookup.Server.Reading;
using Lookup.Server.Receipts;
using Lookup.Server.Shadow;
using Lookup.Server.Store;
using Lookup.Server.Telemetry;

namespace Lookup.Server.Checks;

/// <summary>Answers single checks from every entry point.</summary>
internal sealed class SingleChecks(
    FactReader reader,
    RegimeSet regimes,
    BatchLimiter limiter,
    StoreManifest manifest,
    LookupServerOptions options,
    TimeProvider clock,
    ServiceMetrics metrics,
    AllowAudit audit,
    ReceiptWriter receipts,
    ShadowRun shadow,
    PositionTokens tokens,
    AccessControl access,
    RegistryReplica registry)
{
    private const string NotFresh = "The store is behind the consistency token of the request.";

    private const string OtherHistory =
        "The consistency token is from another replication history: the store was restored from an older copy, or lost changes in a fail-over.";

    /// <summary>Parses a check and demands the caller's grant.</summary>
    /// <param name="request">The request.</param>
    /// <param name="caller">The caller, who has the role.</param>
    /// <param name="reserved">Receives the duration of the reservation in milliseconds; 0 for none.</param>
    /// <exception cref="RpcException">INVALID_ARGUMENT with every invalid field; PERMISSION_DENIED.</exception>
    internal NumberQuestion ParseRequest(V1.CheckRequest request, Caller caller, out long reserved)
    {
        limiter.RecordCheck();
        List<FieldFault>? faults = null;
        if (request.Receipt && receipts.Log is null)
        {
            FieldFaults.Add(ref faults, "receipt", ReceiptWriter.NoneKept);
        }

        var asked = Parse(request.Number, request.DefaultRegion, request.Question, request.WhatIf, request.Consistency, caller, ref faults);
        reserved = Reservations.Read(request, ref faults);
        Accept(asked, caller, faults);
        return asked;
    }

    /// <summary>Parses a request to explain a check, as above.</summary>
    internal NumberQuestion ParseRequest(V1.ExplainRequest request, Caller caller)
    {
        List<FieldFault>? faults = null;
        var asked = Parse(request.Number, request.DefaultRegion, request.Question, request.WhatIf, request.Consistency, caller, ref faults);
        Accept(asked, caller, faults);
        return asked;
    }

    /// <summary>Answers from filter and fact cache, without reading the store.</summary>
    /// <param name="request">The request.</param>
    /// <param name="asked">The parsed request.</param>
    /// <param name="begun">The incomplete facts, for <see cref="AnswerAsync"/>.</param>
    /// <returns>The answer, or null if the store must be read.</returns>
    /// <exception cref="ReceiptsUnavailableException">The receipt cannot be written.</exception>
    internal V1.CheckResponse? TryAnswer(V1.CheckRequest request, in NumberQuestion asked, out FactSet? begun)
    {
        begun = reader.Begin(asked);
        return begun is { IsComplete: true } ? BuildResponse(request, asked, begun, Decide(asked, begun)) : null;
    }

    /// <summary>Answers after <see cref="TryAnswer"/> could not: reads the store.</summary>
    /// <exception cref="StoreUnavailableException">The store cannot answer or must not be used.</exception>
    /// <exception cref="ReceiptsUnavailableException">The receipt cannot be written.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    internal async ValueTask<V1.CheckResponse> AnswerAsync(V1.CheckRequest request, NumberQuestion asked, FactSet? begun, StoreDeadline call)
    {
        var facts = await reader.ReadAsync(asked, begun, call);
        return BuildResponse(request, asked, facts, Decide(asked, facts));
    }

    private NumberQuestion Parse(
        string text,
        string region,
        V1.Question? question,
        V1.WhatIf? whatIf,
        V1.Consistency? consistency,
        Caller caller,
        ref List<FieldFault>? faults)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        return new NumberQuestion(
            FieldFaults.Number(text, region, ref faults),
            QuestionMapping.Map(question, whatIf, regimes, now, ref faults),
            consistency is { Exact: true },
            QuestionMapping.Demand(consistency, manifest, ref faults),
            now)
        { AskedBy = caller.Id };
    }

    private void Accept(in NumberQuestion asked, Caller caller, List<FieldFault>? faults)
    {
        FieldFaults.ThrowIfAny(faults);
        access.DetectEnumeration(caller, asked.Number.Value);
        caller.Demand(asked.Asked.Organisation, asked.At);
    }

    /// <summary>Returns why the facts do not satisfy the demanded token; null if they do.</summary>
    internal static string? WhyNotFresh(FactSet facts, ConsistencyToken? demand) =>
        demand is null || facts.Position is not { } position ? null
        // A filter behind the token is not used, so the store itself is behind: it lost writes, or is not the primary.
        : demand.VersionOf(position.Partition) > position.Version ? NotFresh
        : facts.IsOfAnotherHistory ? OtherHistory
        : null;

    internal AnswerContext CreateContext(FactSet facts, V1.WhatIf? whatIf, long now) => new(
        facts.Question.CallTime,
        now,
        options.FreshnessBoundMs,
        options.RetryAfterMs,
        whatIf is not null,
        facts.Age,
        facts.RegistryAge,
        facts.Position is { } position ? tokens.TokenOf(position) : "");

    internal static Decision Decide(in NumberQuestion asked, FactSet facts) => WhyNotFresh(facts, asked.Demand) is { } why
        ? Decision.Without(Verdict.Unknown, ReasonCode.NotFresh, why, facts.Rules)
        : facts.Decide();

    // NOT_FRESH and a failed reservation are not decisions of the rules.
    private static bool IsOfRules(V1.CheckRequest request, in Decision decision) =>
        decision.Primary != ReasonCode.NotFresh && (request.Reserve is null || decision.Primary != ReasonCode.RecordUnreadable);

    /// <summary>Builds the response to a decision: writes the receipt, counts it and offers it to the audit. Disposes of the facts.</summary>
    /// <exception cref="ReceiptsUnavailableException">The receipt cannot be written.</exception>
    internal V1.CheckResponse BuildResponse(V1.CheckRequest request, in NumberQuestion asked, FactSet read, in Decision decision)
    {
        using var facts = read;
        var receipt = receipts.Wants(request.Receipt, request.WhatIf is not null)
            ? receipts.Write(asked, request.Receipt, request.WhatIf is not null, facts, decision)
            : null;
        Tracing.Decided(decision);
        metrics.Decided(request.Reserve is null ? EntryPoint.Check : EntryPoint.Reserve, decision.Verdict, decision.Primary);
        metrics.DecidedFor(asked.Asked.Organisation, registry.Latest?.Find(asked.Asked.Organisation) is not null, decision.Verdict);
        // A re-check of a reserved call would find it counted already.
        if (decision.Verdict == Verdict.Allow && request.WhatIf is null && request.Reserve is null && audit.Wants())
        {
            audit.Enqueue(new AllowAnswer(asked.Number, facts.Question, facts.Rules!, facts.Registers, asked.At));
        }

        var response = new V1.CheckResponse
        {
            Decision = DecisionMapping.Map(decision, CreateContext(facts, request.WhatIf, asked.At), request.AllReasons),
            Number = asked.Number.ToString(),
            Receipt = receipt,
        };
        if (shadow.IsOn && request.WhatIf is null && IsOfRules(request, decision))
        {
            shadow.Compare(asked.Number, facts, decision);
        }

        return response;
    }
}
