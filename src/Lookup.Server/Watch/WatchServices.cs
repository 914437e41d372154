using Lookup.Redis.Following;
using Lookup.Redis.Store;
using Lookup.Server.Reading;

namespace Lookup.Server.Watch;

/// <summary>The dependencies of Watch streams.</summary>
internal sealed record WatchServices(
    ChangeHub Hub,
    ChangeMapper Mapper,
    IFactStore Store,
    FilterReplica Replica,
    ReadView View,
    LookupServerOptions Options,
    TimeProvider Clock,
    Drain Drain);
