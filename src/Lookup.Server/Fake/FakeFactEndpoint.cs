using Grpc.Core;
using Lookup.Core.Facts;
using Lookup.Server.Errors;
using Lookup.Server.Mapping;

namespace Lookup.Server.Fake;

/// <summary>lookup.v1.FactService in memory: keeps recorded facts until the service ends.</summary>
internal sealed class FakeFactEndpoint(IFakeAnswers answers) : V1.FactService.FactServiceBase
{
    /// <inheritdoc/>
    public override async Task<V1.RecordFactsResponse> RecordFacts(V1.RecordFactsRequest request, ServerCallContext context)
    {
        await FakeLookupEndpoint.MarkAsync(context);
        var good = new V1.RecordFactsRequest();
        var results = new V1.RecordFactsResponse();
        foreach (var fact in request.Facts)
        {
            List<FieldFault>? faults = null;
            var mapped = FactMapping.Map(fact, ref faults);
            if (faults is null)
            {
                fact.Number = mapped.Number.ToString();
                good.Facts.Add(fact);
                results.Results.Add(new V1.FactResult { Outcome = V1.FactResult.Types.Outcome.Recorded });
            }
            else
            {
                results.Results.Add(new V1.FactResult
                {
                    Outcome = V1.FactResult.Types.Outcome.Refused,
                    Errors = { faults.Select(f => new V1.FieldError { Field = f.Field, Description = f.Description }) },
                });
            }
        }

        if (good.Facts.Count == 0 && results.Results.Count > 0)
        {
            throw RpcErrors.Invalid([.. results.Results.SelectMany((result, i) => result.Errors.Select(error => new FieldFault($"facts[{i}].{error.Field}", error.Description)))]);
        }

        await answers.RecordAsync(good, context.CancellationToken);
        return results;
    }

    /// <inheritdoc/>
    public override async Task<V1.RecordOutcomeResponse> RecordOutcome(V1.RecordOutcomeRequest request, ServerCallContext context)
    {
        List<FieldFault>? faults = null;
        var facts = OutcomeMapping.Map(request, ref faults);
        FieldFaults.ThrowIfAny(faults);
        var recorded = await RecordFacts(new V1.RecordFactsRequest { Facts = { facts } }, context);
        FieldFaults.ThrowIfAny(OutcomeMapping.Faults(recorded.Results.SelectMany(r => r.Errors)));
        return new V1.RecordOutcomeResponse { ConsistencyToken = recorded.ConsistencyToken };
    }

    /// <inheritdoc/>
    public override async Task<V1.ListFactsResponse> ListFacts(V1.ListFactsRequest request, ServerCallContext context)
    {
        List<FieldFault>? faults = null;
        request.Number = FieldFaults.Number(request.Number, request.DefaultRegion, ref faults).ToString();
        FieldFaults.ThrowIfAny(faults);
        await FakeLookupEndpoint.MarkAsync(context);
        return await answers.ListAsync(request, context.CancellationToken);
    }
}
