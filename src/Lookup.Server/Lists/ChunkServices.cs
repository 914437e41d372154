using System.Collections.Concurrent;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Reading;
using Lookup.Server.Access;
using Lookup.Server.Reading;
using Lookup.Server.Receipts;
using Lookup.Server.Shadow;
using Lookup.Server.Store;
using Lookup.Server.Telemetry;

namespace Lookup.Server.Lists;

/// <summary>The dependencies of chunk decisions, and the pool of idle jobs.</summary>
internal sealed class ChunkServices(
    StoreManifest manifest,
    IFactReader store,
    IChangeFeed feed,
    FilterReplica replica,
    FactCache records,
    ScopeNames names,
    RegistryReplica registry,
    StoreMonitor monitor,
    RegimeSet regimes,
    NumberCipher cipher,
    BatchLimiter limiter,
    ServiceMetrics metrics,
    AllowAudit audit,
    ShadowRun shadow,
    ReceiptWriter receipts,
    AccessControl access,
    LookupServerOptions options,
    TimeProvider clock)
{
    // An idle job keeps some megabytes. More of them are needed only while many streams are active.
    private const int MaxIdle = 32;

    private readonly ConcurrentBag<ChunkJob> _idle = [];
    private int _idleCount;

    internal StoreManifest Manifest => manifest;

    internal IFactReader Store => store;

    internal IChangeFeed Feed => feed;

    internal FilterReplica Replica => replica;

    internal FactCache Records => records;

    internal ScopeNames Names => names;

    internal RegistryReplica Registry => registry;

    internal StoreMonitor Monitor => monitor;

    internal RegimeSet Regimes => regimes;

    internal NumberCipher Cipher => cipher;

    internal BatchLimiter Limiter => limiter;

    internal ServiceMetrics Metrics => metrics;

    internal AllowAudit Audit => audit;

    internal ShadowRun Shadow => shadow;

    internal ReceiptWriter Receipts => receipts;

    internal AccessControl Access => access;

    internal LookupServerOptions Options => options;

    internal TimeProvider Clock => clock;

    /// <summary>The number of idle jobs.</summary>
    internal int IdleCount => Volatile.Read(ref _idleCount);

    internal ChunkJob Rent()
    {
        if (!_idle.TryTake(out var job))
        {
            return new ChunkJob(this);
        }

        Interlocked.Decrement(ref _idleCount);
        return job;
    }

    internal void Return(ChunkJob job)
    {
        if (Interlocked.Increment(ref _idleCount) <= MaxIdle)
        {
            _idle.Add(job);
        }
        else
        {
            Interlocked.Decrement(ref _idleCount);
        }
    }
}
