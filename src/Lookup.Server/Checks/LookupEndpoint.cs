using Google.Protobuf.Collections;
using Grpc.Core;
using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Reading;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Lists;
using Lookup.Server.Mapping;
using Lookup.Server.Reading;
using Lookup.Server.Store;
using Lookup.Server.Telemetry;

namespace Lookup.Server.Checks;

/// <summary>lookup.v1.LookupService.</summary>
internal sealed class LookupEndpoint(
    SingleChecks checks,
    Reservations reservations,
    FactReader reader,
    FactResolver naming,
    ChunkServices chunks,
    IFactReader store,
    NumberCipher cipher,
    LookupServerOptions options,
    Drain drain,
    AccessControl access,
    ServiceMetrics metrics)
    : V1.LookupService.LookupServiceBase
{
    /// <inheritdoc/>
    public override async Task<V1.CheckResponse> Check(V1.CheckRequest request, ServerCallContext context)
    {
        UnaryCheckMiddleware.ThrowIfFailed(context.GetHttpContext());
        List<FieldFault>? faults = null;
        var asked = checks.ParseRequest(request, context.GetHttpContext(), ref faults);
        var reserved = Reservations.Read(request, ref faults);
        FieldFaults.ThrowIfAny(faults);
        Demand(asked, context);
        if (request.Reserve is not null)
        {
            using var write = new StoreDeadline(context, options.StoreWriteLimitMs);
            return await reservations.AnswerAsync(request, asked, reserved, context.GetHttpContext(), write);
        }

        using var call = new StoreDeadline(context, options.StoreReadLimitMs);
        return checks.TryAnswer(request, asked, out var begun) ?? checks.BuildResponse(request, asked, await reader.ReadAsync(asked, begun, call));
    }

    /// <inheritdoc/>
    public override Task CheckStream(
        IAsyncStreamReader<V1.CheckStreamRequest> requestStream,
        IServerStreamWriter<V1.CheckStreamResponse> responseStream,
        ServerCallContext context) =>
        new CheckStreamSession(chunks, drain, requestStream, responseStream, context).RunAsync();

    /// <inheritdoc/>
    public override async Task<V1.ExplainResponse> Explain(V1.ExplainRequest request, ServerCallContext context)
    {
        List<FieldFault>? faults = null;
        var asked = checks.ParseRequest(
            request.Number, request.DefaultRegion, request.Question, request.WhatIf, request.Consistency, ref faults);
        FieldFaults.ThrowIfAny(faults);
        Demand(asked, context);
        using var call = new StoreDeadline(context, options.StoreReadLimitMs);
        var begun = reader.Begin(asked);
        using var facts = begun is { IsComplete: true } ? begun : await reader.ReadAsync(asked, begun, call);
        var explanation = SingleChecks.WhyNotFresh(facts, asked.Demand) is { } why
            ? new Explanation(Decision.Without(Verdict.Unknown, ReasonCode.NotFresh, why, facts.Rules), [], "UNKNOWN: " + why)
            : Decider.Explain(facts.Rules, facts.Question, facts.BySlot, facts.Registers);
        metrics.Decided(EntryPoint.Explain, explanation.Decision.Verdict, explanation.Decision.Primary);
        var response = new V1.ExplainResponse
        {
            Decision = DecisionMapping.MapExplained(explanation.Decision, checks.CreateContext(facts, request.WhatIf, asked.At)),
            Number = asked.Number.ToString(),
            Text = explanation.Text,
        };
        foreach (var step in explanation.Steps)
        {
            response.Steps.Add(DecisionMapping.Map(step));
        }

        await AddFactsAsync(response, asked, facts, access.CallerOf(context), call);
        return response;
    }

    private void Demand(in NumberQuestion asked, ServerCallContext context)
    {
        var caller = access.CallerOf(context);
        access.DetectEnumeration(caller, asked.Number.Value);
        caller.Demand(asked.Asked.Organisation, asked.At);
    }

    /// <summary>
    /// Adds the facts that the decision used and the caller may see. Their texts come from a second read, since decisions do not read them.
    /// </summary>
    private async Task AddFactsAsync(V1.ExplainResponse response, NumberQuestion asked, FactSet facts, Caller caller, StoreDeadline call)
    {
        if (facts.Ids.IsEmpty)
        {
            return;
        }

        var details = new Dictionary<FactId, IReadOnlyDictionary<long, string>>();
        try
        {
            foreach (var timeline in await store.ReadAllAsync(cipher.Encrypt(asked.Number), call.Token))
            {
                details[timeline.Id] = timeline.Details;
            }
        }
        catch (StoreUnavailableException e) when (e.Fault == StoreFault.Damaged)
        {
            // The decision reports the unreadable record, which is more useful than an error.
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreDeadline.TooSlow();
        }

        var known = new RepeatedField<V1.KnownFact>();
        for (var i = 0; i < facts.Ids.Length; i++)
        {
            var id = facts.Ids.Span[i];
            if (facts.ValueAt(i) is { } value)
            {
                await naming.AddAsync(known, id, value, details.GetValueOrDefault(id), new CallMoment(facts.Question.CallTime, facts.Question.IsTimeNamed), call.Token);
            }
        }

        response.Facts.AddRange(known.Where(one => caller.MaySee(one.Fact, asked.At)));
    }
}
