using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;

namespace Lookup.Redis.Following;

/// <summary>A timeline that was written.</summary>
/// <param name="Version">Version of the partition after the write.</param>
/// <param name="Key">The number.</param>
/// <param name="Id">The timeline.</param>
/// <param name="Value">The stored value, see <see cref="Timeline"/>; empty if it was erased.</param>
public readonly record struct FeedChange(ulong Version, NumberPseudonym Key, FactId Id, ReadOnlyMemory<byte> Value);

/// <summary>Result of polling one partition.</summary>
/// <param name="Version">The version to which the changes lead.</param>
/// <param name="Generation">The active filter.</param>
/// <param name="Changes">The changes since the requested version, in order; null if some are no longer kept.</param>
/// <param name="History">
/// The replication history of the versions: after a failover or restart the same version may belong to other facts, and this
/// differs.
/// </param>
/// <param name="StoreTime">The store's clock at its answer, in Unix microseconds; 0 if unknown.</param>
/// <param name="Fault">Why the store could not answer for this partition; the other values are then meaningless.</param>
public readonly record struct FeedPoll(
    ulong Version,
    int Generation,
    IReadOnlyList<FeedChange>? Changes,
    string History = "",
    long StoreTime = 0,
    StoreUnavailableException? Fault = null);

/// <summary>
/// Receives what a replica learns before it takes effect: when a partition's version and age advance, its observers know the
/// changes that lead there. Calls about one partition are sequential; they must not block or throw.
/// </summary>
public interface IReplicaObserver
{
    /// <summary>Timelines of a partition were written; the versions continue those of the previous call.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="changes">At least one, in the order of their versions.</param>
    public void Changed(int partition, IReadOnlyList<FeedChange> changes);

    /// <summary>This process wrote a timeline; the feed delivers it later.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="version">The partition's version after the write, or a later one.</param>
    /// <param name="key">The number.</param>
    /// <param name="id">The timeline.</param>
    public void Wrote(int partition, ulong version, NumberPseudonym key, FactId id);

    /// <summary>Changes of a partition may be missing: forget everything known of it.</summary>
    public void Lost(int partition);

    /// <summary>A partition is followed, again or for the first time.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="version">The next changes continue this version.</param>
    public void Following(int partition, ulong version);
}

/// <summary>A partition's filter as loaded.</summary>
/// <param name="Filter">Has all facts of the version, and possibly later ones.</param>
/// <param name="Version">The version.</param>
/// <param name="Generation">The filter's generation.</param>
/// <param name="History">The replication history of the version, see <see cref="FeedPoll"/>.</param>
public sealed record LoadedFilter(BlockFilter Filter, ulong Version, int Generation, string History = "");
