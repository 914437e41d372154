using System.Globalization;
using System.Text.Json;
using Lookup.Redis.Topology;
using Lookup.Redis.Writing;
using StackExchange.Redis;

namespace Lookup.Redis.Credentials;

/// <summary>Credentials and grants, in the slot of the manifest. Each change increments the version of the registry.</summary>
internal sealed class RedisAccess(RedisTopology link, RedisValue epoch, RedisNames names) : IAccessStore
{
    // No name contains it.
    private const char Between = '|';

    public async Task<bool> TryPutAsync(StoredCredential credential, CancellationToken cancellation)
    {
        var text = JsonSerializer.Serialize(credential, StoredCredentialJson.Default.StoredCredential);
        var answer = await link.ScriptAsync(
            Keys.Shared,
            Script.Credential,
            [Keys.Manifest, Keys.Credentials, .. RegistryStamp.Hashes],
            [epoch, credential.Id, credential.Stored ?? "", text, RegistryStamp.NewMark()],
            cancellation);
        RedisFaults.ThrowIfOtherEpoch(answer);
        return (int)answer[1] == 1;
    }

    public Task PutGrantAsync(StoredGrant grant, CancellationToken cancellation) => SetGrantAsync(
        grant.CredentialId, grant.Organisation, string.Create(CultureInfo.InvariantCulture, $"{grant.From},{grant.Until}"), cancellation);

    public Task RemoveGrantAsync(string credentialId, string organisation, CancellationToken cancellation) =>
        SetGrantAsync(credentialId, organisation, "", cancellation);

    public Task<string> ClaimNameAsync(string organisation, CancellationToken cancellation) => names.ClaimAsync(organisation, cancellation);

    public async Task<StoredApproval?> FindApprovalAsync(string action, CancellationToken cancellation)
    {
        var text = await link.GlobalAsync(
            epoch, db => db.StringGetAsync(Keys.Approval(action), CommandFlags.DemandMaster), patient: true, cancellation);
        if (text.IsNull)
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize((string)text!, StoredCredentialJson.Default.StoredApproval)! with { Stored = text };
        }
        catch (JsonException e)
        {
            throw RedisFaults.Damaged(e);
        }
    }

    public async Task<bool> TryReplaceApprovalAsync(
        string action, StoredApproval? before, StoredApproval? after, TimeSpan keep, CancellationToken cancellation)
    {
        var text = after is null ? "" : JsonSerializer.Serialize(after, StoredCredentialJson.Default.StoredApproval);
        var answer = await link.ScriptAsync(
            Keys.Shared,
            Script.Approval,
            [Keys.Manifest, Keys.Approval(action)],
            [epoch, before?.Stored ?? "", text, (long)keep.TotalMilliseconds],
            cancellation);
        RedisFaults.ThrowIfOtherEpoch(answer);
        return (int)answer[1] == 1;
    }

    internal static StoredCredential Credential(HashEntry entry)
    {
        try
        {
            return JsonSerializer.Deserialize((string)entry.Value!, StoredCredentialJson.Default.StoredCredential)! with { Stored = entry.Value };
        }
        catch (JsonException e)
        {
            throw RedisFaults.Damaged(e);
        }
    }

    internal static StoredGrant Grant(HashEntry entry)
    {
        var names = ((string)entry.Name!).Split(Between);
        var times = ((string)entry.Value!).Split(',');
        return names.Length == 2 && times.Length == 2
            && long.TryParse(times[0], NumberStyles.None, CultureInfo.InvariantCulture, out var from)
            && long.TryParse(times[1], NumberStyles.None, CultureInfo.InvariantCulture, out var until)
            ? new StoredGrant(names[0], names[1], from, until)
            : throw RedisFaults.Damaged();
    }

    private Task SetGrantAsync(string credentialId, string organisation, string value, CancellationToken cancellation) =>
        RegistryStamp.SetAsync(link, epoch, Keys.Grants, $"{credentialId}{Between}{organisation}", value, cancellation);
}
