// For: filling an empty store several times faster than through the write script.
//
// Facts with a new timeline are set directly, and the loader builds the filters in its own memory. There the filter has a
// second use: a timeline that the filter may already have is not written directly but merged through the script. So every
// field that is set is new, the server's answers confirm it, and nothing is overwritten.
//
// While a load is in progress the manifest says so and the partitions have no epoch, so no service reads half a store.
// Publishing sets filters, counts and versions, then the epochs, then the manifest. The next load finds an interrupted one,
// wipes it and starts from the beginning.
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Redis.Registers;
using Lookup.Redis.Setup;
using Lookup.Redis.Topology;
using Lookup.Redis.Trail;
using Lookup.Redis.Writing;
using StackExchange.Redis;

namespace Lookup.Redis.Imports;

/// <summary>Result of a first load.</summary>
/// <param name="Facts">Facts added.</param>
/// <param name="Timelines">Timelines stored.</param>
/// <param name="Merged">Facts that were merged because their timeline existed or might have existed.</param>
/// <param name="Collisions">Facts rejected because their scope has another name.</param>
public sealed record FirstLoadResult(long Facts, long Timelines, long Merged, long Collisions);

/// <summary>
/// Fills an empty store. One caller at a time. Disposing it before <see cref="PublishAsync"/> leaves a store that services reject
/// and the next first load wipes.
/// </summary>
public sealed class FirstLoad : IAsyncDisposable
{
    // Facts that wait to be merged together.
    private const int MaxDeferred = 65_536;

    private readonly RedisTopology _link;
    private readonly LoadConnection[] _loads;
    private readonly RedisNames _names;
    private readonly Fences _fences;
    private readonly PartitionStates _partitions;
    private readonly KeyRotationState _keys;
    private readonly RedisWriter _writer;
    private readonly BlockFilter[] _filters;
    private readonly long[] _direct;
    private readonly List<StoredFact> _deferred = [];
    private long _facts;
    private long _merged;
    private long _collisions;

    private FirstLoad(RedisTopology link, LoadConnection[] loads, StoreManifest manifest, int blocks)
    {
        _link = link;
        _loads = loads;
        Manifest = manifest;
        _names = new RedisNames(link, StoreManifestFormat.Epoch(manifest.Epoch));
        _keys = KeyRotationState.Fixed(StoreManifestFormat.LoadingEpoch);
        _fences = new Fences(link, StoreManifestFormat.Epoch(manifest.Epoch), _keys);
        _partitions = new PartitionStates(manifest.Partitions);
        _writer = new RedisWriter(link, manifest, _partitions, _names);
        Imports = new RedisImports(
            link, manifest, _partitions, _names, new RedisRegistry(link, _partitions, _fences, StoreManifestFormat.Epoch(manifest.Epoch), _keys), _keys);
        Trail = new RedisTrail(link, StoreManifestFormat.Epoch(manifest.Epoch));
        _filters = [.. Enumerable.Range(0, manifest.Partitions).Select(_ => new BlockFilter(blocks))];
        _direct = new long[manifest.Partitions];
    }

    /// <summary>Administrative acts.</summary>
    public ITrailStore Trail { get; }

    /// <summary>The store that is being filled.</summary>
    public StoreManifest Manifest { get; }

    /// <summary>Starts a load: sets the store up if there is none, takes an empty one, wipes an interrupted load.</summary>
    /// <exception cref="ArgumentException">The options are invalid; the message lists every fault.</exception>
    /// <exception cref="InvalidOperationException">The store has facts.</exception>
    /// <exception cref="StoreUnavailableException">The server cannot be used, or the store has another encryption key.</exception>
    public static async Task<FirstLoad> BeginAsync(
        StoreOptions options, InitOptions init, TimeProvider clock, CancellationToken cancellation)
    {
        StoreSetup.Check(options, init);
        var link = await RedisTopology.ConnectAsync(options, clock, cancellation);
        try
        {
            var values = await StoreManifestFormat.ReadAsync(link, cancellation);
            if (values[1].IsNull || values[5] == StoreManifestFormat.Initialising)
            {
                await StoreSetup.InitAsync(link, init, new RedisServerCheck(), clock, cancellation);
                values = await StoreManifestFormat.ReadAsync(link, cancellation);
            }

            var (manifest, state) = StoreManifestFormat.Read(values);
            if (manifest.Phase.Number > 0)
            {
                throw new InvalidOperationException("The store's encryption key was rotated, so a first load is not possible: import as into a store with facts.");
            }

            if (manifest.KeyCheck != init.KeyCheck)
            {
                throw new StoreUnavailableException(StoreFault.WrongKey, "The store was set up with another encryption key.");
            }

            if (state == StoreManifestFormat.Loading)
            {
                await WipeAsync(link, manifest, cancellation);
            }
            else
            {
                await CheckEmptyAsync(link, manifest, cancellation);
            }

            // A store that was set up for more facts keeps the size of its filters.
            var before = await link.WriteAsync(0, db => db.HashGetAsync(Keys.Meta(0), "g", CommandFlags.DemandMaster), cancellation);
            var blocks = Math.Max(
                BlockFilter.BlocksFor((init.ExpectedFacts + manifest.Partitions - 1) / manifest.Partitions, init.BitsPerFact),
                before.IsNull ? 0 : FilterGenerations.Parse(before!).All[^1].Blocks);
            await StoreManifestFormat.SetStateAsync(link, StoreManifestFormat.Loading, cancellation);
            for (var p = 0; p < manifest.Partitions; p++)
            {
                await link.WriteAsync(
                    p,
                    async db =>
                    {
                        await db.HashDeleteAsync(Keys.Meta(p), ["c", "o", Keys.SumsField(1)]);
                        await db.HashSetAsync(
                            Keys.Meta(p),
                            [
                                new("e", StoreManifestFormat.LoadingEpoch),
                                new("v", 0),
                                new("n", 0),
                                new("g", FilterGenerations.Create(new FilterGeneration(1, blocks)).Text),
                            ]);
                        return true;
                    },
                    cancellation);
            }

            var load = new FirstLoad(link, await ConnectAsync(link, manifest.Partitions, cancellation), manifest, blocks);
            if (state == StoreManifestFormat.Loading)
            {
                await load.ForgetImportsAsync(clock.GetUtcNow().ToUnixTimeMilliseconds(), cancellation);
            }

            return load;
        }
        catch
        {
            await link.DisposeAsync();
            throw;
        }
    }

