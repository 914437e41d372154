using System.Collections.Concurrent;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Server.Access;
using Lookup.Server.Hosting;
using Lookup.Server.Observability;
using Lookup.Server.Receipts;
using Lookup.Server.Records;
using Lookup.Server.Registry;
using Lookup.Server.Services;
using Lookup.Server.Shadow;

namespace Lookup.Server.Batch;

/// <summary>What deciding a chunk needs, and the jobs that wait for their next chunk.</summary>
internal sealed class ChunkServices(
    IFactStore store,
    FilterReplica replica,
    RecordCache records,
    ScopeNames names,
    RegistryReplica registry,
    StoreMonitor monitor,
    RegimeSet regimes,
    NumberCipher cipher,
    BatchLane lane,
    ServiceMetrics metrics,
    AllowAudit audit,
    ShadowRun shadow,
    ReceiptWriter receipts,
    AccessControl access,
    LookupServerOptions options,
    TimeProvider clock)
{
    // Bounded by the streams and their chunks in flight: a job is made only where none waits.
    private readonly ConcurrentBag<ChunkJob> _idle = [];

    internal IFactStore Store => store;

    internal FilterReplica Replica => replica;

    internal RecordCache Records => records;

    internal ScopeNames Names => names;

    internal RegistryReplica Registry => registry;

    internal StoreMonitor Monitor => monitor;

    internal RegimeSet Regimes => regimes;

    internal NumberCipher Cipher => cipher;

    internal BatchLane Lane => lane;

    internal ServiceMetrics Metrics => metrics;

    internal AllowAudit Audit => audit;

    internal ShadowRun Shadow => shadow;

    internal ReceiptWriter Receipts => receipts;

    internal AccessControl Access => access;

    internal LookupServerOptions Options => options;

    internal TimeProvider Clock => clock;

    internal ChunkJob Rent() => _idle.TryTake(out var job) ? job : new ChunkJob(this);

    internal void Return(ChunkJob job) => _idle.Add(job);
}
