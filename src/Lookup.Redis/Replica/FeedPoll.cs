using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;

namespace Lookup.Redis;

/// <summary>What one poll told of a partition.</summary>
/// <param name="Version">The changes lead up to this version.</param>
/// <param name="Generation">The filter that answers.</param>
/// <param name="Changes">Facts that were written since the version asked about; null where they are not all known any more.</param>
public readonly record struct FeedPoll(
    ulong Version, int Generation, IReadOnlyList<(NumberKey Key, FactId Id)>? Changes);

/// <summary>A partition's filter as it was loaded.</summary>
/// <param name="Filter">It holds all facts of the version, and may hold later ones.</param>
/// <param name="Version">The version.</param>
/// <param name="Generation">Which filter of the partition it is.</param>
public sealed record LoadedFilter(BlockFilter Filter, ulong Version, int Generation);
