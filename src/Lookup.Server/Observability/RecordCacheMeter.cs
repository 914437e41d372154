using System.Diagnostics.Metrics;
using Lookup.Server.Records;

namespace Lookup.Server.Observability;

/// <summary>
/// Instruments of the record cache on the meter "Lookup": <c>lookup.record_cache.hits</c>, <c>.misses</c> (numbers that were
/// looked for), <c>.evictions</c> (to make room), <c>.invalidations</c> (a fact changed), <c>.entries</c> and <c>.size</c> (bytes).
/// </summary>
internal sealed class RecordCacheMeter : IDisposable
{
    /// <summary>Name of the service's meter.</summary>
    internal const string MeterName = "Lookup";

    private readonly Meter _meter = new(MeterName);

    public RecordCacheMeter(RecordCache cache)
    {
        Counter("hits", "{number}", "Numbers answered from the record cache.", () => cache.Hits);
        Counter("misses", "{number}", "Numbers that were looked for in the record cache and had to be read.", () => cache.Misses);
        Counter("evictions", "{entry}", "Entries of the record cache that had to make room.", () => cache.Evictions);
        Counter("invalidations", "{entry}", "Entries of the record cache removed because a fact changed.", () => cache.Invalidations);
        _meter.CreateObservableUpDownCounter("lookup.record_cache.entries", () => cache.Count, "{entry}", "Entries in the record cache.");
        _meter.CreateObservableUpDownCounter("lookup.record_cache.size", () => cache.Bytes, "By", "Bytes of the entries in the record cache.");
    }

    /// <summary>Whether an instrument is one of these: several services may run in one process.</summary>
    internal bool Owns(Instrument instrument) => instrument.Meter == _meter;

    private void Counter(string name, string unit, string description, Func<long> observe) =>
        _meter.CreateObservableCounter("lookup.record_cache." + name, observe, unit, description);

    public void Dispose() => _meter.Dispose();
}
