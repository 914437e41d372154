using Lookup.Core.Filters;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

/// <summary>A filter as it is stored.</summary>
/// <param name="Filter">Its bits; null if it is missing or has another length.</param>
/// <param name="Version">The filter has the bits of all facts of this version.</param>
/// <param name="Fit">Whether it can be trusted.</param>
internal readonly record struct StoredFilter(BlockFilter? Filter, ulong Version, FilterFit Fit);

/// <summary>Reads stored filters and compares them with their checksums.</summary>
internal sealed class StoredFilters(RedisTopology link, PartitionStates partitions, KeyRotationState keys)
{
    // Pieces per read: a longer string would delay the reads after it, and on a slow connection exceed its own limit.
    private const int PiecesAtATime = 4;

    /// <summary>Reads a filter and all of its checksums.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="generation">The filter.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store could not answer, or the filter was replaced during the read.</exception>
    internal async Task<StoredFilter> ReadAsync(int partition, FilterGeneration generation, CancellationToken cancellation)
    {
        var bytes = new byte[generation.Blocks * BlockFilter.BlockSize];
        var pieces = FilterSums.Pieces(generation.Blocks);
        ulong? first = null;
        var fit = FilterFit.Sound;
        for (var piece = 0; piece < pieces; piece += PiecesAtATime)
        {
            var start = piece * FilterSums.PieceSize;
            var end = Math.Min(start + (PiecesAtATime * FilterSums.PieceSize), bytes.Length);
            var last = Math.Min(piece + PiecesAtATime, pieces) - 1;
            var floor = partitions.FloorToExamine(partition);
            var read = await SendAsync(partition, generation, [generation.Number, start, end - 1, piece, last], cancellation);
            var version = Check(partition, generation, read, floor);
            first ??= version;
            fit = Worse(fit, FitOf(read, bytes.Length));
            if ((long)read[4] != bytes.Length)
            {
                return new StoredFilter(null, version, fit);
            }

            var part = (byte[])read[5]!;
            part.CopyTo(bytes, start);
            for (var i = piece; i <= last; i++)
            {
                var from = (i - piece) * FilterSums.PieceSize;
                if (FilterSums.Compute(part.AsSpan(from, Math.Min(FilterSums.PieceSize, part.Length - from)), i) != (long)read[6 + i - piece])
                {
                    fit = Worse(fit, FilterFit.Damaged);
                }
            }
        }

        return new StoredFilter(BlockFilter.FromBytes(bytes), first!.Value, fit);
    }

    /// <summary>Checks a filter's length and whether it has checksums, without reading it.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer, or the filter was replaced during the read.</exception>
    internal async Task<FilterFit> CheckAsync(int partition, FilterGeneration generation, CancellationToken cancellation)
    {
        var floor = partitions.FloorToExamine(partition);
        var read = await SendAsync(partition, generation, [generation.Number], cancellation);
        Check(partition, generation, read, floor);
        return FitOf(read, generation.Blocks * (long)BlockFilter.BlockSize);
    }

    // Outdated sums prove nothing.
    private static FilterFit Worse(FilterFit known, FilterFit found) => known == FilterFit.Sound ? found : known;

    private static FilterFit FitOf(RedisResult[] read, long length) =>
        (long)read[4] != length ? FilterFit.Damaged
        : read[3].IsNull || (string?)read[3] != (string?)read[1] ? FilterFit.Unchecked
        : FilterFit.Sound;

    private ulong Check(int partition, FilterGeneration generation, RedisResult[] read, ulong floor)
    {
        var version = partitions.Check(partition, keys, (RedisValue)read[0], (RedisValue)read[1], floor);
        if (read[2].IsNull)
        {
            throw RedisFaults.Damaged();
        }

        return FilterGenerations.Parse((string)read[2]!).All.Contains(generation) ? version : throw RedisFaults.Timeout();
    }

    private Task<RedisResult[]> SendAsync(int partition, FilterGeneration generation, RedisValue[] arguments, CancellationToken cancellation)
    {
        RedisKey[] names = [Keys.Meta(partition), Keys.Filter(partition, generation.Number), Keys.Sums(partition, generation.Number)];
        return link.ReadAsync(
            partition,
            async db => (RedisResult[])(await db.ScriptEvaluateAsync(Script.FilterRead, names, arguments, CommandFlags.DemandMaster))!,
            cancellation);
    }
}
