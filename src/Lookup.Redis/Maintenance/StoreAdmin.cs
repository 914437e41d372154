using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Redis.Store;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Maintenance;

/// <summary>Settings of a new store.</summary>
public sealed record InitOptions
{
    /// <summary>Check value of the encryption key, see <see cref="NumberCipher.KeyCheck"/>.</summary>
    public required string KeyCheck { get; init; }

    /// <summary>Number of partitions: a power of two, 1 to 256. It cannot be changed later.</summary>
    public int Partitions { get; init; } = 16;

    /// <summary>
    /// Number of facts for which the filter is sized, 1 to 1,000,000,000; more facts only cause more false positives.
    /// </summary>
    public long ExpectedFacts { get; init; } = 1_000_000;

    /// <summary>Filter bits per fact, 1 to 64; 20 gives 0.2 % false positives.</summary>
    public double BitsPerFact { get; init; } = 20;

    /// <summary>Returns a sentence per invalid value; empty if all are valid.</summary>
    public IReadOnlyList<string> Validate()
    {
        var faults = new List<string>();
        if (!System.Numerics.BitOperations.IsPow2(Partitions) || Partitions > NumberPseudonym.MaxPartitions)
        {
            faults.Add($"{nameof(Partitions)} is {Partitions}; it must be a power of two, 1 to {NumberPseudonym.MaxPartitions}.");
        }

        if (ExpectedFacts is < 1 or > 1_000_000_000)
        {
            faults.Add($"{nameof(ExpectedFacts)} is {ExpectedFacts}; it must be 1 to 1,000,000,000.");
        }

        if (BitsPerFact is not (>= 1 and <= 64))
        {
            faults.Add($"{nameof(BitsPerFact)} is {BitsPerFact}; it must be 1 to 64.");
        }

        if (faults.Count == 0 && ExpectedFacts * BitsPerFact / Partitions > BlockFilter.MaxBlocks * (BlockFilter.BlockSize * 8.0))
        {
            var most = BlockFilter.MaxBlocks * (BlockFilter.BlockSize * 8.0) * Partitions / BitsPerFact;
            faults.Add(string.Create(CultureInfo.InvariantCulture, $"{nameof(ExpectedFacts)} is {ExpectedFacts}; with {Partitions} partitions it must be at most {Math.Floor(most):F0}, because a filter has at most 512 MiB. Use more partitions."));
        }

        if (KeyCheck.Length == 0)
        {
            faults.Add($"{nameof(KeyCheck)} is empty.");
        }

        return faults;
    }
}

/// <summary>Sets up, opens and examines stores.</summary>
public static class StoreAdmin
{
    /// <summary>Sets up an empty store.</summary>
    /// <exception cref="ArgumentException">The options are invalid; the message lists every fault.</exception>
    /// <exception cref="InvalidOperationException">There is already a store, or the remains of one.</exception>
    /// <exception cref="StoreUnavailableException">The server cannot be used.</exception>
    public static async Task<StoreManifest> InitAsync(
        StoreOptions options, InitOptions init, TimeProvider clock, CancellationToken cancellation)
    {
        Check(options, init);
        await using var link = await RedisTopology.ConnectAsync(options, clock, cancellation);
        return await InitAsync(link, init, new RedisServerCheck(), clock, cancellation);
    }

    /// <summary>Opens a store for use. If it becomes unusable later, each call reports that.</summary>
    /// <param name="options">Connection settings.</param>
    /// <param name="keyCheck">Check value of the encryption key.</param>
    /// <param name="clock">Measures limits.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store must not be used; the message says why.</exception>
    public static async Task<IFactStore> OpenAsync(
        StoreOptions options, string keyCheck, TimeProvider clock, CancellationToken cancellation)
    {
        var link = await RedisTopology.ConnectAsync(options, clock, cancellation);
        return await OpenAsync(link, null, keyCheck, new RedisServerCheck(), cancellation);
    }

    /// <summary>Opens a store for use with the keys of a cipher, which follows the store's key rotations.</summary>
    /// <param name="options">Connection settings.</param>
    /// <param name="cipher">The keys; the store determines which one is used.</param>
    /// <param name="clock">Measures limits.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store must not be used; the message says why.</exception>
    public static async Task<IFactStore> OpenAsync(
        StoreOptions options, NumberCipher cipher, TimeProvider clock, CancellationToken cancellation)
    {
        var link = await RedisTopology.ConnectAsync(options, clock, cancellation);
        return await OpenAsync(link, cipher, null, new RedisServerCheck(), cancellation);
    }

