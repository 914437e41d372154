using System.Globalization;
using Lookup.Redis;
using Lookup.Server.Hosting;
using Lookup.Server.Records;

namespace Lookup.Server.Observability;

/// <summary>What the service finds of its state each time the metrics are collected.</summary>
internal sealed class StateMetrics
{
    public StateMetrics(
        ServiceMetrics metrics, FilterReplica replica, IFactStore store, StoreMonitor monitor, RecordCache records, TimeProvider clock)
    {
        var make = metrics.Factory;
        var serving = make.CreateGauge("lookup_serving", "1 where the service answers, 0 where its store must not or cannot be asked.");
        var followed = make.CreateGauge("lookup_partition_followed", "1 where the partition's filter is loaded and follows.", ["partition"]);
        var age = make.CreateGauge("lookup_partition_age_seconds", "Age of what is known of the partition; not there where it is not followed.", ["partition"]);
        var hits = make.CreateCounter("lookup_record_cache_hits_total", "Numbers answered from the record cache.");
        var misses = make.CreateCounter("lookup_record_cache_misses_total", "Numbers looked for in the record cache that had to be read.");
        var evictions = make.CreateCounter("lookup_record_cache_evictions_total", "Entries of the record cache that had to make room.");
        var invalidations = make.CreateCounter("lookup_record_cache_invalidations_total", "Entries removed because a fact changed.");
        var bytes = make.CreateGauge("lookup_record_cache_bytes", "Bytes of the entries in the record cache.");
        metrics.Registry.AddBeforeCollectCallback(() =>
        {
            serving.Set(monitor.Current.Serving ? 1 : 0);
            var now = clock.GetTimestamp();
            for (var p = 0; p < store.Manifest.Partitions; p++)
            {
                var name = p.ToString(CultureInfo.InvariantCulture);
                var state = replica.Partition(p);
                followed.WithLabels(name).Set(state.Filter is null ? 0 : 1);
                if (state.Filter is null)
                {
                    age.RemoveLabelled(name);
                }
                else
                {
                    age.WithLabels(name).Set(clock.GetElapsedTime(state.AsOf, now).TotalSeconds);
                }
            }

            hits.IncTo(records.Hits);
            misses.IncTo(records.Misses);
            evictions.IncTo(records.Evictions);
            invalidations.IncTo(records.Invalidations);
            bytes.Set(records.Bytes);
        });
    }
}
