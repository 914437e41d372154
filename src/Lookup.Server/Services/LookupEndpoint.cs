using Grpc.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Server.Batch;
using Lookup.Server.Hosting;
using Lookup.Server.Mapping;
using Lookup.Server.Observability;

namespace Lookup.Server.Services;

/// <summary>lookup.v1.LookupService.</summary>
internal sealed class LookupEndpoint(
    FactReader reader,
    FactNaming naming,
    ChunkServices chunks,
    BatchLane lane,
    IFactStore store,
    NumberCipher cipher,
    LookupServerOptions options,
    TimeProvider clock,
    Drain drain,
    ServiceMetrics metrics,
    AllowAudit audit)
    : V1.LookupService.LookupServiceBase
{
    private const string NotFresh = "The store is behind the position that the request demands.";

    /// <inheritdoc/>
    public override async Task<V1.CheckResponse> Check(V1.CheckRequest request, ServerCallContext context)
    {
        lane.NoteCheck();
        var (number, asked, demand, now) =
            Read(request.Number, request.DefaultRegion, request.Question, request.WhatIf, request.Consistency);
        using var facts = await reader.ReadAsync(number, asked, request.Consistency is { Exact: true }, demand, context);
        var decision = IsBehind(facts, demand)
            ? Decision.Without(Verdict.Unknown, ReasonCode.NotFresh, NotFresh, facts.Rules)
            : Decider.Decide(facts.Rules, facts.Question, facts.BySlot, facts.Registers);
        metrics.Decided(Way.Check, decision.Verdict, decision.Primary);
        if (decision.Verdict == Verdict.Allow && request.WhatIf is null && audit.Wants())
        {
            audit.Take(new AllowAnswer(number, facts.Question, facts.Rules!, facts.Registers, now));
        }

        return new V1.CheckResponse
        {
            Decision = DecisionMapping.Map(decision, Answer(facts, request.WhatIf, now), request.AllReasons),
            Number = number.ToString(),
        };
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
        var (number, asked, demand, now) =
            Read(request.Number, request.DefaultRegion, request.Question, request.WhatIf, request.Consistency);
        using var facts = await reader.ReadAsync(number, asked, request.Consistency is { Exact: true }, demand, context);
        var explanation = IsBehind(facts, demand)
            ? new Explanation(Decision.Without(Verdict.Unknown, ReasonCode.NotFresh, NotFresh, facts.Rules), [], "UNKNOWN: " + NotFresh)
            : Decider.Explain(facts.Rules, facts.Question, facts.BySlot, facts.Registers);
        metrics.Decided(Way.Explain, explanation.Decision.Verdict, explanation.Decision.Primary);
        var response = new V1.ExplainResponse
        {
            Decision = DecisionMapping.Map(explanation.Decision, Answer(facts, request.WhatIf, now), allReasons: true),
            Number = number.ToString(),
            Text = explanation.Text,
        };
        foreach (var step in explanation.Steps)
        {
            response.Steps.Add(DecisionMapping.Map(step));
        }

        await AddFactsAsync(response, number, facts, context);
        return response;
    }

    /// <summary>Checks a request; every field that is wrong is told at once.</summary>
    private (PhoneNumber Number, AskedQuestion Asked, ConsistencyToken? Demand, long Now) Read(
        string text, string region, V1.Question? question, V1.WhatIf? whatIf, V1.Consistency? consistency)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        List<FieldFault>? faults = null;
        var number = FieldFaults.Number(text, region, ref faults);
        var asked = QuestionMapping.Map(question, whatIf, now, ref faults);
        var demand = TokenMapping.Demand(consistency, store.Manifest, ref faults);
        FieldFaults.ThrowIfAny(faults);
        return (number, asked, demand, now);
    }

    /// <summary>Adds what the decision rested on. The texts, which it never reads, come from a second read.</summary>
    private async Task AddFactsAsync(V1.ExplainResponse response, PhoneNumber number, FactsRead facts, ServerCallContext context)
    {
        if (facts.Ids.IsEmpty)
        {
            return;
        }

        using var call = new StoreCall(context, options.StoreReadLimitMs);

        var details = new Dictionary<FactId, IReadOnlyDictionary<long, string>>();
        try
        {
            foreach (var timeline in await store.ReadAllAsync(cipher.Encrypt(number), call.Token))
            {
                details[timeline.Id] = timeline.Details;
            }
        }
        catch (StoreUnavailableException e) when (e.Fault == StoreFault.Damaged)
        {
            // The decision says that a record cannot be read; that is worth more than an answer without it.
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreCall.TooSlow();
        }

        for (var i = 0; i < facts.Ids.Length; i++)
        {
            var id = facts.Ids.Span[i];
            if (facts.ValueAt(i) is { } value)
            {
                await naming.AddAsync(response.Facts, id, value, details.GetValueOrDefault(id), facts.Question.CallTime, call.Token);
            }
        }
    }

    // A filter behind the token was not asked, so it is the store that is behind: it lost writes, or is not the primary.
    private static bool IsBehind(FactsRead facts, ConsistencyToken? demand) =>
        demand is not null && facts.Position is { } position && demand.VersionOf(position.Partition) > position.Version;

    private AnswerContext Answer(FactsRead facts, V1.WhatIf? whatIf, long now) => new(
        facts.Question.CallTime,
        now,
        options.FreshnessBoundMs,
        options.RetryAfterMs,
        whatIf is not null,
        facts.Age,
        facts.Position is { } position ? TokenMapping.Of(store.Manifest, position) : "");
}
