using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Core.Facts;
using Lookup.Server.Errors;

namespace Lookup.Server.Access;

/// <summary>The caller of a request and its permissions, at one state of the store. Immutable.</summary>
/// <param name="id">Id of the credential.</param>
/// <param name="roles">Its roles.</param>
/// <param name="grants">Its organisations.</param>
/// <param name="state">Its counters.</param>
/// <param name="until">When the secret, token or certificate expires, in Unix milliseconds.</param>
/// <param name="proof">The hash of the secret used; null if there was none.</param>
/// <param name="signedBy">The key that signed the token used; null if there was none.</param>
internal sealed class Caller(string id, Roles roles, Grants grants, CallerState state, long until, byte[]? proof = null, string? signedBy = null)
    : ICallerFeature
{
    /// <summary>Every caller of a service that requires no credential.</summary>
    internal static Caller Anyone { get; } = new("", Roles.All, Grants.Everything, CallerState.Unlimited, long.MaxValue);

    /// <inheritdoc/>
    public string Id { get; } = id;

    internal CallerState State { get; } = state;

    internal long Until { get; } = until;

    internal byte[]? Proof { get; } = proof;

    internal string? SignedBy { get; } = signedBy;

    internal Grants Grants { get; } = grants;

    /// <summary>Returns the same caller with the earlier end of a token or certificate.</summary>
    internal Caller EndingAt(long end, string? key = null) =>
        end >= Until && key is null ? this : new Caller(Id, roles, Grants, State, Math.Min(end, Until), Proof, key);

    internal bool Has(Roles role) => (roles & role) == role;

    /// <summary>Returns whether an organisation is granted; "*" for all organisations and facts that concern all.</summary>
    /// <param name="organisation">Its name.</param>
    /// <param name="now">Unix milliseconds.</param>
    internal bool May(string organisation, long now) => Grants.Hold(organisation, now);

    /// <exception cref="RpcException">PERMISSION_DENIED: the role is missing.</exception>
    internal void Demand(Roles role)
    {
        if (!Has(role))
        {
            throw RpcErrors.RoleMissing(role);
        }
    }

    /// <exception cref="RpcException">PERMISSION_DENIED: the organisation is not granted.</exception>
    internal void Demand(string organisation, long now)
    {
        if (!May(organisation, now))
        {
            throw RpcErrors.NotGranted(organisation);
        }
    }

    /// <summary>Returns whether a fact may be shown: it is of a granted organisation, or concerns all.</summary>
    internal bool MaySee(V1.Fact fact, long now) => FactOwner.Of(fact) is Scope.AllName || May(FactOwner.Of(fact), now);
}
