using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Server.Store;

namespace Lookup.Server.Reading;

/// <summary>
/// The replica's filters that may decide for one chunk: fresh within the bound, and not behind what the request
/// demands. Taken once, so that all of the chunk rests on the same.
/// </summary>
internal sealed class FreshFilters(int partitions)
{
    private readonly PartitionReplica?[] _usable = new PartitionReplica?[partitions];
    private TimeProvider _clock = TimeProvider.System;
    private long _now;

    /// <summary>Takes the filters of this moment.</summary>
    /// <param name="replica">The replica.</param>
    /// <param name="exact">The request wants everything read.</param>
    /// <param name="demand">The position that it demands, or null.</param>
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

    /// <summary>Takes these, one for each partition.</summary>
    internal void Take(ReadOnlySpan<PartitionReplica?> filters) => filters.CopyTo(_usable);

    /// <summary>The replica of a partition if it may decide, else null.</summary>
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

    /// <summary>The filter of a partition, or null where it must not decide.</summary>
    internal BlockFilter? Of(int partition) => _usable[partition]?.Filter;

    /// <summary>Version of the partition's filter.</summary>
    internal ulong VersionOf(int partition) => _usable[partition]!.Version;

    /// <summary>Age of the partition's filter when the filters were taken.</summary>
    internal TimeSpan AgeOf(int partition) => _clock.AgeAt(_usable[partition]!.AsOf, _now);

    internal void Prefetch(NumberPseudonym key) => Of(PartitionOf(key))?.Prefetch(key);
}
