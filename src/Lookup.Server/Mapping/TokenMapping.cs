using Lookup.Core.Facts;
using Lookup.Redis;
using Lookup.Server.Errors;

namespace Lookup.Server.Mapping;

/// <summary>Reads consistency tokens of requests.</summary>
internal static class TokenMapping
{
    private const string Field = "consistency.at_least_as_fresh";

    /// <summary>Returns the token that the request demands, or null.</summary>
    internal static ConsistencyToken? Demand(V1.Consistency? consistency, StoreManifest manifest, ref List<FieldFault>? faults)
    {
        switch (consistency?.RequirementCase)
        {
            case V1.Consistency.RequirementOneofCase.AtLeastAsFresh:
                if (!ConsistencyToken.TryParse(consistency.AtLeastAsFresh, out var token, out var error))
                {
                    FieldFaults.Add(ref faults, Field, error);
                    return null;
                }

                if (token.Epoch != manifest.Epoch)
                {
                    FieldFaults.Add(ref faults, Field, "The token is from another store, or from this store before it was initialised again; omit it.");
                    return null;
                }

                return token;
            case V1.Consistency.RequirementOneofCase.Exact when !consistency.Exact:
                FieldFaults.Add(ref faults, "consistency.exact", "Must be true; otherwise omit consistency.");
                return null;
            default:
                return null;
        }
    }
}
