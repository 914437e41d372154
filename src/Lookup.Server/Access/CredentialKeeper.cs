using Google.Rpc;
using Grpc.Core;
using Lookup.Core.Facts;
using Lookup.Redis.Credentials;
using Lookup.Redis.Registers;
using Lookup.Server.Errors;

namespace Lookup.Server.Access;

/// <summary>Creates, rotates and revokes credentials and grants in a store: for the service, and for the tool before the first key exists.</summary>
internal sealed class CredentialKeeper(IRegistryStore registry, IAccessStore store, TimeProvider clock)
{
    private const int MaxOverlapSeconds = 30 * 24 * 60 * 60;

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Creates a credential directly in the store.</summary>
    internal Task<V1.CreateCredentialResponse> CreateAsync(V1.CreateCredentialRequest request, CancellationToken cancellation) =>
        CreateAsync(request, [], cancellation);

    /// <summary>Creates a credential.</summary>
    /// <param name="request">The credential.</param>
    /// <param name="knownTo">See <see cref="StoredSecret.KnownTo"/>.</param>
    /// <param name="cancellation">Ends the wait.</param>
    internal async Task<V1.CreateCredentialResponse> CreateAsync(
        V1.CreateCredentialRequest request, IReadOnlyList<string>? knownTo, CancellationToken cancellation)
    {
        var credential = CredentialMapping.Read(request.Credential, Now);
        var known = (await registry.ReadAsync(cancellation)).Credentials;
        if (known.Count >= StoredCredential.Max)
        {
            throw RpcErrors.Precondition($"The store has {StoredCredential.Max} credentials, its limit.", "TOO_MANY_CREDENTIALS");
        }

        if (known.Any(one => one.Revoked == 0 && one.Kind == credential.Kind && one.Subject.Length > 0 && one.Subject == credential.Subject))
        {
            throw Exists("Another credential that is not revoked has this subject; revoke it first.");
        }

        var key = "";
        if (credential.Kind == Lookup.Redis.Credentials.CredentialKind.ApiKey)
        {
            credential = credential.WithNewSecret(Now, 0, knownTo, out key);
        }
        else
        {
            credential = credential with { KnownTo = knownTo };
        }

        return await store.TryPutAsync(credential, cancellation)
            ? new V1.CreateCredentialResponse { Credential = CredentialMapping.ToProto(credential), ApiKey = key }
            : throw Exists("A credential with this id exists, perhaps revoked; choose another id.");
    }

    internal async Task<V1.ListCredentialsResponse> ListAsync(CancellationToken cancellation) => new()
    {
        Credentials =
        {
            (await registry.ReadAsync(cancellation)).Credentials.OrderBy(one => one.Id, StringComparer.Ordinal).Select(CredentialMapping.ToProto),
        },
    };

    /// <summary>Rotates a secret directly in the store.</summary>
    internal Task<V1.RotateCredentialResponse> RotateAsync(V1.RotateCredentialRequest request, CancellationToken cancellation) =>
        RotateAsync(request, [], cancellation);

    /// <summary>Rotates a secret.</summary>
    /// <param name="request">The credential.</param>
    /// <param name="knownTo">See <see cref="StoredSecret.KnownTo"/>.</param>
    /// <param name="cancellation">Ends the wait.</param>
    internal async Task<V1.RotateCredentialResponse> RotateAsync(
        V1.RotateCredentialRequest request, IReadOnlyList<string>? knownTo, CancellationToken cancellation)
    {
        if (request.OverlapSeconds is < 0 or > MaxOverlapSeconds)
        {
            throw RpcErrors.Invalid("overlap_seconds", $"{request.OverlapSeconds} is out of range; must be 0 to {MaxOverlapSeconds} seconds.");
        }

        var known = await FindAsync(request.CredentialId, cancellation);
        if (known.Kind != Lookup.Redis.Credentials.CredentialKind.ApiKey || known.Revoked != 0)
        {
            throw RpcErrors.Precondition("Only the secret of an API key that is not revoked can be rotated.", "NO_SECRET_TO_ROTATE");
        }

        var now = Now;
        var rotated = known.WithNewSecret(now, now + (request.OverlapSeconds * 1000L), knownTo, out var key);
        await PutAsync(rotated, cancellation);
        return new V1.RotateCredentialResponse { Credential = CredentialMapping.ToProto(rotated), ApiKey = key };
    }

    internal async Task<V1.RevokeCredentialResponse> RevokeAsync(V1.RevokeCredentialRequest request, CancellationToken cancellation)
    {
        var known = await FindAsync(request.CredentialId, cancellation);
        if (known.Revoked == 0)
        {
            known = known with { Revoked = Now };
            await PutAsync(known, cancellation);
        }

        return new V1.RevokeCredentialResponse { Credential = CredentialMapping.ToProto(known) };
    }

    internal async Task<V1.AddGrantResponse> AddGrantAsync(V1.AddGrantRequest request, CancellationToken cancellation)
    {
        var grant = CredentialMapping.Read(request.Grant);
        await FindAsync(grant.CredentialId, cancellation);
        await OrganisationNames.ClaimAsync(store, grant.Organisation, "grant.organisation", cancellation);
        await store.PutGrantAsync(grant, cancellation);
        return new V1.AddGrantResponse { Grant = CredentialMapping.ToProto(grant) };
    }

    internal async Task<V1.ListGrantsResponse> ListGrantsAsync(CancellationToken cancellation) => new()
    {
        Grants =
        {
            (await registry.ReadAsync(cancellation)).Grants
                .OrderBy(grant => grant.CredentialId, StringComparer.Ordinal).ThenBy(grant => grant.Organisation, StringComparer.Ordinal)
                .Select(CredentialMapping.ToProto),
        },
    };

    internal async Task<V1.RemoveGrantResponse> RemoveGrantAsync(V1.RemoveGrantRequest request, CancellationToken cancellation)
    {
        if (!(await registry.ReadAsync(cancellation)).Grants.Any(
            grant => grant.CredentialId == request.CredentialId && grant.Organisation == request.Organisation))
        {
            throw Of(Code.NotFound, "The credential has no grant for this organisation.");
        }

        await store.RemoveGrantAsync(request.CredentialId, request.Organisation, cancellation);
        return new V1.RemoveGrantResponse();
    }

    /// <summary>Finds a credential.</summary>
    /// <exception cref="RpcException">NOT_FOUND: no credential has this id.</exception>
    internal async Task<StoredCredential> FindAsync(string id, CancellationToken cancellation)
    {
        List<FieldFault>? faults = null;
        CredentialMapping.CheckName(id, "credential_id", ref faults);
        FieldFaults.ThrowIfAny(faults);
        return (await registry.ReadAsync(cancellation)).Credentials.FirstOrDefault(one => one.Id == id)
            ?? throw Of(Code.NotFound, "No credential has this id; ListCredentials lists them.");
    }

    private async Task PutAsync(StoredCredential credential, CancellationToken cancellation)
    {
        if (!await store.TryPutAsync(credential, cancellation))
        {
            throw Of(Code.Aborted, "Another call changed the credential at the same time; retry.");
        }
    }

    private static RpcException Exists(string message) => Of(Code.AlreadyExists, message);

    private static RpcException Of(Code code, string message) => RpcErrors.Of(code, message).ToRpcException();
}
