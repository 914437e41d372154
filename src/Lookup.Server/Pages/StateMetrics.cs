using System.Globalization;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Maintenance;
using Lookup.Server.Reading;
using Lookup.Server.Store;
using Lookup.Server.Telemetry;
using Prometheus;

namespace Lookup.Server.Pages;

/// <summary>Updates the metrics of the service's state at each collection.</summary>
internal sealed class StateMetrics
{
    private static readonly string[] StoreStates =
        [StoreMonitor.Ok, StoreMonitor.Unknown, .. Enum.GetValues<StoreFault>().Select(StoreMonitor.NameOf)];

    private readonly FilterReplica _replica;
    private readonly StoreManifest _manifest;
    private readonly IStoreMaintenance _store;
    private readonly StoreMonitor _monitor;
    private readonly TimeProvider _clock;
    private readonly Gauge _serving;
    private readonly Gauge _states;
    private readonly Gauge _writes;
    private readonly Gauge _clockAhead;
    private readonly Gauge _servers;
    private readonly Gauge _open;
    private readonly Gauge _followed;
    private readonly Gauge _age;
    private readonly Gauge _registerAge;
    private readonly RegistryReplica _registry;

    public StateMetrics(
        ServiceMetrics metrics, FilterReplica replica, StoreManifest manifest, IStoreMaintenance store, StoreMonitor monitor, FactCache records, RegistryReplica registry, Instance instance, RegimeSet regimes,
        LookupServerOptions options, TimeProvider clock)
    {
        (_replica, _manifest, _store, _monitor, _registry, _clock) = (replica, manifest, store, monitor, registry, clock);
        var make = metrics.Factory;
        _serving = make.CreateGauge("lookup_serving", "1 if the service answers checks, 0 if its store is unavailable or must not be used.");
        _states = make.CreateGauge("lookup_store_state", "1 for the state of the store at the last probe: ok, or the name of the fault.", ["state"]);
        _writes = make.CreateGauge("lookup_store_writable", "1 if the store accepted writes at the last probe.");
        _clockAhead = make.CreateGauge(
            "lookup_clock_ahead_seconds", "How far the instance's clock is ahead of the store server's; negative if it is behind.");
        make.CreateGauge("lookup_clock_bound_seconds", "Beyond this clock difference the instance does not serve; 0: not compared.")
            .Set(options.ClockBoundMs / 1_000.0);
        _servers = make.CreateGauge("lookup_store_servers", "Servers of the store.");
        _open = make.CreateGauge("lookup_store_circuit_open", "Unresponsive servers, which get no calls until they answer a probe.");
        _followed = make.CreateGauge("lookup_partition_followed", "1 if the partition's filter is loaded and follows the store's changes.", ["partition"]);
        _age = make.CreateGauge("lookup_partition_age_seconds", "Age of the partition's filter; absent if the partition is not followed.", ["partition"]);
        _registerAge = make.CreateGauge(
            "lookup_register_age_seconds", "Age of the latest loaded snapshot of a register; absent if none is loaded.", ["register"]);
        var limits = make.CreateGauge(
            "lookup_register_max_age_seconds", "The oldest snapshot of a register that its strictest rule accepts; absent without a limit.", ["register"]);
        foreach (var register in regimes.Registers)
        {
            if (regimes.MaxAgeDaysOf(register.Name) is { } days)
            {
                limits.WithLabels(register.Name).Set(TimeSpan.FromDays(days).TotalSeconds);
            }
        }

        make.CreateGauge("lookup_freshness_bound_seconds", "Filters older than this are not used; everything is read from the store.")
            .Set(options.FreshnessBoundMs / 1_000.0);
        make.CreateGauge("lookup_start_time_seconds", "When the instance started, in Unix seconds.").Set(instance.Started / 1_000.0);
        make.CreateGauge("lookup_instance_info", "Always 1; the labels identify the instance.", ["version", "host", "process", "epoch", "id"])
            .WithLabels(instance.Version, instance.Host, instance.Process.ToString(CultureInfo.InvariantCulture), instance.Epoch, instance.Id).Set(1);
        var hits = make.CreateCounter("lookup_record_cache_hits_total", "Numbers answered from the fact cache.");
        var misses = make.CreateCounter("lookup_record_cache_misses_total", "Numbers not in the fact cache that had to be read.");
        var evictions = make.CreateCounter("lookup_record_cache_evictions_total", "Entries evicted from the fact cache to free memory.");
        var invalidations = make.CreateCounter("lookup_record_cache_invalidations_total", "Entries removed from the fact cache because a fact changed.");
        var bytes = make.CreateGauge("lookup_record_cache_bytes", "Bytes of the entries in the fact cache.");
        metrics.Registry.AddBeforeCollectCallback(() =>
        {
            SetStore();
            SetPartitions();
            SetRegisters();
            hits.IncTo(records.Hits);
            misses.IncTo(records.Misses);
            evictions.IncTo(records.Evictions);
            invalidations.IncTo(records.Invalidations);
            bytes.Set(records.Bytes);
        });
    }

    private void SetStore()
    {
        var state = _monitor.Current;
        _serving.Set(state.Serving ? 1 : 0);
        _writes.Set(state.TakesWrites ? 1 : 0);
        foreach (var name in StoreStates)
        {
            _states.WithLabels(name).Set(name == state.Store ? 1 : 0);
        }

        _clockAhead.Set(_monitor.ClockAhead?.TotalSeconds ?? 0);
        var servers = _store.Servers;
        _servers.Set(servers.Count);
        _open.Set(servers.Silent);
    }

    private void SetRegisters()
    {
        var now = _clock.GetUtcNow().ToUnixTimeMilliseconds();
        var loaded = _registry.Latest?.Dates;
        foreach (var register in _registerAge.GetAllLabelValues().Select(labels => labels[0]).Where(name => loaded?.ContainsKey(name) != true).ToList())
        {
            _registerAge.RemoveLabelled(register);
        }

        foreach (var (register, dates) in loaded ?? new Dictionary<string, long[]>())
        {
            if (dates.Length > 0)
            {
                _registerAge.WithLabels(register).Set(Math.Max(0, now - dates[^1]) / 1_000.0);
            }
            else
            {
                _registerAge.RemoveLabelled(register);
            }
        }
    }

    private void SetPartitions()
    {
        var now = _clock.GetTimestamp();
        for (var p = 0; p < _manifest.Partitions; p++)
        {
            var name = p.ToString(CultureInfo.InvariantCulture);
            var state = _replica.Partition(p);
            _followed.WithLabels(name).Set(state.Filter is null ? 0 : 1);
            if (state.Filter is null)
            {
                _age.RemoveLabelled(name);
            }
            else
            {
                _age.WithLabels(name).Set(_clock.AgeAt(state.AsOf, now).TotalSeconds);
            }
        }
    }
}
