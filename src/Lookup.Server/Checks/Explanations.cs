using Google.Protobuf.Collections;
using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Redis;
using Lookup.Redis.Reading;
using Lookup.Redis.Writing;
using Lookup.Server.Access;
using Lookup.Server.Mapping;
using Lookup.Server.Reading;
using Lookup.Server.Store;
using Lookup.Server.Telemetry;

namespace Lookup.Server.Checks;

/// <summary>Explains single checks.</summary>
internal sealed class Explanations(SingleChecks checks, FactReader reader, FactResolver naming, IFactReader store, INameStore names, ServiceMetrics metrics)
{
    /// <summary>Decides a check and explains the decision.</summary>
    /// <param name="request">The request.</param>
    /// <param name="asked">The parsed request.</param>
    /// <param name="caller">The caller, for the facts that it may see.</param>
    /// <param name="call">The deadline.</param>
    /// <exception cref="StoreUnavailableException">The store cannot answer or must not be used.</exception>
    internal async Task<V1.ExplainResponse> AnswerAsync(V1.ExplainRequest request, NumberQuestion asked, Caller caller, StoreDeadline call)
    {
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

        await AddFactsAsync(response, asked, facts, caller, call);
        await BlockMapping.AddOverAsync(response.Blocks, facts.Blocks, asked.Number.Value, caller, asked.At, names, call.Token);
        return response;
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
            foreach (var timeline in await store.ReadAllAsync(facts.Key, call.Token))
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
                await naming.AddAsync(known, id, value, details.GetValueOrDefault(id), new CallMoment(facts.Question.CallTime, facts.Question.IsTimeNamed, Known: facts.Question.KnownAt), call.Token);
            }
        }

        response.Facts.AddRange(known.Where(one => caller.MaySee(one.Fact, asked.At)));
    }
}
