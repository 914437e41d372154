using Lookup.Core.Access;
using Lookup.Core.Facts;
using Lookup.Redis.Credentials;
using Lookup.Server.Errors;

namespace Lookup.Server.Access;

/// <summary>Maps credentials and grants between the contract and the store.</summary>
internal static class CredentialMapping
{
    private const int MaxText = 256;
    private const int MaxPerSecond = 1_000_000;
    private const int MaxStreams = 1_024;
    private const int MaxChunk = 8_192;
    private const int MaxRoles = 8;

    /// <summary>Reads a credential to create.</summary>
    /// <param name="source">The credential.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT with every invalid field.</exception>
    internal static StoredCredential Read(V1.Credential? source, long now)
    {
        source ??= new V1.Credential();
        List<FieldFault>? faults = null;
        CheckName(source.CredentialId, "credential.credential_id", ref faults);
        if (source.Kind is < V1.CredentialKind.ApiKey or > V1.CredentialKind.Certificate)
        {
            FieldFaults.Add(ref faults, "credential.kind", "Must be an API key, a token or a certificate.");
        }

        var isKey = source.Kind == V1.CredentialKind.ApiKey;
        if (isKey != (source.Subject.Length == 0))
        {
            FieldFaults.Add(ref faults, "credential.subject", isKey ? "An API key has no subject; leave it empty." : $"Required: 1 to {MaxText} characters.");
        }

        FieldFaults.CheckText(source.Subject, MaxText, "credential.subject", ref faults);
        FieldFaults.CheckText(source.Note, MaxText, "credential.note", ref faults);

        var expires = FieldFaults.Time(source.ExpireTime, "credential.expire_time", ref faults) ?? 0;
        if (source.ExpireTime is not null && expires <= now)
        {
            FieldFaults.Add(ref faults, "credential.expire_time", "Must be in the future.");
        }

        CheckRange(source.RequestsPerSecond, MaxPerSecond, "credential.requests_per_second", ref faults);
        CheckRange(source.MaxStreams, MaxStreams, "credential.max_streams", ref faults);
        CheckRange(source.MaxChunk, MaxChunk, "credential.max_chunk", ref faults);
        var roles = RolesOf(source, ref faults);
        FieldFaults.ThrowIfAny(faults);
        return new StoredCredential
        {
            Id = source.CredentialId,
            Kind = (CredentialKind)source.Kind,
            Roles = roles,
            Subject = source.Subject,
            Created = now,
            Expires = expires,
            RequestsPerSecond = source.RequestsPerSecond,
            MaxStreams = source.MaxStreams,
            MaxChunk = source.MaxChunk,
            Note = source.Note,
        };
    }

    /// <summary>Reads a grant.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT with every invalid field.</exception>
    internal static StoredGrant Read(V1.Grant? source)
    {
        source ??= new V1.Grant();
        List<FieldFault>? faults = null;
        CheckName(source.CredentialId, "grant.credential_id", ref faults);
        if (source.Organisation != Scope.AllName)
        {
            CheckName(source.Organisation, "grant.organisation", ref faults);
        }

        var from = FieldFaults.Time(source.FromTime, "grant.from_time", ref faults) ?? 0;
        var until = FieldFaults.Time(source.UntilTime, "grant.until_time", ref faults) ?? 0;
        if (source.UntilTime is not null && until <= from)
        {
            FieldFaults.Add(ref faults, "grant.until_time", "Must be later than from_time.");
        }

        FieldFaults.ThrowIfAny(faults);
        return new StoredGrant(source.CredentialId, source.Organisation, from, until);
    }

    /// <summary>Writes a credential without its secrets.</summary>
    internal static V1.Credential ToProto(StoredCredential stored) => new()
    {
        CredentialId = stored.Id,
        Kind = (V1.CredentialKind)stored.Kind,
        Roles = { Enumerable.Range(0, (int)V1.Role.Observe).Where(bit => stored.Roles.HasFlag((Roles)(1 << bit))).Select(bit => (V1.Role)(bit + 1)) },
        Subject = stored.Subject,
        ExpireTime = TimeOrNone(stored.Expires),
        RequestsPerSecond = stored.RequestsPerSecond,
        MaxStreams = stored.MaxStreams,
        MaxChunk = stored.MaxChunk,
        Note = stored.Note,
        CreateTime = TimeOrNone(stored.Created),
        RevokeTime = TimeOrNone(stored.Revoked),
    };

    /// <summary>Writes a grant.</summary>
    internal static V1.Grant ToProto(StoredGrant grant) => new()
    {
        CredentialId = grant.CredentialId,
        Organisation = grant.Organisation,
        FromTime = TimeOrNone(grant.From),
        UntilTime = TimeOrNone(grant.Until),
    };

    internal static void CheckName(string name, string field, ref List<FieldFault>? faults)
    {
        if (!FieldFaults.IsName(name))
        {
            FieldFaults.Add(ref faults, field, FieldFaults.NameRule);
        }
    }

    private static Roles RolesOf(V1.Credential source, ref List<FieldFault>? faults)
    {
        var roles = Roles.None;
        if (source.Roles.Count > MaxRoles)
        {
            FieldFaults.Add(ref faults, "credential.roles", $"{source.Roles.Count} roles; at most {MaxRoles} are allowed.");
            return roles;
        }

        for (var i = 0; i < source.Roles.Count; i++)
        {
            if (source.Roles[i] is < V1.Role.Check or > V1.Role.Observe)
            {
                FieldFaults.Add(ref faults, $"credential.roles[{i}]", $"{(int)source.Roles[i]} is not a value this version knows.");
                continue;
            }

            roles |= (Roles)(1 << ((int)source.Roles[i] - 1));
        }

        if (source.Roles.Count == 0)
        {
            FieldFaults.Add(ref faults, "credential.roles", "Requires at least one role.");
        }

        return roles;
    }

    private static void CheckRange(int value, int max, string field, ref List<FieldFault>? faults)
    {
        if (value < 0 || value > max)
        {
            FieldFaults.Add(ref faults, field, $"{value} is out of range; must be 1 to {max}, or 0 for no limit.");
        }
    }

    private static Google.Protobuf.WellKnownTypes.Timestamp? TimeOrNone(long time) => time == 0 ? null : FieldFaults.ToTimestamp(time);
}
