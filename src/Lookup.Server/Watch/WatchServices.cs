using Lookup.Redis;
using Lookup.Server.Hosting;
using Lookup.Server.Registry;

namespace Lookup.Server.Watch;

/// <summary>What every stream of changes needs.</summary>
internal sealed record WatchServices(
    ChangeHub Hub,
    ChangeMapper Mapper,
    IFactStore Store,
    FilterReplica Replica,
    RegistryReplica Registry,
    StoreMonitor Monitor,
    LookupServerOptions Options,
    TimeProvider Clock,
    Drain Drain);
