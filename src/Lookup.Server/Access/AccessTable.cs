using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Redis.Credentials;
using Lookup.Server.Errors;

namespace Lookup.Server.Access;

/// <summary>The credentials and grants of the store at one moment. Immutable.</summary>
internal sealed class AccessTable
{
    // How long a revoked or expired administrator still counts for dual approval.
    private const long EndedCountsMs = 7 * 24 * 3_600_000L;

    private readonly FrozenDictionary<string, Entry> _byId;
    private readonly FrozenDictionary<string, Entry>.AlternateLookup<ReadOnlySpan<char>> _byIdText;
    private readonly FrozenDictionary<string, Entry> _tokens;
    private readonly FrozenDictionary<string, Entry> _certificates;

    internal AccessTable(Redis.Registry source, CallerStates states)
    {
        Source = source;
        var grants = source.Grants.GroupBy(grant => grant.CredentialId, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => new Grants(group), StringComparer.Ordinal);
        var entries = source.Credentials
            .Select(stored => new Entry(stored, grants.GetValueOrDefault(stored.Id, Grants.None), states.Of(stored))).ToList();
        _byId = entries.ToFrozenDictionary(entry => entry.Stored.Id, StringComparer.Ordinal);
        _byIdText = _byId.GetAlternateLookup<ReadOnlySpan<char>>();
        _tokens = BySubject(entries, CredentialKind.Token);
        _certificates = BySubject(entries, CredentialKind.Certificate);
    }

    /// <summary>The registry this table was created from.</summary>
    internal Redis.Registry Source { get; }

    /// <summary>Finds the caller with an API key.</summary>
    internal bool TryFindKey(ReadOnlySpan<char> key, long now, [NotNullWhen(true)] out Caller? caller, [NotNullWhen(false)] out RpcException? refusal)
    {
        caller = null;
        if (ApiKey.TrySplit(key, out var id, out var secret) && _byIdText.TryGetValue(id, out var entry))
        {
            foreach (var one in entry.Secrets)
            {
                if (ApiKey.Matches(secret, one.Stored.Salt, one.Stored.Hash))
                {
                    return entry.TryUse(one.Caller, now, out caller, out refusal);
                }
            }
        }

        refusal = RpcErrors.UnknownCredential();
        return false;
    }

    /// <summary>Finds the caller with a token whose signature, issuer and audience were validated.</summary>
    internal bool TryFindToken(KnownToken token, long now, [NotNullWhen(true)] out Caller? caller, [NotNullWhen(false)] out RpcException? refusal) =>
        TryFind(_tokens, token.Subject, token.Until, token.Key, now, out caller, out refusal);

    /// <summary>Returns the origin of the secret that a caller used.</summary>
    internal CredentialOrigin OriginOf(Caller caller) =>
        _byId.TryGetValue(caller.Id, out var entry) ? entry.OriginOf(caller.Proof) : new CredentialOrigin(long.MaxValue, null);

    /// <summary>Returns whether two administrators, current or ended within a week, are independent of each other.</summary>
    internal bool HasIndependentAdministrators(long now)
    {
        var lately = now - EndedCountsMs;
        var origins = _byId.Values
            .Where(entry => entry.Stored.Roles.HasFlag(Roles.Admin)
                && (entry.Stored.Revoked == 0 || entry.Stored.Revoked > lately) && (entry.Stored.Expires == 0 || entry.Stored.Expires > lately))
            .SelectMany(entry => entry.Origins).Where(origin => origin.Holders is not null).ToList();
        return origins.Exists(one => origins.Exists(one.IsIndependentOf));
    }

    /// <summary>Returns whether the secret behind a first request is still valid and an administrator's.</summary>
    internal bool IsCounting(StoredApproval approval, long now) =>
        _byId.TryGetValue(approval.Credential, out var entry) && entry.Stored.Roles.HasFlag(Roles.Admin) && entry.IsCounting(approval.Made, now);

    internal bool KnowsCertificate(string name) => _certificates.ContainsKey(name);

    /// <summary>Finds the caller with a client certificate that the authority signed.</summary>
    internal bool TryFindCertificate(string name, long until, long now, [NotNullWhen(true)] out Caller? caller, [NotNullWhen(false)] out RpcException? refusal) =>
        TryFind(_certificates, name, until, null, now, out caller, out refusal);

