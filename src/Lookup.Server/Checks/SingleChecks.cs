using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Store;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Mapping;
using Lookup.Server.Reading;
using Lookup.Server.Receipts;
using Lookup.Server.Shadow;
using Lookup.Server.Telemetry;
using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Checks;

/// <summary>Answers single checks, whichever way they came in.</summary>
internal sealed class SingleChecks(
    FactReader reader,
    RegimeSet regimes,
    BatchLimiter lane,
    IFactStore store,
    LookupServerOptions options,
    TimeProvider clock,
    ServiceMetrics metrics,
    AllowAudit audit,
    ReceiptWriter receipts,
    ShadowRun shadow,
    PositionTokens tokens)
{
    private const string NotFresh = "The store is behind the consistency token of the request.";

    private const string OtherHistory =
        "The consistency token is from another replication history: the store was restored from an older copy, or lost changes in a fail-over.";

    /// <summary>Reads a request; every field that is wrong is told at once. What is returned counts only if no fault was added.</summary>
    /// <param name="request">The request.</param>
    /// <param name="context">Who asks; null: nobody in particular.</param>
    /// <param name="faults">Takes what is wrong.</param>
    internal NumberQuestion ParseRequest(V1.CheckRequest request, HttpContext? context, ref List<FieldFault>? faults)
    {
        lane.NoteCheck();
        if (request.Receipt && receipts.Log is null)
        {
            FieldFaults.Add(ref faults, "receipt", ReceiptWriter.NoneKept);
        }

        return ParseRequest(request.Number, request.DefaultRegion, request.Question, request.WhatIf, request.Consistency, ref faults) with
        {
            // To ask a request for its features costs more than the filter.
            AskedBy = receipts.Log is null ? "" : context?.CallerId() ?? "",
        };
    }

    /// <summary>Answers from what this instance holds, at once.</summary>
    /// <param name="request">The request.</param>
    /// <param name="asked">What was read of it.</param>
    /// <param name="begun">What is found so far, for <see cref="FactReader.ReadAsync"/>.</param>
    /// <returns>Null where the store must be read.</returns>
    /// <exception cref="ReceiptsUnavailableException">The receipt cannot be written.</exception>
    internal V1.CheckResponse? TryAnswer(V1.CheckRequest request, in NumberQuestion asked, out FactSet? begun)
    {
        begun = reader.Begin(asked);
        return begun is { IsComplete: true } ? BuildResponse(request, asked, begun) : null;
    }

    /// <summary>Answers from what was read. Disposes of it.</summary>
    /// <exception cref="ReceiptsUnavailableException">The receipt cannot be written.</exception>
    internal V1.CheckResponse BuildResponse(V1.CheckRequest request, in NumberQuestion asked, FactSet facts) =>
        BuildResponse(request, asked, facts, Decide(asked, facts));

    /// <inheritdoc cref="ParseRequest(V1.CheckRequest, HttpContext?, ref List{FieldFault}?)"/>
    internal NumberQuestion ParseRequest(
        string text, string region, V1.Question? question, V1.WhatIf? whatIf, V1.Consistency? consistency, ref List<FieldFault>? faults)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        return new NumberQuestion(
            FieldFaults.Number(text, region, ref faults),
            QuestionMapping.Map(question, whatIf, regimes, now, ref faults),
            consistency is { Exact: true },
            TokenMapping.Demand(consistency, store.Manifest, ref faults),
            now);
    }

    /// <summary>Why what was read does not meet the position that is demanded; null where it does.</summary>
    internal static string? WhyNotFresh(FactSet facts, ConsistencyToken? demand) =>
        demand is null || facts.Position is not { } position ? null
        // A filter behind the token was not asked, so it is the store that is behind: it lost writes, or is not the primary.
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
        facts.Position is { } position ? tokens.Of(position) : "");

    internal static Decision Decide(in NumberQuestion asked, FactSet facts) => WhyNotFresh(facts, asked.Demand) is { } why
        ? Decision.Without(Verdict.Unknown, ReasonCode.NotFresh, why, facts.Rules)
        : Decider.Decide(facts.Rules, facts.Question, facts.BySlot, facts.Registers);

    // What is behind a token, or cannot be reserved, was not decided by rules.
    private static bool IsOfRules(V1.CheckRequest request, in Decision decision) =>
        decision.Primary != ReasonCode.NotFresh && (request.Reserve is null || decision.Primary != ReasonCode.RecordUnreadable);

    /// <summary>Makes the answer of a decision: its receipt, its place in the metrics, its audit. Disposes of the facts.</summary>
    /// <exception cref="ReceiptsUnavailableException">The receipt cannot be written.</exception>
    internal V1.CheckResponse BuildResponse(V1.CheckRequest request, in NumberQuestion asked, FactSet read, in Decision decision)
    {
        using var facts = read;
        var receipt = receipts.Wants(request.Receipt, request.WhatIf is not null)
            ? receipts.Write(asked, request.Receipt, request.WhatIf is not null, facts, decision)
            : null;
        Tracing.Decided(decision);
        metrics.Decided(request.Reserve is null ? EntryPoint.Check : EntryPoint.Reserve, decision.Verdict, decision.Primary);
        // One that is reserved would be found counted already.
        if (decision.Verdict == Verdict.Allow && request.WhatIf is null && request.Reserve is null && audit.Wants())
        {
            audit.Take(new AllowAnswer(asked.Number, facts.Question, facts.Rules!, facts.Registers, asked.At));
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
