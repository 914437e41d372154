using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Writing;
using Lookup.Server.Reading;

namespace Lookup.Server.Watch;

/// <summary>The dependencies of Watch streams.</summary>
internal sealed record WatchServices(
    ChangeHub Hub,
    ChangeMapper Mapper,
    StoreManifest Manifest,
    IChangeFeed Feed,
    INameStore Names,
    FilterReplica Replica,
    ReadView View,
    LookupServerOptions Options,
    TimeProvider Clock,
    Drain Drain);
