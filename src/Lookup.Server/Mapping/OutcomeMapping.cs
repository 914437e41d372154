using Lookup.Core.Facts;
using Lookup.Server.Errors;

namespace Lookup.Server.Mapping;

/// <summary>Maps the outcome of a call to facts.</summary>
internal static class OutcomeMapping
{
    /// <summary>Returns the attempt, and the refusal or objection. Adds faults of fields that facts do not have.</summary>
    internal static IReadOnlyList<V1.Fact> Map(V1.RecordOutcomeRequest request, ref List<FieldFault>? faults)
    {
        FieldFaults.CheckEnum((int)request.Outcome, (int)V1.CallOutcome.Abandoned, "outcome", ref faults);
        if (request.Outcome == V1.CallOutcome.Unspecified)
        {
            FieldFaults.Add(ref faults, "outcome", FieldFaults.Required);
        }

        if (request.Called is null)
        {
            FieldFaults.Add(ref faults, "called", "Required: it identifies the call.");
        }

        if (!FieldFaults.IsName(request.Organisation))
        {
            FieldFaults.Add(ref faults, "organisation", FieldFaults.NameRule);
        }

        var attempt = new V1.Attempt
        {
            Organisation = request.Organisation,
            ProductGroup = request.ProductGroup,
            Abandoned = request.Outcome == V1.CallOutcome.Abandoned,
        };
        var facts = new List<V1.Fact> { Fact(request, f => f.Attempt = attempt) };
        if (request.Outcome == V1.CallOutcome.Refused)
        {
            facts.Add(Fact(request, f => f.Refusal = new V1.Refusal { Organisation = request.Organisation }));
        }

        if (request.Outcome == V1.CallOutcome.Objection)
        {
            facts.Add(Fact(request, f => f.Objection = new V1.Objection { Organisation = request.Organisation }));
        }

        return facts;
    }

    /// <summary>Maps the errors of rejected facts to the fields of the request.</summary>
    internal static List<FieldFault>? Faults(IEnumerable<V1.FieldError> errors)
    {
        List<FieldFault>? faults = null;
        foreach (var error in errors)
        {
            var field = error.Field[(error.Field.LastIndexOf('.') + 1)..];
            field = field == "effective" ? "called" : field;
            if (faults?.Exists(f => f.Field == field) != true)
            {
                FieldFaults.Add(ref faults, field, error.Description);
            }
        }

        return faults;
    }

    private static V1.Fact Fact(V1.RecordOutcomeRequest request, Action<V1.Fact> kind)
    {
        var fact = new V1.Fact
        {
            Number = request.Number,
            DefaultRegion = request.DefaultRegion,
            Effective = request.Called,
            Source = request.Source,
            Actor = request.Actor,
            Reason = request.Reason,
        };
        kind(fact);
        return fact;
    }
}
