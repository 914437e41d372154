using Lookup.Redis.Credentials;
using Lookup.Redis.Following;
using Lookup.Redis.Imports;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Reading;
using Lookup.Redis.Registers;
using Lookup.Redis.Topology;
using Lookup.Redis.Trail;
using Lookup.Redis.Writing;

namespace Lookup.Redis.Store;

/// <summary>
/// An open store: an interface for each kind of work. <see cref="StoreAdmin"/> opens it. A copy with another part in place of one
/// of these shares the rest. Thread-safe.
/// </summary>
public record FactStore : IAsyncDisposable
{
    internal FactStore(RedisTopology link, StoreManifest manifest, KeyRotationState keys, ServerCheck server)
    {
        var epoch = StoreManifestFormat.Epoch(manifest.Epoch);
        var partitions = new PartitionStates(manifest.Partitions, link.Options.WaitReplicas > 0);
        var fences = new Fences(link, epoch, keys);
        var notifier = new ChangeNotifier(link, manifest);
        var names = new RedisNames(link, epoch);
        var reader = new RedisReader(link, partitions, fences, keys);
        var feed = new RedisFeed(link, partitions, fences, keys, notifier);
        var registry = new RedisRegistry(link, partitions, fences, epoch, keys);
        var imports = new RedisImports(link, manifest, partitions, names, registry, keys);
        (Manifest, EncryptionKeys) = (manifest, keys);
        Reader = reader;
        Writer = new RotatingWriter(link, keys, new RedisWriter(link, manifest, partitions, names), notifier);
        Names = names;
        Feed = feed;
        Filters = new RedisFilters(link, partitions, feed, keys);
        Registry = registry;
        Access = new RedisAccess(link, epoch, names);
        Imports = imports;
        Trail = new RedisTrail(link, epoch);
        Maintenance = new RedisMaintenance(link, manifest, partitions, keys, fences, feed, registry, imports, server);
        Instances = new RedisInstanceBoard(link, epoch);
        Close = () =>
        {
            reader.Dispose();
            fences.Dispose();
            feed.Dispose();
            return link.DisposeAsync();
        };
    }

    /// <summary>The settings with which the store was set up.</summary>
    public StoreManifest Manifest { get; }

    /// <summary>The encryption keys with which it was opened.</summary>
    public KeyRotationState EncryptionKeys { get; }

    /// <summary>Reads facts.</summary>
    public IFactReader Reader { get; init; }

    /// <summary>Writes facts.</summary>
    public IFactWriter Writer { get; init; }

    /// <summary>Names of scopes and numbers of sources.</summary>
    public INameStore Names { get; init; }

    /// <summary>The changes of the facts.</summary>
    public IChangeFeed Feed { get; init; }

    /// <summary>The stored filters.</summary>
    public IFilterStore Filters { get; init; }

    /// <summary>Organisations and loaded registers.</summary>
    public IRegistryStore Registry { get; init; }

    /// <summary>Credentials and grants.</summary>
    public IAccessStore Access { get; init; }

    /// <summary>Records of imports.</summary>
    public IImportStore Imports { get; init; }

    /// <summary>Administrative acts.</summary>
    public ITrailStore Trail { get; init; }

    /// <summary>Probes the store and rotates its encryption key.</summary>
    public IStoreMaintenance Maintenance { get; init; }

    /// <summary>Summaries of the instances that share the store; null if only one process can have it open.</summary>
    public IInstanceBoard? Instances { get; init; }

    /// <summary>Ends the connections, and what a derived store adds.</summary>
    protected Func<ValueTask> Close { get; init; }

    /// <summary>Closes the store and every copy of this object.</summary>
    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return Close();
    }
}
