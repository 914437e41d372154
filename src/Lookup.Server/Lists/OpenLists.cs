using System.Collections.Concurrent;
using Lookup.Server.Telemetry;
using Prometheus;

namespace Lookup.Server.Lists;

/// <summary>The lists that are being checked. The limit of check streams also limits them.</summary>
internal sealed class OpenLists
{
    private readonly ConcurrentDictionary<OpenList, bool> _open = new();
    private readonly Histogram _chunks;
    private readonly TimeProvider _clock;

    public OpenLists(ServiceMetrics metrics, TimeProvider clock)
    {
        _clock = clock;
        _chunks = metrics.Factory.CreateHistogram(
            "lookup_chunk_duration_seconds",
            "Time to decide a chunk of a list, its wait for a slot included.",
            new HistogramConfiguration { Buckets = ServiceMetrics.Buckets });
    }

    /// <summary>The open lists, in no order.</summary>
    internal ICollection<OpenList> All => _open.Keys;

    /// <summary>Adds a list. Dispose of the result when it ends.</summary>
    /// <param name="organisation">Name of its organisation.</param>
    /// <param name="credential">Id of the credential; empty if none is required.</param>
    internal OpenList Begin(string organisation, string credential)
    {
        var list = new OpenList(this, organisation, credential, _clock.GetUtcNow().ToUnixTimeMilliseconds());
        _open[list] = true;
        return list;
    }

    /// <summary>Records a decided chunk.</summary>
    internal void Decided(TimeSpan took) => _chunks.Observe(took.TotalSeconds);

    internal void End(OpenList list) => _open.TryRemove(list, out _);
}

/// <summary>A list that is being checked.</summary>
internal sealed class OpenList(OpenLists all, string organisation, string credential, long started) : IDisposable
{
    private long _numbers;

    internal string Organisation { get; } = organisation;

    internal string Credential { get; } = credential;

    /// <summary>When it started, in Unix milliseconds.</summary>
    internal long Started { get; } = started;

    /// <summary>Numbers answered so far.</summary>
    internal long Numbers => Interlocked.Read(ref _numbers);

    internal void Add(int numbers) => Interlocked.Add(ref _numbers, numbers);

    /// <inheritdoc/>
    public void Dispose() => all.End(this);
}
