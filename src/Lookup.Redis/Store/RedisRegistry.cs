using System.Globalization;
using Lookup.Core.Decisions;
using StackExchange.Redis;

namespace Lookup.Redis.Store;

/// <summary>Organisations and register snapshots, in the slot of the manifest.</summary>
internal sealed class RedisRegistry(RedisLink link, RedisValue epoch)
{
    private static readonly RedisValue[] ManifestFields = ["epoch", "registry", "state"];
    private Registry? _last;

    internal async Task<Registry> ReadAsync(CancellationToken cancellation)
    {
        var last = Volatile.Read(ref _last);
        var manifest = await link.ReadAsync(
            Keys.Shared,
            db => db.HashGetAsync(Keys.Manifest, ManifestFields, CommandFlags.DemandMaster), cancellation);
        var version = Check(manifest, last?.Version ?? 0);
        return last is not null && last.Version == version ? last : await ReadAllAsync(version, cancellation);
    }

    internal Task PutOrganisationAsync(string name, Sector sector, Layers layers, CancellationToken cancellation) =>
        SetAsync(Keys.Organisations, name, string.Create(CultureInfo.InvariantCulture, $"{(int)sector},{(int)layers}"), cancellation);

    internal Task AddSnapshotAsync(string register, long date, CancellationToken cancellation) =>
        SetAsync(Keys.Snapshots, Snapshot(register, date), "1", cancellation);

    internal Task RemoveSnapshotAsync(string register, long date, CancellationToken cancellation) =>
        SetAsync(Keys.Snapshots, Snapshot(register, date), "", cancellation);

    private static string Snapshot(string register, long date) => string.Create(CultureInfo.InvariantCulture, $"{register}|{date}");

    private async Task SetAsync(RedisKey hash, string field, string value, CancellationToken cancellation) =>
        RedisNames.CheckEpoch(
            await link.ScriptAsync(Keys.Shared, Script.Registry, [Keys.Manifest, hash], [epoch, field, value], cancellation));

    private async Task<Registry> ReadAllAsync(ulong atLeast, CancellationToken cancellation)
    {
        Task<HashEntry[]>? organisations = null;
        Task<HashEntry[]>? snapshots = null;
        var manifest = await link.ReadAsync(
            Keys.Shared,
            async db =>
            {
                organisations = db.HashGetAllAsync(Keys.Organisations, CommandFlags.DemandMaster);
                snapshots = db.HashGetAllAsync(Keys.Snapshots, CommandFlags.DemandMaster);
                var manifest = db.HashGetAsync(Keys.Manifest, ManifestFields, CommandFlags.DemandMaster);
                await organisations;
                await snapshots;
                return await manifest;
            },
            cancellation);
        Check(manifest, atLeast);

        // What was read may hold changes made after this version; then the next call reads once more than it needs to.
        var registry = new Registry(
            atLeast,
            [.. (await organisations!).Select(Organisation)],
            (await snapshots!)
                .Select(entry => ((string)entry.Name!).Split('|'))
                .GroupBy(parts => parts[0], StringComparer.Ordinal)
                .ToDictionary(
                    group => group.Key,
                    group => group.Select(parts => long.Parse(parts[1], CultureInfo.InvariantCulture)).Order().ToArray(),
                    StringComparer.Ordinal));
        Volatile.Write(ref _last, registry);
        return registry;
    }

    private ulong Check(RedisValue[] manifest, ulong floor)
    {
        if (manifest[0] != epoch)
            throw RedisFaults.Epoch(manifest[0]);
        if (manifest[2] != StoreManifestFormat.Ready)
            throw RedisFaults.Epoch(StoreManifestFormat.LoadingEpoch);
        var version = manifest[1].IsNull ? 0 : manifest[1].TryParse(out long number) ? (ulong)number : throw RedisFaults.Damaged();
        return version >= floor ? version : throw RedisFaults.RolledBack();
    }

    private static StoredOrganisation Organisation(HashEntry entry)
    {
        var parts = ((string)entry.Value!).Split(',');
        return parts.Length == 2 && byte.TryParse(parts[0], out var sector) && byte.TryParse(parts[1], out var layers)
            ? new StoredOrganisation((string)entry.Name!, (Sector)sector, (Layers)layers)
            : throw RedisFaults.Damaged();
    }
}
