using Lookup.Core.Filters;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

/// <summary>What a partition says of its filter.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="Generation">Number of the filter that answers.</param>
/// <param name="Blocks">Its size, see <see cref="BlockFilter.Blocks"/>.</param>
/// <param name="Facts">Timelines in the partition now.</param>
/// <param name="Built">When it was rebuilt, Unix milliseconds; null: it is the one that the store was set up or loaded with.</param>
/// <param name="IsBuilding">There is another beside it: being built, or left behind by a builder that died.</param>
public sealed record PartitionFilter(int Partition, int Generation, int Blocks, long Facts, long? Built, bool IsBuilding)
{
    /// <summary>Whether it can be shown to be whole.</summary>
    public FilterFit Fit { get; init; }

    /// <summary>The timelines of each bucket are counted, so that facts that were deleted past the service are missed.</summary>
    public bool IsCounted { get; init; } = true;

    /// <summary>Facts of the partition are known to be gone: the store is refused until it holds them again.</summary>
    public bool HasLost { get; init; }

    /// <summary>As a partition's meta says it; the first generation answers.</summary>
    internal static PartitionFilter Of(int partition, FilterGenerations generations, long facts, RedisValue built) => new(
        partition,
        generations.All[0].Number,
        generations.All[0].Blocks,
        facts,
        !built.IsNull && built.TryParse(out long time) ? time : null,
        generations.All.Length > 1);

    /// <summary>Timelines that the filter has about 0.2 % false positives with.</summary>
    public long Capacity => (long)(Blocks * (BlockFilter.BlockSize * 8L) / RebuildOptions.BitsPerFact);
}

/// <summary>How to rebuild a filter.</summary>
public sealed record RebuildOptions
{
    /// <summary>Bits for each fact that a filter is made for.</summary>
    public const double BitsPerFact = 20;

    /// <summary>Facts that a filter is made for, by those there are: room to grow before the next rebuild.</summary>
    public const double Growth = 1.5;

    /// <summary>A filter is made for no fewer facts.</summary>
    public const long LeastFacts = 10_000;

    /// <summary>
    /// Part of the time that the builder works, 0.01 to 1; it rests otherwise, so that it holds checks and writers up little.
    /// </summary>
    public double WorkShare { get; init; } = 0.25;

    /// <summary>The new filter may be smaller than the old one; else it is at least as large.</summary>
    public bool Shrink { get; init; }

    /// <summary>
    /// What the partition holds is taken for all that it should hold, although facts are known to be gone. Only once these were
    /// recorded again.
    /// </summary>
    public bool AcceptLoss { get; init; }

    /// <summary>How long to wait for another builder, 0 to 24 h.</summary>
    public TimeSpan Wait { get; init; }

    /// <summary>Blocks of the new filter.</summary>
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
    /// <summary>What every partition says of its filter.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer, or must not be used.</exception>
    public Task<IReadOnlyList<PartitionFilter>> ListAsync(CancellationToken cancellation);

    /// <summary>
    /// Reads a partition's filter through and compares every bucket with its count. If facts are gone, this process refuses the
    /// store from then on, until a later call finds the partition whole.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store could not answer, or must not be used.</exception>
    public Task<PartitionFilter> ExamineAsync(int partition, CancellationToken cancellation);

    /// <summary>
    /// Makes a new filter from the facts of a partition while reads and writes go on, and lets it answer. One builder works
    /// at a time in all instances. However it ends, the store has a filter that is right.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told the share done, 0 to 1.</param>
    /// <param name="cancellation">Gives it up.</param>
    /// <returns>The new filter; null if another builder works and the wait is over.</returns>
    /// <exception cref="StoreUnavailableException">
    /// The store could not do it, or another builder took over; the old filter answers.
    /// </exception>
    public Task<PartitionFilter?> RebuildAsync(
        int partition, RebuildOptions options, Action<double> progress, CancellationToken cancellation);
}
