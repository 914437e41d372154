using Lookup.Core.Facts;
using Lookup.Redis.Credentials;
using Lookup.Server.Errors;
using Lookup.Server.Reading;

namespace Lookup.Server.Access;

/// <summary>Registers the names of organisations that have a record or a grant, so that facts of another name cannot claim their scope first.</summary>
internal static class OrganisationNames
{
    /// <summary>Registers a name. Only for administrators: the error names the owner of the scope.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT: another name has the scope.</exception>
    internal static async Task ClaimAsync(IAccessStore store, string organisation, string field, CancellationToken cancellation)
    {
        if (organisation != Scope.AllName && await store.ClaimNameAsync(organisation, cancellation) is var name && name != organisation)
        {
            throw RpcErrors.Invalid(field, ScopeNames.Collision(organisation, name));
        }
    }
}
