using System.Text.Json.Serialization;
using Lookup.Core.Access;

namespace Lookup.Redis.Credentials;

/// <summary>The type of a credential. The values are stored.</summary>
public enum CredentialKind : byte
{
    /// <summary>Never stored.</summary>
    None = 0,

    /// <summary>An API key.</summary>
    ApiKey = 1,

    /// <summary>A token of the configured issuer, with this subject.</summary>
    Token = 2,

    /// <summary>A client certificate of the configured authority, with this name.</summary>
    Certificate = 3,
}

/// <summary>A credential as the store keeps it. Times are Unix milliseconds, 0 for none.</summary>
public sealed record StoredCredential
{
    /// <summary>Maximum number of credentials in a store.</summary>
    public const int Max = 10_000;

    /// <summary>Its id: 1 to 64 characters of [a-z0-9._-].</summary>
    public required string Id { get; init; }

    /// <summary>The type of the credential.</summary>
    public CredentialKind Kind { get; init; }

    /// <summary>Its roles.</summary>
    public Roles Roles { get; init; }

    /// <summary>Subject of the token, or name in the certificate; empty for API keys.</summary>
    public string Subject { get; init; } = "";

    /// <summary>The stored secrets of an API key, the newest first; at most two.</summary>
    public IReadOnlyList<StoredSecret> Secrets { get; init; } = [];

    /// <summary>When it was created.</summary>
    public long Created { get; init; }

    /// <summary>For tokens and certificates: as <see cref="StoredSecret.KnownTo"/>, of the administrator who tied the subject to the credential.</summary>
    public IReadOnlyList<string>? KnownTo { get; init; }

    /// <summary>When it expires.</summary>
    public long Expires { get; init; }

    /// <summary>When it was revoked; revocation is permanent.</summary>
    public long Revoked { get; init; }

    /// <summary>Maximum number of requests per second; 0: no limit.</summary>
    public int RequestsPerSecond { get; init; }

    /// <summary>Maximum number of concurrent streams; 0: no specific limit.</summary>
    public int MaxStreams { get; init; }

    /// <summary>Maximum number of phone numbers in a chunk of a list; 0: no specific limit.</summary>
    public int MaxChunk { get; init; }

    /// <summary>The purpose, as its creator described it.</summary>
    public string Note { get; init; } = "";

    /// <summary>The stored text that this was read from, for compare and set; null for a new one.</summary>
    [JsonIgnore]
    public string? Stored { get; init; }

    /// <summary>Returns the same credential with a new secret.</summary>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="oldUntil">When the previous secret expires, in Unix milliseconds; a time up to now ends it immediately.</param>
    /// <param name="key">The key; it cannot be retrieved later.</param>
    public StoredCredential WithNewSecret(long now, long oldUntil, out string key) => WithNewSecret(now, oldUntil, [], out key);

    /// <inheritdoc cref="WithNewSecret(long, long, out string)"/>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="oldUntil">Until when the secret before counts.</param>
    /// <param name="knownTo">See <see cref="StoredSecret.KnownTo"/>.</param>
    /// <param name="key">The key.</param>
    public StoredCredential WithNewSecret(long now, long oldUntil, IReadOnlyList<string>? knownTo, out string key)
    {
        key = ApiKey.Create(Id, out var salt, out var hash);
        var secrets = new List<StoredSecret> { new() { Salt = salt, Hash = hash, Made = now, KnownTo = knownTo } };
        if (Secrets.Count > 0 && oldUntil > now)
        {
            secrets.Add(Secrets[0] with { Until = oldUntil });
        }

        return this with { Secrets = secrets };
    }
}

/// <summary>The stored form of a secret, from which the secret cannot be derived.</summary>
public sealed record StoredSecret
{
    /// <summary>The salt.</summary>
    public required byte[] Salt { get; init; }

    /// <summary>The hash of salt and secret.</summary>
    public required byte[] Hash { get; init; }

    /// <summary>When it expires, in Unix milliseconds; 0: with the credential.</summary>
    public long Until { get; init; }

    /// <summary>When it was created, in Unix milliseconds; 0 if an earlier version created it and did not record the time.</summary>
    public long Made { get; init; }

    /// <summary>
    /// Other credentials whose holders may know it: that of the administrator who received it, and all whose holders may know
    /// that one's secret. Empty if it was created directly in the store; null if an earlier version created it.
    /// </summary>
    public IReadOnlyList<string>? KnownTo { get; init; }
}

/// <summary>A first administrator's request that waits for a second one. Times are Unix milliseconds.</summary>
/// <param name="Credential">The first administrator's credential.</param>
/// <param name="At">Time of the request.</param>
public sealed record StoredApproval(string Credential, long At)
{
    /// <summary>When the credential's secret was created.</summary>
    public long Made { get; init; }

    /// <summary>Credentials whose holders may know that secret, including this one.</summary>
    public IReadOnlyList<string> KnownTo { get; init; } = [];

    /// <summary>The stored text that this was read from; null for a new one.</summary>
    [JsonIgnore]
    public string? Stored { get; init; }
}

/// <summary>Allows a credential to query and record on behalf of an organisation.</summary>
/// <param name="CredentialId">The credential.</param>
/// <param name="Organisation">The organisation; "*" for every organisation and for facts that apply to all.</param>
/// <param name="From">Start in Unix milliseconds; 0: no start.</param>
/// <param name="Until">End in Unix milliseconds; 0: no end.</param>
public sealed record StoredGrant(string CredentialId, string Organisation, long From, long Until);

/// <summary>The stored form: snake case, so that an operator can read it in redis.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(StoredCredential))]
[JsonSerializable(typeof(StoredApproval))]
internal sealed partial class StoredCredentialJson : JsonSerializerContext;
