using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;

namespace Lookup.Redis.Following;

/// <summary>A timeline that was written.</summary>
/// <param name="Version">Version of the partition with it.</param>
/// <param name="Key">The number.</param>
/// <param name="Id">The timeline.</param>
/// <param name="Value">What is stored now, see <see cref="Timeline"/>; empty: erased.</param>
public readonly record struct FeedChange(ulong Version, NumberPseudonym Key, FactId Id, ReadOnlyMemory<byte> Value);

/// <summary>What one poll told of a partition.</summary>
/// <param name="Version">The changes lead up to this version.</param>
/// <param name="Generation">The filter that answers.</param>
/// <param name="Changes">
/// What was written since the version asked about, in the order of their versions; null where they are not all known any
/// more.
/// </param>
/// <param name="History">
/// Whose versions they are: after a fail-over or a restart the same version may hold other facts, and this differs.
/// </param>
/// <param name="StoreTime">What the store's clock said when it answered, in Unix microseconds; 0: not known.</param>
/// <param name="Fault">Why the store could not answer for this partition; nothing else counts then.</param>
public readonly record struct FeedPoll(
    ulong Version,
    int Generation,
    IReadOnlyList<FeedChange>? Changes,
    string History = "",
    long StoreTime = 0,
    StoreUnavailableException? Fault = null);

/// <summary>
/// Is told what a replica learns, before it counts: when a partition's version and age move, its observers know the
/// changes that lead there. Calls about one partition come one after another; they must not block or throw.
/// </summary>
public interface IReplicaObserver
{
    /// <summary>Timelines of a partition were written; the versions follow on what was told before.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="changes">In the order of their versions, at least one.</param>
    public void Changed(int partition, IReadOnlyList<FeedChange> changes);

    /// <summary>This process wrote a timeline; the feed brings it later.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="version">The partition's version with it, or a later one.</param>
    /// <param name="key">The number.</param>
    /// <param name="id">The timeline.</param>
    public void Wrote(int partition, ulong version, NumberPseudonym key, FactId id);

    /// <summary>Changes of a partition may be missing: whatever is known of it must be forgotten.</summary>
    /// <param name="partition">The partition.</param>
    public void Lost(int partition);

    /// <summary>A partition is followed, again or for the first time.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="version">The next changes follow on this version.</param>
    public void Following(int partition, ulong version);
}

/// <summary>A partition's filter as it was loaded.</summary>
/// <param name="Filter">It holds all facts of the version, and may hold later ones.</param>
/// <param name="Version">The version.</param>
/// <param name="Generation">Which filter of the partition it is.</param>
/// <param name="History">Whose version it is, see <see cref="FeedPoll"/>.</param>
public sealed record LoadedFilter(BlockFilter Filter, ulong Version, int Generation, string History = "");
