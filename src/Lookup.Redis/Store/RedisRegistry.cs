using System.Globalization;
using StackExchange.Redis;

namespace Lookup.Redis.Store;

/// <summary>Organisations, register snapshots, credentials and grants, in the slot of the manifest.</summary>
internal sealed class RedisRegistry(RedisLink link, Fences fences, RedisValue epoch, StoreKeys keys)
{
    private static readonly RedisValue[] ManifestFields = ["epoch", "registry", "state", "keys"];
    private Known? _last;
    private ulong _confirmed;

    internal async Task<Registry> ReadAsync(CancellationToken cancellation)
    {
        var last = Volatile.Read(ref _last);
        var known = keys.Current.Stage;
        var begin = link.Clock.GetTimestamp();
        var history = fences.IsOn ? await fences.RaiseAsync(link.Of(Keys.Shared), [Keys.Shared], cancellation) : "";
        if (last?.History != history)
            last = null;
        Task<RedisValue>? stamps = null;
        var manifest = await link.ReadAsync(
            Keys.Shared,
            async db =>
            {
                stamps = StampsAsync(db);
                var manifest = db.HashGetAsync(Keys.Manifest, ManifestFields, CommandFlags.DemandMaster);
                await stamps;
                return await manifest;
            },
            cancellation);
        CheckFresh(await stamps!, begin);
        var version = Check(manifest, Math.Max(last?.Registry.Version ?? 0, Volatile.Read(ref _confirmed)), known);
        return last?.Registry.Version == version ? last.Registry : await ReadAllAsync(version, begin, history, cancellation);
    }

    internal Task PutOrganisationAsync(StoredOrganisation organisation, CancellationToken cancellation) =>
        SetAsync(Keys.Organisations, organisation.Name, StoredOrganisationFormat.Write(organisation), cancellation);

    internal Task AddSnapshotAsync(string register, long date, CancellationToken cancellation) =>
        SetAsync(Keys.Snapshots, Snapshot(register, date), "1", cancellation);

    internal Task RemoveSnapshotAsync(string register, long date, CancellationToken cancellation) =>
        SetAsync(Keys.Snapshots, Snapshot(register, date), "", cancellation);

    private static string Snapshot(string register, long date) => string.Create(CultureInfo.InvariantCulture, $"{register}|{date}");

    private async Task SetAsync(RedisKey hash, string field, string value, CancellationToken cancellation) =>
        RedisNames.CheckEpoch(
            await link.ScriptAsync(Keys.Shared, Script.Registry, [Keys.Manifest, hash], [epoch, field, value], cancellation));

    private async Task<Registry> ReadAllAsync(ulong atLeast, long begin, string history, CancellationToken cancellation)
    {
        var known = keys.Current.Stage;
        Task<RedisValue>? stamps = null;
        Task<HashEntry[]>? organisations = null;
        Task<HashEntry[]>? snapshots = null;
        Task<HashEntry[]>? credentials = null;
        Task<HashEntry[]>? grants = null;
        var manifest = await link.ReadAsync(
            Keys.Shared,
            async db =>
            {
                stamps = StampsAsync(db);
                organisations = db.HashGetAllAsync(Keys.Organisations, CommandFlags.DemandMaster);
                snapshots = db.HashGetAllAsync(Keys.Snapshots, CommandFlags.DemandMaster);
                credentials = db.HashGetAllAsync(Keys.Credentials, CommandFlags.DemandMaster);
                grants = db.HashGetAllAsync(Keys.Grants, CommandFlags.DemandMaster);
                var manifest = db.HashGetAsync(Keys.Manifest, ManifestFields, CommandFlags.DemandMaster);
                await organisations;
                await snapshots;
                await credentials;
                await grants;
                return await manifest;
            },
            cancellation);
        CheckFresh(await stamps!, begin);
        Check(manifest, atLeast, known);

        // What was read may hold changes made after this version; then the next call reads once more than it needs to.
        var registry = new Registry(
            atLeast,
            [.. (await organisations!).Select(entry => StoredOrganisationFormat.Read((string)entry.Name!, (string)entry.Value!))],
            (await snapshots!)
                .Select(entry => ((string)entry.Name!).Split('|'))
                .GroupBy(parts => parts[0], StringComparer.Ordinal)
                .ToDictionary(
                    group => group.Key,
                    group => group.Select(parts => long.Parse(parts[1], CultureInfo.InvariantCulture)).Order().ToArray(),
                    StringComparer.Ordinal),
            [.. (await credentials!).Select(RedisAccess.Credential)],
            [.. (await grants!).Select(RedisAccess.Grant)]);
        Volatile.Write(ref _last, new Known(registry, history));
        return registry;
    }

    private Task<RedisValue> StampsAsync(IDatabase db) =>
        fences.IsOn ? db.HashGetAsync(Keys.Manifest, fences.Field, CommandFlags.DemandMaster) : Task.FromResult(RedisValue.Null);

    private void CheckFresh(RedisValue stamps, long begin)
    {
        if (!fences.IsOn)
            return;
        var proof = fences.Of(Keys.Shared, stamps);
        if (proof.AsOf < begin)
            throw StoreUnavailableException.Unconfirmed();
        Volatile.Write(ref _confirmed, Math.Max(proof.Version, Volatile.Read(ref _confirmed)));
    }

    private ulong Check(RedisValue[] manifest, ulong floor, KeyStage known)
    {
        if (manifest[0] != epoch)
            throw RedisFaults.Epoch(manifest[0]);
        if (manifest[2] != StoreManifestFormat.Ready)
            throw RedisFaults.Epoch(StoreManifestFormat.LoadingEpoch);
        keys.Follow(KeyStage.Parse(manifest[3], known.Key), known.Number);
        var version = manifest[1].IsNull ? 0 : manifest[1].TryParse(out long number) ? (ulong)number : throw RedisFaults.Damaged();
        return version >= floor ? version : throw RedisFaults.RolledBack();
    }

    // Another history may give the same version to something else.
    private sealed record Known(Registry Registry, string History);
}
