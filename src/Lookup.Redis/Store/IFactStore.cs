using Lookup.Redis.Credentials;
using Lookup.Redis.Following;
using Lookup.Redis.Imports;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Reading;
using Lookup.Redis.Registers;
using Lookup.Redis.Topology;
using Lookup.Redis.Writing;

namespace Lookup.Redis.Store;

/// <summary>An open store. Thread-safe.</summary>
public interface IFactStore : IFactReader, IFactWriter, INameStore, IChangeFeed, IRegistryStore, IStoreMaintenance, IAsyncDisposable
{
    /// <summary>The settings with which the store was set up.</summary>
    public StoreManifest Manifest { get; }

    /// <summary>The encryption keys with which it was opened.</summary>
    public KeyRotationState EncryptionKeys { get; }

    /// <summary>Records of imports.</summary>
    public IImportStore Imports { get; }

    /// <summary>Credentials and grants.</summary>
    public IAccessStore Access { get; }

    /// <summary>The stored filters.</summary>
    public IFilterStore Filters { get; }
}
