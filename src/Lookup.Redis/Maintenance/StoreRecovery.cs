using System.Buffers.Binary;
using Lookup.Redis.Registers;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Maintenance;

/// <summary>
/// Repairs the store after a server without atomic recovery of scripts restarted: compares each partition's contents with its
/// counts. A script that was interrupted was not acknowledged, so its remains are repaired; if anything is missing, the store is
/// rejected.
/// </summary>
internal static class StoreRecovery
{
    internal static async Task CheckAsync(RedisTopology link, CancellationToken cancellation)
    {
        var (manifest, state) = StoreManifestFormat.Read(await StoreManifestFormat.ReadAsync(link, cancellation));
        if (state != StoreManifestFormat.Ready)
        {
            return;
        }

        await RedisRegistry.RecoverAsync(link, cancellation);
        for (var p = 0; p < manifest.Partitions; p++)
        {
            var meta = await link.WriteAsync(p, db => db.HashGetAsync(Keys.Meta(p), ["v", "n"], CommandFlags.DemandMaster), cancellation);
            if (!meta[0].TryParse(out long version) || !meta[1].TryParse(out long said))
            {
                throw RedisFaults.NotInitialised();
            }

            var counted = await StoreContents.CountAsync(link, p, cancellation);
            if (counted < said)
            {
                throw new StoreUnavailableException(
                    StoreFault.Damaged, $"{said - counted} of {said} facts of partition {p} are missing. Restore the data folder from a backup.");
            }

            byte[]? newest = await link.WriteAsync(p, db => db.ListGetByIndexAsync(Keys.Feed(p), -1, CommandFlags.DemandMaster), cancellation);
            var fed = newest is { Length: > 8 } ? BinaryPrimitives.ReadInt64BigEndian(newest) : version;
            if (counted != said || fed != version)
            {
                await RepairAsync(link, p, Math.Max(fed, version) + 1, counted, cancellation);
            }
        }
    }

    // The feed does not lead to this version, so every follower loads the partition again.
    private static Task<bool> RepairAsync(RedisTopology link, int partition, long version, long count, CancellationToken cancellation) =>
        link.WriteAsync(
            partition,
            async db =>
            {
                await db.KeyDeleteAsync(Keys.Feed(partition));
                await db.HashSetAsync(Keys.Meta(partition), [new("v", version), new("n", count)]);
                return true;
            },
            cancellation);
}