    /// <summary>Finds the current state of an earlier caller, by the secret, token or certificate it used then.</summary>
    internal bool TryRenew(Caller known, long now, [NotNullWhen(true)] out Caller? caller, [NotNullWhen(false)] out RpcException? refusal)
    {
        caller = null;
        refusal = RpcErrors.UnknownCredential();
        if (!_byId.TryGetValue(known.Id, out var entry))
        {
            return false;
        }

        if (known.Proof is not { } proof)
        {
            return entry.TryUse(entry.Plain.EndingAt(known.Until, known.SignedBy), now, out caller, out refusal);
        }

        foreach (var one in entry.Secrets)
        {
            if (one.Stored.Hash.AsSpan().SequenceEqual(proof))
            {
                return entry.TryUse(one.Caller, now, out caller, out refusal);
            }
        }

        // The secret was rotated.
        refusal = RpcErrors.RevokedCredential();
        return false;
    }

    private static bool TryFind(
        FrozenDictionary<string, Entry> entries,
        string subject,
        long until,
        string? key,
        long now,
        [NotNullWhen(true)] out Caller? caller,
        [NotNullWhen(false)] out RpcException? refusal)
    {
        if (entries.TryGetValue(subject, out var entry))
        {
            return entry.TryUse(entry.Plain.EndingAt(until, key), now, out caller, out refusal);
        }

        (caller, refusal) = (null, RpcErrors.UnknownCredential());
        return false;
    }

    // Of several credentials with one subject, the one not revoked wins, so that a revoked one can be replaced.
    private static FrozenDictionary<string, Entry> BySubject(List<Entry> entries, CredentialKind kind) => entries
        .Where(entry => entry.Stored.Kind == kind)
        .GroupBy(entry => entry.Stored.Subject, StringComparer.Ordinal)
        .ToFrozenDictionary(group => group.Key, group => group.OrderBy(entry => entry.Stored.Revoked).First(), StringComparer.Ordinal);

    private sealed class Entry
    {
        internal Entry(StoredCredential stored, Grants grants, CallerState state)
        {
            Stored = stored;
            var until = stored.Expires == 0 ? long.MaxValue : stored.Expires;
            Plain = new Caller(stored.Id, stored.Roles, grants, state, until);
            Secrets =
            [
                .. stored.Kind == CredentialKind.ApiKey
                    ? stored.Secrets.Select(secret => (secret, new Caller(
                        stored.Id, stored.Roles, grants, state, secret.Until == 0 ? until : Math.Min(until, secret.Until), secret.Hash)))
                    : [],
            ];
        }

        internal StoredCredential Stored { get; }

        internal Caller Plain { get; }

        internal (StoredSecret Stored, Caller Caller)[] Secrets { get; }

        /// <summary>The origins of its secrets, or of its subject.</summary>
        internal IEnumerable<CredentialOrigin> Origins => Stored.Kind == CredentialKind.ApiKey
            ? Secrets.Select(secret => CredentialOrigin.Of(Stored.Id, secret.Stored.Made, secret.Stored.KnownTo))
            : [CredentialOrigin.Of(Stored.Id, Stored.Created, Stored.KnownTo)];

        /// <summary>Returns whether the secret that was made at a time is still valid.</summary>
        internal bool IsCounting(long made, long now) => Stored.Kind == CredentialKind.ApiKey
            ? Array.Exists(Secrets, secret => secret.Stored.Made == made && TryUse(secret.Caller, now, out _, out _))
            : Stored.Created == made && TryUse(Plain, now, out _, out _);

        internal CredentialOrigin OriginOf(byte[]? proof)
        {
            if (Stored.Kind != CredentialKind.ApiKey)
            {
                return CredentialOrigin.Of(Stored.Id, Stored.Created, Stored.KnownTo);
            }

            var shown = Array.Find(Secrets, secret => proof is not null && secret.Stored.Hash.AsSpan().SequenceEqual(proof)).Stored;
            return shown is null ? new CredentialOrigin(long.MaxValue, null) : CredentialOrigin.Of(Stored.Id, shown.Made, shown.KnownTo);
        }

        internal bool TryUse(Caller mine, long now, [NotNullWhen(true)] out Caller? caller, [NotNullWhen(false)] out RpcException? refusal)
        {
            caller = null;
            refusal = Stored.Revoked != 0 ? RpcErrors.RevokedCredential()
                : now >= mine.Until ? RpcErrors.ExpiredCredential()
                : null;
            if (refusal is not null)
            {
                return false;
            }

            caller = mine;
            return true;
        }
    }
}
