using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

/// <summary>The state of a partition's filter.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="Generation">Number of the active filter.</param>
/// <param name="Blocks">Its size, see <see cref="BlockFilter.Blocks"/>.</param>
/// <param name="Facts">Timelines in the partition now.</param>
/// <param name="Built">
/// Time of the last rebuild in Unix milliseconds; null if the filter is the one from the setup or first load.
/// </param>
/// <param name="IsBuilding">There is another filter, which is being built or was left by a crashed builder.</param>
public sealed record PartitionFilter(int Partition, int Generation, int Blocks, long Facts, long? Built, bool IsBuilding)
{
    /// <summary>Whether it can be proven complete.</summary>
    public FilterFit Fit { get; init; }

    /// <summary>True if the timelines of each bucket are counted, so that facts deleted without the service are noticed.</summary>
    public bool IsCounted { get; init; } = true;

    /// <summary>True if facts of the partition are known to be missing: the store is rejected until it has them again.</summary>
    public bool HasLost { get; init; }

    /// <summary>Creates the state from the partition's meta; the first generation is the active one.</summary>
    internal static PartitionFilter FromMeta(int partition, FilterGenerations generations, long facts, RedisValue built) => new(
        partition,
        generations.All[0].Number,
        generations.All[0].Blocks,
        facts,
        !built.IsNull && built.TryParse(out long time) ? time : null,
        generations.All.Length > 1);

    /// <summary>Number of timelines with which the filter has about 0.2 % false positives.</summary>
    public long Capacity => (long)(Blocks * (BlockFilter.BlockSize * 8L) / RebuildOptions.BitsPerFact);
}

/// <summary>Settings of a rebuild.</summary>
public sealed record RebuildOptions
{
    /// <summary>Bits per fact of a new filter.</summary>
    public const double BitsPerFact = 20;

    /// <summary>Capacity of a new filter per existing fact: room to grow before the next rebuild.</summary>
    public const double Growth = 1.5;

    /// <summary>Minimum capacity of a new filter.</summary>
    public const long LeastFacts = 10_000;

    /// <summary>
    /// Share of the time that the builder works, 0.01 to 1; pauses in between keep the delay of checks and writers small.
    /// </summary>
    public double WorkShare { get; init; } = 0.25;

    /// <summary>Allows the new filter to be smaller than the old one.</summary>
    public bool Shrink { get; init; }

    /// <summary>
    /// Accepts the partition's facts as complete although some are known to be missing. Use it only after these were recorded
    /// again.
    /// </summary>
    public bool AcceptLoss { get; init; }

    /// <summary>How long to wait for another builder, 0 to 24 h.</summary>
    public TimeSpan Wait { get; init; }

    /// <summary>Returns the size of the new filter in blocks.</summary>
    /// <param name="facts">Timelines in the partition.</param>
    /// <param name="present">Blocks of the present filter.</param>
    public int BlocksFor(long facts, int present)
    {
        var most = (long)(BlockFilter.MaxBlocks * (BlockFilter.BlockSize * 8L) / BitsPerFact);
        var wanted = (long)Math.Min(most, Math.Max(LeastFacts, facts) * Growth);
        return Math.Max(BlockFilter.BlocksFor(wanted, BitsPerFact), Shrink ? 1 : present);
    }
}

/// <summary>The filters in the store. Thread-safe.</summary>
public interface IFilterStore
{
    /// <summary>Returns the state of every partition's filter.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer, or must not be used.</exception>
    public Task<IReadOnlyList<PartitionFilter>> ListAsync(CancellationToken cancellation);

    /// <summary>
    /// Reads a partition's whole filter and compares every bucket with its count. If facts are missing, this process rejects the
    /// store until a later call finds the partition complete.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store could not answer, or must not be used.</exception>
    public Task<PartitionFilter> ExamineAsync(int partition, CancellationToken cancellation);

    /// <summary>Reads number and id of every timeline of a partition while reads and writes continue.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="visit">Called with each, in no particular order.</param>
    /// <param name="cancellation">Stops the scan.</param>
    /// <exception cref="StoreUnavailableException">The store could not answer, or must not be used.</exception>
    public Task VisitAsync(int partition, Action<NumberPseudonym, FactId> visit, CancellationToken cancellation);

    /// <summary>
    /// Builds a new filter from the facts of a partition while reads and writes continue, and activates it. Only one builder
    /// works at a time, across all instances. However the build ends, the store has a valid filter.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="options">Settings of the build.</param>
    /// <param name="progress">Called with the completed share, 0 to 1.</param>
    /// <param name="cancellation">Stops the build.</param>
    /// <returns>The new filter; null if another builder still works after the wait.</returns>
    /// <exception cref="StoreUnavailableException">
    /// The store failed, or another builder took over; the old filter stays active.
    /// </exception>
    public Task<PartitionFilter?> RebuildAsync(
        int partition, RebuildOptions options, Action<double> progress, CancellationToken cancellation);
}
