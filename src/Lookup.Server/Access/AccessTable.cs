using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Redis;
using Lookup.Server.Errors;

namespace Lookup.Server.Access;

/// <summary>Credentials and grants as the store had them at one moment. Immutable.</summary>
internal sealed class AccessTable
{
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

    /// <summary>What it was made of.</summary>
    internal Redis.Registry Source { get; }

    /// <summary>Finds who shows an API key.</summary>
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

        refusal = Refusals.UnknownCredential();
        return false;
    }

    /// <summary>Finds who shows a token whose signature, issuer and audience are right.</summary>
    internal bool TryFindToken(string subject, long until, long now, [NotNullWhen(true)] out Caller? caller, [NotNullWhen(false)] out RpcException? refusal) =>
        TryFind(_tokens, subject, until, now, out caller, out refusal);

    /// <summary>When a credential was made, in Unix milliseconds.</summary>
    internal long CreatedOf(string id) => _byId.TryGetValue(id, out var entry) ? entry.Stored.Created : long.MaxValue;

    /// <summary>Whether a credential counts and is an administrator's.</summary>
    internal bool IsAdministrator(string id, long now) =>
        _byId.TryGetValue(id, out var entry) && entry.TryUse(entry.Plain, now, out var caller, out _) && caller.Has(Roles.Admin);

    internal bool KnowsCertificate(string name) => _certificates.ContainsKey(name);

    /// <summary>Finds who shows a client certificate that the authority signed.</summary>
    internal bool TryFindCertificate(string name, long until, long now, [NotNullWhen(true)] out Caller? caller, [NotNullWhen(false)] out RpcException? refusal) =>
        TryFind(_certificates, name, until, now, out caller, out refusal);

    /// <summary>What a caller of an earlier state is now, with what it showed then.</summary>
    internal bool TryRenew(Caller known, long now, [NotNullWhen(true)] out Caller? caller, [NotNullWhen(false)] out RpcException? refusal)
    {
        caller = null;
        refusal = Refusals.UnknownCredential();
        if (!_byId.TryGetValue(known.Id, out var entry))
        {
            return false;
        }

        if (known.Proof is not { } proof)
        {
            return entry.TryUse(entry.Plain.EndingAt(known.Until), now, out caller, out refusal);
        }

        foreach (var one in entry.Secrets)
        {
            if (one.Stored.Hash.AsSpan().SequenceEqual(proof))
            {
                return entry.TryUse(one.Caller, now, out caller, out refusal);
            }
        }

        // The secret was replaced.
        refusal = Refusals.RevokedCredential();
        return false;
    }

    private static bool TryFind(
        FrozenDictionary<string, Entry> entries,
        string subject,
        long until,
        long now,
        [NotNullWhen(true)] out Caller? caller,
        [NotNullWhen(false)] out RpcException? refusal)
    {
        if (entries.TryGetValue(subject, out var entry))
        {
            return entry.TryUse(entry.Plain.EndingAt(until), now, out caller, out refusal);
        }

        (caller, refusal) = (null, Refusals.UnknownCredential());
        return false;
    }

    // Of several with one subject the one that counts, so that a revoked one can be replaced.
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

        internal bool TryUse(Caller mine, long now, [NotNullWhen(true)] out Caller? caller, [NotNullWhen(false)] out RpcException? refusal)
        {
            caller = null;
            refusal = Stored.Revoked != 0 ? Refusals.RevokedCredential()
                : now >= mine.Until ? Refusals.ExpiredCredential()
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