    /// <summary>The records and sources of imports.</summary>
    public IImportStore Imports { get; }

    /// <summary>Adds facts, in any order. A few thousand at a time are a good batch.</summary>
    /// <exception cref="StoreUnavailableException">The store did not accept them; the load cannot continue.</exception>
    public async ValueTask AddAsync(IReadOnlyList<StoredFact> facts, CancellationToken cancellation)
    {
        var outcomes = new WriteOutcome[facts.Count];
        await _names.RegisterAsync(facts, outcomes, cancellation);
        for (var i = 0; i < facts.Count; i++)
        {
            if (outcomes[i] == WriteOutcome.NameCollision)
            {
                _collisions++;
                continue;
            }

            var fact = facts[i];
            var partition = fact.Key.Partition(_filters.Length);
            var filter = _filters[partition];
            if (fact.Detail is not null || filter.MayContain(fact.Key, fact.Id))
            {
                filter.Add(fact.Key, fact.Id);
                _deferred.Add(fact);
                continue;
            }

            filter.Add(fact.Key, fact.Id);
            _direct[partition]++;
            await SetAsync(partition, fact);
        }

        _facts += facts.Count;
        if (_deferred.Count >= MaxDeferred)
        {
            await MergeDeferredAsync(cancellation);
        }
    }

    /// <summary>Finishes the load and makes the store usable.</summary>
    /// <exception cref="StoreUnavailableException">The store does not have what it should.</exception>
    public async Task<FirstLoadResult> PublishAsync(CancellationToken cancellation)
    {
        await MergeDeferredAsync(cancellation);
        long timelines = 0;
        var counts = new long[_filters.Length];
        for (var p = 0; p < counts.Length; p++)
        {
            // The server confirmed each field set directly as new; the script counted the others.
            counts[p] = _direct[p] + (long)await _link.WriteAsync(p, db => db.HashGetAsync(Keys.Meta(p), "n"), cancellation);
            timelines += counts[p];
        }

        for (var p = 0; p < counts.Length; p++)
        {
            await StoreTalliesAsync(p, counts[p], cancellation);
        }

        await OpenAsync(cancellation);
        return new FirstLoadResult(_facts, timelines, _merged, _collisions);
    }

