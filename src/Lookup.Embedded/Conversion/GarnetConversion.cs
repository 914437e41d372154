// For: reading a data folder of an earlier version, which stored its facts in Garnet (folder "store"), with that engine.
//
// Everything is copied into a new folder next to it, verified by its counts, synced, and only then put in place by a rename; then
// the old files are removed, since erasures would not reach them. An interrupted conversion starts again.
using Lookup.Core.Numbers;
using Lookup.Embedded.Engine;
using Lookup.Redis;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Topology;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Lookup.Embedded.Conversion;

/// <summary>Copies the values of a Garnet server to the engine.</summary>
internal static class GarnetConversion
{
    // Keys read per round trip, and changes per step.
    private const int ChunkSize = 4_096;

    private const int LimitMs = 60_000;

    /// <summary>Converts a folder with the files of the old engine.</summary>
    /// <exception cref="StoreUnavailableException">The files cannot be read; they stay unchanged.</exception>
    internal static async Task RunAsync(
        EmbeddedOptions options, DataFolder folder, TimeProvider clock, ILoggerFactory logs, CancellationToken cancellation)
    {
        var log = logs.CreateLogger("Lookup.Embedded");
        EngineLog.Converting(log, folder.OldStoreFolder);
        if (Directory.Exists(folder.ConvertedFolder))
        {
            Directory.Delete(folder.ConvertedFolder, recursive: true);
        }

        try
        {
            using var garnet = await Task.Run(() => GarnetHost.Start(folder, logs), cancellation);
            await using var link = await RedisTopology.ConnectAsync(
                new StoreOptions { ConnectionString = garnet.ConnectionString, ConnectTimeoutMs = LimitMs, WriteTimeoutMs = LimitMs },
                clock,
                cancellation,
                hasChannels: false);
            // Its scripts could be interrupted in the middle: repair the remains, and reject the store if anything is missing.
            await StoreRecovery.CheckAsync(link, cancellation);
            using var engine = StoreEngine.Open(folder.ConvertedFolder, options, clock, log);
            await CopyAsync(link, engine, cancellation);
            await engine.SyncAsync();
        }
        catch (Exception e) when (e is not (OperationCanceledException or EngineFault or StoreUnavailableException { Fault: not StoreFault.Unreachable }))
        {
            // The engine fails at the start, or, if a value has no object, breaks the connection that reads it.
            throw new StoreUnavailableException(
                StoreFault.Damaged,
                $"The data folder {folder.Path} is of an earlier version, whose storage engine cannot recover its own files in {folder.OldStoreFolder} (a known fault of it after several stops). They stay unchanged. Restore the folder from an earlier backup, or import the facts again into a new folder.",
                e);
        }

        folder.InstallConverted();
        EngineLog.Converted(log, folder.OldStoreFolder);
    }

    private static async Task CopyAsync(RedisTopology link, StoreEngine engine, CancellationToken cancellation)
    {
        var (manifest, _) = StoreManifestFormat.Read(await StoreManifestFormat.ReadAsync(link, cancellation));
        await HashesAsync(
            link,
            engine,
            [Keys.Names, Keys.Sources, Keys.SourceIds, Keys.Organisations, Keys.Snapshots, Keys.Imports, Keys.Credentials, Keys.Grants],
            cancellation);
        for (var p = 0; p < manifest.Partitions; p++)
        {
            for (var first = 0; first < NumberPseudonym.Buckets; first += ChunkSize)
            {
                var buckets = Enumerable.Range(first, ChunkSize);
                var partition = p;
                await HashesAsync(link, engine, buckets.Select(bucket => Keys.Bucket(partition, bucket)), cancellation);
                await HashesAsync(link, engine, buckets.Select(bucket => Keys.Details(partition, bucket)), cancellation);
                await HashesAsync(link, engine, buckets.Select(bucket => Keys.Claims(partition, bucket)), cancellation);
            }

            await PartitionAsync(link, engine, p, cancellation);
        }

        // The manifest comes last: without it the copy is no store.
        await HashesAsync(link, engine, [Keys.Manifest], cancellation);
    }

    private static async Task PartitionAsync(RedisTopology link, StoreEngine engine, int partition, CancellationToken cancellation)
    {
        var generations = await link.WriteAsync(partition, db => db.HashGetAsync(Keys.Meta(partition), "g"), cancellation);
        foreach (var generation in FilterGenerations.Parse(generations!).All)
        {
            var name = Keys.Filter(partition, generation.Number);
            byte[]? filter = await link.WriteAsync(partition, db => db.StringGetAsync(name), cancellation);
            if (filter is not null)
            {
                engine.Write(view => view.StringSet((byte[])name!, filter, expires: 0));
            }
        }

        var feed = await link.WriteAsync(partition, db => db.ListRangeAsync(Keys.Feed(partition)), cancellation);
        engine.Write(view =>
        {
            foreach (var change in feed)
            {
                view.ListPush((byte[])Keys.Feed(partition)!, (byte[])change!);
            }
        });
        await HashesAsync(link, engine, [Keys.Meta(partition)], cancellation);
    }

    private static async Task HashesAsync(RedisTopology link, StoreEngine engine, IEnumerable<RedisKey> names, CancellationToken cancellation)
    {
        var all = names.ToArray();
        var hashes = await link.WriteAsync(Keys.Shared, db => Task.WhenAll(all.Select(name => db.HashGetAllAsync(name))), cancellation);
        engine.Write(view =>
        {
            for (var i = 0; i < all.Length; i++)
            {
                foreach (var field in hashes[i])
                {
                    view.HashSet((byte[])all[i]!, (byte[])field.Name!, (byte[])field.Value!);
                }
            }
        });
    }
}
