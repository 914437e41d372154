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
using Lookup.Server.Telemetry;

namespace Lookup.Server.Lists;

/// <summary>The dependencies of chunk decisions, and the pool of idle jobs.</summary>
internal sealed record ChunkServices(
    StoreManifest Manifest,
    IFactReader Store,
    IChangeFeed Feed,
    ReadView View,
    FactCache Cache,
    ScopeNames Names,
    KnownOrganisations Organisations,
    RegimeSet Regimes,
    NumberCipher Cipher,
    BatchLimiter Limiter,
    OpenLists Lists,
    ServiceMetrics Metrics,
    AllowAudit Audit,
    ShadowRun Shadow,
    ReceiptWriter Receipts,
    AccessControl Access,
    LookupServerOptions Options,
    TimeProvider Clock)
{
    // An idle job keeps some megabytes. More of them are needed only while many streams are active.
    private const int MaxIdle = 32;

    private readonly ConcurrentBag<ChunkJob> _idle = [];
    private int _idleCount;

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