    /// <summary>Examines a server and the store on it.</summary>
    /// <param name="options">Connection settings.</param>
    /// <param name="keyCheck">Check value of the encryption key; null skips this check.</param>
    /// <param name="clock">Measures limits.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public static Task<IReadOnlyList<Finding>> DoctorAsync(
        StoreOptions options, string? keyCheck, TimeProvider clock, CancellationToken cancellation) =>
        StoreDoctor.ExamineAsync(options, keyCheck is null ? null : [keyCheck], clock, cancellation);

    /// <summary>Examines a server and the store on it.</summary>
    /// <param name="options">Connection settings.</param>
    /// <param name="keyChecks">Check values of all available encryption keys.</param>
    /// <param name="clock">Measures limits.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public static Task<IReadOnlyList<Finding>> DoctorAsync(
        StoreOptions options, IReadOnlyList<string> keyChecks, TimeProvider clock, CancellationToken cancellation) =>
        StoreDoctor.ExamineAsync(options, keyChecks, clock, cancellation);

    internal static async Task<StoreManifest> InitAsync(
        RedisTopology link, InitOptions init, ServerCheck server, TimeProvider clock, CancellationToken cancellation)
    {
        await server.CheckAsync(link, init.Partitions, cancellation);
        await RequireScriptsAsync(link, cancellation);
        var current = await ManifestAsync(link, cancellation);
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

        await SetStateAsync(link, StoreManifestFormat.Ready, cancellation);
        return manifest;
    }

    internal static async Task<IFactStore> OpenAsync(
        RedisTopology link, NumberCipher? cipher, string? keyCheck, ServerCheck server, CancellationToken cancellation)
    {
        try
        {
            var (manifest, state) = StoreManifestFormat.Read(await ManifestAsync(link, cancellation));
            var keys = new KeyRotationState(manifest.Epoch, manifest.Phase, cipher, keyCheck);
            if (state == StoreManifestFormat.Initialising)
            {
                throw RedisFaults.NotInitialised();
            }

            var store = new RedisStore(link, manifest, keys, server);
            await store.ProbeAsync(cancellation);
            await RequireScriptsAsync(link, cancellation);
            return store;
        }
        catch
        {
            await link.DisposeAsync();
            throw;
        }
    }

    // Otherwise only the first write would reveal a server that answers reads but rejects scripts.
    private static Task<bool> RequireScriptsAsync(RedisTopology link, CancellationToken cancellation) => link.WriteAsync(
        Keys.Shared,
        async db => !(await db.ScriptEvaluateAsync("return redis.call('HGET', KEYS[1], ARGV[1])", [Keys.Manifest], ["epoch"], CommandFlags.DemandMaster)).IsNull,
        cancellation);

    internal static Task<RedisValue[]> ManifestAsync(RedisTopology link, CancellationToken cancellation) =>
        link.WriteAsync(
            Keys.Shared,
            db => db.HashGetAsync(Keys.Manifest, StoreManifestFormat.Fields, CommandFlags.DemandMaster),
            cancellation);

    internal static Task SetStateAsync(RedisTopology link, string state, CancellationToken cancellation) =>
        link.WriteAsync(Keys.Shared, db => db.HashSetAsync(Keys.Manifest, "state", state), cancellation);

    internal static void Check(StoreOptions options, InitOptions init)
    {
        var faults = options.Validate().Concat(init.Validate()).ToArray();
        if (faults.Length > 0)
        {
            throw new ArgumentException("The store's settings are invalid: " + string.Join(" ", faults), nameof(options));
        }
    }

    private static async Task<bool> AnyPartAsync(RedisTopology link, CancellationToken cancellation)
    {
        var found = await Task.WhenAll(Enumerable.Range(0, NumberPseudonym.MaxPartitions).Select(
            p => link.WriteAsync(p, db => db.KeyExistsAsync(Keys.Meta(p), CommandFlags.DemandMaster), cancellation)));
        return found.Any(exists => exists);
    }
}
