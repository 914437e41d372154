using Lookup.Redis.Following;
using Lookup.Redis.Imports;
using Lookup.Redis.Registers;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Maintenance;

/// <summary>Probes the servers of a store, deletes what no longer has to be kept, and rotates its encryption key.</summary>
internal sealed class RedisMaintenance(
    RedisTopology link,
    StoreManifest manifest,
    PartitionStates partitions,
    KeyRotationState keys,
    Fences fences,
    RedisFeed feed,
    RedisRegistry registry,
    RedisImports imports,
    ServerCheck server) : IStoreMaintenance
{
    /// <inheritdoc/>
    public StoreServers Servers => link.Health;

    /// <inheritdoc/>
    public Task<KeyRotationResult> ChangeKeyAsync(
        string keyCheck, KeyRotationOptions options, Action<KeyRotationStep, double> progress, CancellationToken cancellation) =>
        new KeyRotation(link, keys, partitions, fences, feed, manifest, imports, options, progress).RunAsync(keyCheck, cancellation);

    /// <inheritdoc/>
    public Task VisitEvidenceAsync(Action<StoredEvidence> visit, Action<double> progress, CancellationToken cancellation) =>
        new EvidenceScan(link, manifest, keys.IsCopy).RunAsync(visit, progress, cancellation);

    /// <inheritdoc/>
    public Task<IReadOnlyList<RetentionCount>> RetainAsync(RetentionOrder order, Action<double> progress, CancellationToken cancellation) =>
        new RetentionScan(link, manifest, partitions, keys, order).RunAsync(progress, cancellation);

    /// <inheritdoc/>
    public async Task<StoreHealth> ProbeAsync(CancellationToken cancellation)
    {
        var floors = new ulong[partitions.Count];
        for (var p = 0; p < floors.Length; p++)
        {
            floors[p] = partitions.Floor(p);
        }

        var known = keys.Current.Phase.Number;
        var warnings = await server.CheckAsync(link, manifest.Partitions, cancellation);
        var (found, state) = StoreManifestFormat.Read(await link.ReadAsync(
            Keys.Shared, db => db.HashGetAsync(Keys.Manifest, StoreManifestFormat.Fields, CommandFlags.DemandMaster), cancellation));
        if (found.Epoch != manifest.Epoch)
        {
            throw RedisFaults.Epoch(StoreManifestFormat.Epoch(found.Epoch));
        }

        if (state != StoreManifestFormat.Ready)
        {
            throw RedisFaults.Epoch(StoreManifestFormat.LoadingEpoch);
        }

        keys.Advance(found.Phase, known);
        registry.ThrowIfDamaged();
        var metas = await Task.WhenAll(Enumerable.Range(0, floors.Length).Select(async p =>
        {
            try
            {
                return await link.ReadAsync(
                    p, db => db.HashGetAsync(Keys.Meta(p), ["e", "v", "g", "n"], CommandFlags.DemandMaster), cancellation);
            }
            catch (StoreUnavailableException e) when (e.IsElsewhere && floors.Length > 1)
            {
                // The other partitions stay usable; calls to this one report the fault themselves.
                return null;
            }
        }));
        long facts = 0;
        for (var p = 0; p < metas.Length; p++)
        {
            if (metas[p] is null)
            {
                warnings = [.. warnings, $"Partition {p} is moving to another server."];
                continue;
            }

            partitions.Check(p, keys, metas[p]![0], metas[p]![1], floors[p]);
            if (metas[p]![2].IsNull || !metas[p]![3].TryParse(out long count))
            {
                throw RedisFaults.Damaged();
            }

            partitions.SetGenerations(p, FilterGenerations.Parse(metas[p]![2]!));
            facts += count;
        }

        return new StoreHealth(
            facts,
            warnings,
            await ServerCheck.TryWritesAsync(link, manifest.Partitions, cancellation),
            await server.ClockAheadAsync(link, manifest.Partitions, cancellation));
    }
}