    /// <summary>Leaves the store empty and makes it usable; only before the first <see cref="AddAsync"/>.</summary>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    public Task AbandonAsync(CancellationToken cancellation) => _facts == 0
        ? OpenAsync(cancellation)
        : throw new InvalidOperationException("The load has already stored facts.");

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var load in _loads.Distinct())
        {
            await load.DisposeAsync();
        }

        _fences.Dispose();
        await _link.DisposeAsync();
    }

    private async Task StoreTalliesAsync(int partition, long count, CancellationToken cancellation)
    {
        var filter = _filters[partition];
        var sums = new HashEntry[FilterSums.Pieces(filter.Blocks)];
        for (var piece = 0; piece < sums.Length; piece++)
        {
            var start = piece * FilterSums.PieceSize;
            var length = Math.Min(FilterSums.PieceSize, filter.Bytes.Length - start);
            sums[piece] = new HashEntry(piece, FilterSums.Compute(filter.Bytes.Slice(start, length), piece));
        }

        await _link.WriteAsync(
            partition,
            async db =>
            {
                await db.StringSetAsync(Keys.Filter(partition, 1), filter.Bytes.ToArray());
                await db.KeyDeleteAsync([Keys.Feed(partition), Keys.Sums(partition, 1)]);
                await db.HashSetAsync(Keys.Sums(partition, 1), sums);
                await db.HashSetAsync(Keys.Meta(partition), "n", count);
                // The feed does not lead to this version, so followers of the empty store load the partition again.
                var version = await db.HashIncrementAsync(Keys.Meta(partition), "v", 1);
                await db.HashSetAsync(Keys.Meta(partition), Keys.SumsField(1), version);
                return true;
            },
            cancellation);
        await new BucketCounts(_link, _partitions, _keys, partition).CountAsync(acceptLoss: false, workShare: 1, cancellation);
    }

    private async Task OpenAsync(CancellationToken cancellation)
    {
        for (var p = 0; p < _filters.Length; p++)
        {
            await _link.WriteAsync(
                p, db => db.HashSetAsync(Keys.Meta(p), "e", StoreManifestFormat.Epoch(Manifest.Epoch)), cancellation);
        }

        await StoreManifestFormat.SetStateAsync(_link, StoreManifestFormat.Ready, cancellation);
    }

    // One connection per server, indexed by partition.
    private static async Task<LoadConnection[]> ConnectAsync(RedisTopology link, int partitions, CancellationToken cancellation)
    {
        var opened = new Dictionary<ServerLink, LoadConnection>();
        try
        {
            var loads = new LoadConnection[partitions];
            for (var p = 0; p < partitions; p++)
            {
                var server = link.GetServer(p);
                if (!opened.TryGetValue(server, out var load))
                {
                    opened.Add(server, load = await LoadConnection.ConnectAsync(link.Options, server.Server, link.Clock, cancellation));
                }

                loads[p] = load;
            }

            return loads;
        }
        catch
        {
            foreach (var load in opened.Values)
            {
                await load.DisposeAsync();
            }

            throw;
        }
    }

    private ValueTask SetAsync(int partition, in StoredFact fact)
    {
        Span<byte> name = stackalloc byte[8];
        Span<byte> field = stackalloc byte[Keys.FieldSize];
        Keys.WriteBucket(partition, fact.Key.Bucket, name);
        Keys.WriteField(fact.Key, fact.Id, field);
        return _loads[partition].SetAsync(name, field, Timeline.Single(fact.Id.Kind, fact.Entry));
    }

    // Facts set directly must be stored before others are merged with them.
    private async Task MergeDeferredAsync(CancellationToken cancellation)
    {
        foreach (var load in _loads.Distinct())
        {
            await load.DrainAsync(cancellation);
        }

        foreach (var chunk in _deferred.Chunk(8_192))
        {
            await _writer.WriteAsync(chunk, _keys.AcceptedEpochs, cancellation);
        }

        _merged += _deferred.Count;
        _deferred.Clear();
    }

    // The facts of earlier imports were wiped with everything else.
    private async Task ForgetImportsAsync(long now, CancellationToken cancellation)
    {
        foreach (var import in await Imports.ListAsync(cancellation))
        {
            if (import.State != ImportState.Reverted)
            {
                var revert = new StoredRevert { Begun = now, Ended = now, Reason = "The first load that it was part of was started again." };
                await Imports.TryPutAsync(import with { State = ImportState.Reverted, Ended = now, Revert = revert }, cancellation);
            }
        }
    }

    private static async Task CheckEmptyAsync(RedisTopology link, StoreManifest manifest, CancellationToken cancellation)
    {
        for (var p = 0; p < manifest.Partitions; p++)
        {
            var meta = await link.WriteAsync(p, db => db.HashGetAsync(Keys.Meta(p), ["v", "n"], CommandFlags.DemandMaster), cancellation);
            if (meta[0].IsNull)
            {
                throw RedisFaults.NotInitialised();
            }

            if (meta[0] != 0 || meta[1] != 0)
            {
                throw new InvalidOperationException("The store already has facts; record more of them with an ordinary import.");
            }
        }
    }

    private static async Task WipeAsync(RedisTopology link, StoreManifest manifest, CancellationToken cancellation)
    {
        const int Chunk = 4_096;
        for (var p = 0; p < manifest.Partitions; p++)
        {
            var partition = p;
            for (var first = 0; first < NumberPseudonym.Buckets; first += Chunk)
            {
                var buckets = Enumerable.Range(first, Chunk);
                RedisKey[] keys =
                [
                    .. buckets.Select(b => Keys.Bucket(partition, b)), .. buckets.Select(b => Keys.Details(partition, b)),
                    .. buckets.Select(b => Keys.Claims(partition, b)),
                ];
                await link.WriteAsync(partition, db => db.KeyDeleteAsync(keys), cancellation);
            }

            await link.WriteAsync(partition, db => db.KeyDeleteAsync([Keys.Feed(partition), Keys.Filter(partition, 1), Keys.Sums(partition, 1), Keys.Counts(partition)]), cancellation);
        }
    }
}
