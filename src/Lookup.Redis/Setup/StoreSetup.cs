using System.Buffers.Binary;
using System.Security.Cryptography;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Setup;

/// <summary>Sets up an empty store on a server.</summary>
internal static class StoreSetup
{
    private const int ReplicaPollMs = 100;

    internal static async Task<StoreManifest> InitAsync(
        RedisTopology link, InitOptions init, ServerCheck server, TimeProvider clock, CancellationToken cancellation)
    {
        await server.CheckAsync(link, init.Partitions, cancellation);
        await RequireScriptsAsync(link, cancellation);
        var current = await StoreManifestFormat.ReadAsync(link, cancellation);
        if (!current[1].IsNull && current[5] != StoreManifestFormat.Initialising)
        {
            throw new InvalidOperationException("The server already has a store.");
        }

        if (current[1].IsNull && await AnyPartAsync(link, cancellation))
        {
            throw new InvalidOperationException("The server has the remains of a store without its manifest. Empty the server or restore the store.");
        }

        Span<byte> random = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(random);
        var manifest = new StoreManifest(
            BinaryPrimitives.ReadUInt64BigEndian(random), init.Partitions, init.KeyCheck, clock.GetUtcNow().ToUnixTimeMilliseconds());
        var blocks = BlockFilter.BlocksFor((init.ExpectedFacts + init.Partitions - 1) / init.Partitions, init.BitsPerFact);

        await WaitForReplicasAsync(link, init, clock, cancellation);
        // The manifest is written first, as unfinished, and completed last: a service that starts in between finds no usable
        // store.
        await link.WriteAsync(
            Keys.Shared,
            async db =>
            {
                await db.HashSetAsync(Keys.Manifest, StoreManifestFormat.Write(manifest, StoreManifestFormat.Initialising));
                return true;
            },
            cancellation);
        for (var p = 0; p < init.Partitions; p++)
        {
            await link.WriteAsync(
                p,
                async db =>
                {
                    await db.KeyDeleteAsync([Keys.Meta(p), Keys.Feed(p), Keys.Filter(p, 1), Keys.Sums(p, 1), Keys.Counts(p)]);
                    await db.StringSetRangeAsync(Keys.Filter(p, 1), (blocks * (long)BlockFilter.BlockSize) - 1, new byte[1]);
                    await db.StringSetRangeAsync(Keys.Counts(p), BucketCounts.Size - 1, new byte[1]);
                    await db.HashSetAsync(
                        Keys.Meta(p),
                        [
                            new("e", StoreManifestFormat.Epoch(manifest.Epoch)),
                            new("v", 0),
                            new("n", 0),
                            new("g", FilterGenerations.Create(new FilterGeneration(1, blocks)).Text),
                            new(Keys.SumsField(1), 0),
                            new("c", 0),
                            new("o", 1),
                        ]);
                    return true;
                },
                cancellation);
        }

        await StoreManifestFormat.SetStateAsync(link, StoreManifestFormat.Ready, cancellation);
        return manifest;
    }

    internal static void Check(StoreOptions options, InitOptions init)
    {
        var faults = options.Validate().Concat(init.Validate()).ToArray();
        if (faults.Length > 0)
        {
            throw new ArgumentException("The store's settings are invalid: " + string.Join(" ", faults), nameof(options));
        }
    }

    // Otherwise only the first write would reveal a server that answers reads but rejects scripts.
    internal static Task<bool> RequireScriptsAsync(RedisTopology link, CancellationToken cancellation) => link.WriteAsync(
        Keys.Shared,
        async db => !(await db.ScriptEvaluateAsync("return redis.call('HGET', KEYS[1], ARGV[1])", [Keys.Manifest], ["epoch"], CommandFlags.DemandMaster)).IsNull,
        cancellation);

    // Otherwise the store would exist before it can acknowledge a write.
    private static async Task WaitForReplicasAsync(RedisTopology link, InitOptions init, TimeProvider clock, CancellationToken cancellation)
    {
        var begin = clock.GetTimestamp();
        foreach (var server in link.Options.WaitReplicas == 0 ? [] : link.Servers(init.Partitions))
        {
            int had;
            while ((had = (int)await server.WriteAsync(db => db.ExecuteAsync("WAIT", link.Options.WaitReplicas, ReplicaPollMs), cancellation)) < link.Options.WaitReplicas)
            {
                if (clock.GetElapsedTime(begin) > init.WaitForReplicas)
                {
                    throw new StoreUnavailableException(
                        StoreFault.Unreachable, $"{server.Server} has {had} of the {link.Options.WaitReplicas} replicas that must confirm each write; no store was created.");
                }
            }
        }
    }

    private static async Task<bool> AnyPartAsync(RedisTopology link, CancellationToken cancellation)
    {
        var found = await Task.WhenAll(Enumerable.Range(0, NumberPseudonym.MaxPartitions).Select(
            p => link.WriteAsync(p, db => db.KeyExistsAsync(Keys.Meta(p), CommandFlags.DemandMaster), cancellation)));
        return found.Any(exists => exists);
    }
}
