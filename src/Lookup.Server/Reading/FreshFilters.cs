using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Server.Store;

namespace Lookup.Server.Reading;

/// <summary>
/// The replica's filters usable for one chunk: within the freshness bound and not behind the demanded token. Taken once, so that the
/// whole chunk uses the same filters.
/// </summary>
internal sealed class FreshFilters(int partitions)
{
    private readonly PartitionReplica?[] _usable = new PartitionReplica?[partitions];
    private TimeProvider _clock = TimeProvider.System;
    private long _now;

    /// <summary>Takes the current filters.</summary>
    /// <param name="replica">The replica.</param>
    /// <param name="exact">The request requires exact reads, so no filter is usable.</param>
    /// <param name="demand">The demanded consistency token, or null.</param>
    /// <param name="clock">The replica's clock.</param>
    /// <param name="boundMs">The freshness bound in milliseconds.</param>
    internal void Take(FilterReplica replica, bool exact, ConsistencyToken? demand, TimeProvider clock, int boundMs)
    {
        _clock = clock;
        _now = clock.GetTimestamp();
        for (var p = 0; p < _usable.Length; p++)
        {
            _usable[p] = exact ? null : Usable(replica, p, demand, clock, _now, boundMs);
        }
    }

    /// <summary>Takes the given filters, one per partition.</summary>
    internal void Take(ReadOnlySpan<PartitionReplica?> filters) => filters.CopyTo(_usable);

    /// <summary>Returns the replica of a partition if it is usable, else null.</summary>
    internal static PartitionReplica? Usable(
        FilterReplica replica, int partition, ConsistencyToken? demand, TimeProvider clock, long now, int boundMs)
    {
        var state = replica.Partition(partition);
        return state.Filter is not null
            && clock.AgeAt(state.AsOf, now).TotalMilliseconds < boundMs
            && replica.Satisfies(partition, state, demand)
            ? state
            : null;
    }

    internal int Partitions => _usable.Length;

    internal int PartitionOf(NumberPseudonym key) => key.Partition(_usable.Length);

    /// <summary>Returns the filter of a partition, or null if it is not usable.</summary>
    internal BlockFilter? Of(int partition) => _usable[partition]?.Filter;

    /// <summary>Version of the partition's filter.</summary>
    internal ulong VersionOf(int partition) => _usable[partition]!.Version;

    /// <summary>Age of the partition's filter when the filters were taken.</summary>
    internal TimeSpan AgeOf(int partition) => _clock.AgeAt(_usable[partition]!.AsOf, _now);

    internal void Prefetch(NumberPseudonym key) => Of(PartitionOf(key))?.Prefetch(key);
}
