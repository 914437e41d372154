using Lookup.Core.Filters;
using Lookup.Core.Numbers;

namespace Lookup.Server.Batch;

/// <summary>
/// The filters that may decide for one request: fresh within the bound, and not behind what the request demands. There
/// is no replica yet, so everything is read.
/// </summary>
internal sealed class FreshFilters(int partitions)
{
    private readonly BlockFilter?[] _usable = new BlockFilter?[partitions];

    /// <summary>When they were taken, a timestamp of the clock.</summary>
    internal long Now { get; private set; }

    /// <summary>Takes the filters of this moment.</summary>
    internal void Take(TimeProvider clock) => Now = clock.GetTimestamp();

    internal void Set(int partition, BlockFilter? filter) => _usable[partition] = filter;

    internal int PartitionOf(NumberKey key) => key.Partition(partitions);

    /// <summary>The filter of a partition, or null where it must not decide.</summary>
    internal BlockFilter? Of(int partition) => _usable[partition];

    internal void Prefetch(NumberKey key) => Of(PartitionOf(key))?.Prefetch(key);
}
