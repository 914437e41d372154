using Grpc.Core;
using Lookup.Core;
using Lookup.Core.Access;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
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

/// <summary>
/// Answers a batch in which each number has its own assumptions, for example the call time of a past call. Each answer is that of a
/// single check with the same what_if; only the facts are read together.
/// </summary>
internal sealed class HypotheticalChecks(
    FactReader reader,
    ReadView view,
    KnownOrganisations organisations,
    RegimeSet regimes,
    BatchLimiter limiter,
    StoreManifest manifest,
    ServiceMetrics metrics,
    AccessControl access,
    StreamLeases leases,
    LookupServerOptions options,
    TimeProvider clock)
{
    /// <summary>The most numbers in a batch. The response has a decision for each, and stays below 4 MiB, the limit of many clients.</summary>
    internal const int MaxNumbers = 4_096;

    // Decided at a time, so that a slot is not held for long.
    private const int Part = 1_024;

    private const string Field = "what_ifs";
    private const string Single = "what_if.";

    private static readonly Decision Unavailable = Decision.Without(
        Verdict.Unknown, ReasonCode.StoreUnavailable, "The store did not answer, or not in time.");

    /// <summary>Decides a batch.</summary>
    /// <exception cref="RpcException">The request is invalid, not permitted or over a limit.</exception>
    internal async Task<V1.CheckBatchResponse> AnswerAsync(V1.CheckBatchRequest request, ServerCallContext context)
    {
        var caller = access.CallerOf(context);
        BatchChecks.CheckCount(request, BatchChecks.MaxFor(caller, BatchChecks.MaxNumbers));
        var asked = Parse(request, caller, clock.GetUtcNow().ToUnixTimeMilliseconds());
        using var lease = access.IsOn ? leases.Open(caller, Roles.Check) : null;
        limiter.OpenStream();
        try
        {
            var response = new V1.CheckBatchResponse { Common = new V1.Decision { Hypothetical = true } };
            var reads = new ReadBatch();
            for (var first = 0; first < asked.Length; first += Part)
            {
                await AnswerAsync(response, request, asked.AsMemory(first, Math.Min(Part, asked.Length - first)), reads, context.CancellationToken);
            }

            return response;
        }
        finally
        {
            limiter.CloseStream();
        }
    }

    // Without a number where the text is not one.
    private NumberQuestion[] Parse(V1.CheckBatchRequest request, Caller caller, long now)
    {
        List<FieldFault>? faults = null;
        CheckShape(request, ref faults);
        FieldFaults.CheckRegion(request.DefaultRegion, ref faults);
        var demand = QuestionMapping.Demand(request.Consistency, manifest, ref faults);
        FieldFaults.ThrowIfAny(faults);
        var region = request.DefaultRegion.Length == 0 ? null : request.DefaultRegion;
        var asked = new NumberQuestion[request.Numbers.Count];
        for (var i = 0; i < asked.Length && faults is null; i++)
        {
            var question = QuestionMapping.Map(request.Question, request.WhatIfs[i], regimes, now, ref faults);
            NumberParser.Instance.TryParse(request.Numbers[i], region, out var number, out _);
            asked[i] = new NumberQuestion(number, question, request.Consistency is { Exact: true }, demand, now) { AskedBy = caller.Id };
            faults = faults?.ConvertAll(fault => fault.Field.StartsWith(Single, StringComparison.Ordinal)
                ? fault with { Field = $"{Field}[{i}].{fault.Field[Single.Length..]}" }
                : fault);
        }

        FieldFaults.ThrowIfAny(faults);
        caller.Demand(asked[0].Asked.Organisation, now);
        for (var i = 0; i < asked.Length; i++)
        {
            if (asked[i].Number != default && (i == 0 || asked[i].Number != asked[i - 1].Number))
            {
                access.DetectEnumeration(caller, asked[i].Number.Value);
            }
        }

        return asked;
    }

    /// <summary>Adds a fault for fields that do not fit one another.</summary>
    internal static void CheckShape(V1.CheckBatchRequest request, ref List<FieldFault>? faults)
    {
        if (request.WhatIfs.Count != request.Numbers.Count)
        {
            FieldFaults.Add(ref faults, Field, $"{request.WhatIfs.Count} for {request.Numbers.Count} numbers; send one for each number, or none.");
        }
        else if (request.Numbers.Count > MaxNumbers)
        {
            FieldFaults.Add(ref faults, "numbers", $"{request.Numbers.Count} numbers; must be 1 to {MaxNumbers} per batch with {Field}.");
        }

        if (request.WhatIf is not null)
        {
            FieldFaults.Add(ref faults, "what_if", $"Cannot be combined with {Field}; clear one of them.");
        }

        if (request.Receipt)
        {
            FieldFaults.Add(ref faults, "receipt", $"Cannot be combined with {Field}; use Check for the receipt of a hypothetical answer.");
        }
    }

    private async Task AnswerAsync(
        V1.CheckBatchResponse response, V1.CheckBatchRequest request, ReadOnlyMemory<NumberQuestion> asked, ReadBatch reads, CancellationToken call)
    {
        var facts = new FactSet?[asked.Length];
        var isMissing = new bool[asked.Length];
        try
        {
            await ReadAsync(facts, isMissing, asked, reads, call);
        }
        catch (Exception e) when (e is StoreUnavailableException || (e is OperationCanceledException && !call.IsCancellationRequested))
        {
            // What the filter and the fact cache have shown stays true. An abandoned read may still access the other sets.
            for (var i = 0; i < facts.Length; i++)
            {
                facts[i] = isMissing[i] ? null : facts[i];
            }
        }

        using var slot = await limiter.EnterAsync(call);
        for (var i = 0; i < facts.Length; i++)
        {
            response.Answers.Add(asked.Span[i].Number == default
                ? Invalid(request.Numbers[response.Answers.Count], request.DefaultRegion)
                : Answer(asked.Span[i], facts[i]));
        }
    }

    private async Task ReadAsync(FactSet?[] facts, bool[] isMissing, ReadOnlyMemory<NumberQuestion> asked, ReadBatch reads, CancellationToken call)
    {
        var freshness = view.Freshness(asked.Span[0].IsDemanding);
        RegistrySnapshot registry;
        using (var limit = Limit(call))
        {
            registry = await view.RegistryAsync(asked.Span[0].Exact, limit.Token);
            await organisations.LearnAsync(asked.Span[0].Asked.Question.Organisation, limit.Token);
        }

        var missing = new List<FactSet>();
        using (await limiter.EnterAsync(call))
        {
            var now = clock.GetTimestamp();
            for (var i = 0; i < facts.Length; i++)
            {
                if (asked.Span[i].Number != default && (facts[i] = reader.Screen(asked.Span[i], registry, now)) is { IsComplete: false } one)
                {
                    isMissing[i] = true;
                    missing.Add(one);
                }
            }
        }

        // Waiting for a slot has its own limit.
        using (var limit = Limit(call))
        {
            reads.Clear();
            await reader.ReadAsync(missing, reads, freshness, asked.Span[0].Demand, limit.Token);
        }
    }

    private CancellationTokenSource Limit(CancellationToken call)
    {
        var limit = CancellationTokenSource.CreateLinkedTokenSource(call);
        limit.CancelAfter(options.StoreBatchLimitMs);
        return limit;
    }

    private V1.NumberAnswer Answer(in NumberQuestion asked, FactSet? facts)
    {
        var decision = facts is { IsComplete: true } ? SingleChecks.Decide(asked, facts) : Unavailable;
        var context = new AnswerContext(
            asked.Asked.Question.CallTime, asked.At, options.FreshnessBoundMs, options.RetryAfterMs, Hypothetical: true,
            facts?.Age ?? TimeSpan.Zero, facts?.RegistryAge ?? TimeSpan.Zero, Token: "");
        metrics.Decided(EntryPoint.Stream, decision.Verdict, decision.Primary);
        var answer = new V1.NumberAnswer
        {
            Number = asked.Number.ToString(),
            Verdict = (V1.Verdict)decision.Verdict,
            Reason = (V1.ReasonCode)decision.Primary,
            Decision = DecisionMapping.Map(decision, context, allReasons: false),
        };
        facts?.Dispose();
        return answer;
    }

    /// <summary>Returns the answer for a text that is not a phone number.</summary>
    internal static V1.NumberAnswer Invalid(string text, string region)
    {
        NumberParser.Instance.TryParse(text, region.Length == 0 ? null : region, out _, out var fault);
        return new V1.NumberAnswer { Verdict = V1.Verdict.Unknown, Reason = V1.ReasonCode.InvalidNumber, Error = fault.Describe() };
    }
}
