using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Topology;

namespace Lookup.Redis.Following;

/// <summary>The filters on a redis server.</summary>
internal sealed class RedisFilters(RedisTopology link, PartitionStates partitions, RedisFeed feed, KeyRotationState keys) : IFilterStore
{
    private const double LeastShare = 0.01;

    // Share of the time that a scan works: reads and writes continue.
    private const double ScanShare = 0.5;
    private static readonly TimeSpan MostWait = TimeSpan.FromDays(1);

    public async Task<IReadOnlyList<PartitionFilter>> ListAsync(CancellationToken cancellation)
    {
        var stored = new StoredFilters(link, partitions, keys);
        return await Task.WhenAll(Enumerable.Range(0, partitions.Count).Select(async p =>
        {
            var (filter, generations, _) = await FilterBuild.ReadAsync(link, partitions, keys, p, cancellation);
            var fit = await stored.CheckAsync(p, generations.All[0], cancellation);
            return filter with
            {
                Fit = fit == FilterFit.Sound ? partitions.Fit(p, filter.Generation) : fit,
                IsCounted = await new BucketCounts(link, partitions, keys, p).AreKeptAsync(cancellation),
                HasLost = partitions.IsDamaged(p),
            };
        }));
    }

    public async Task<PartitionFilter> ExamineAsync(int partition, CancellationToken cancellation)
    {
        var (filter, generations, _) = await FilterBuild.ReadAsync(link, partitions, keys, partition, cancellation);
        var stored = await new StoredFilters(link, partitions, keys).ReadAsync(partition, generations.All[0], cancellation);
        partitions.SetFit(partition, filter.Generation, stored.Fit);
        var counts = new BucketCounts(link, partitions, keys, partition);
        var isCounted = await counts.AreKeptAsync(cancellation);
        if (await counts.FindLossAsync([.. Enumerable.Range(0, NumberPseudonym.Buckets)], cancellation) >= 0)
        {
            partitions.Damage(partition, RedisFaults.BucketLost(partition));
        }
        else if (isCounted)
        {
            partitions.Mend(partition);
        }

        return filter with { Fit = stored.Fit, IsCounted = isCounted, HasLost = partitions.IsDamaged(partition) };
    }

    public Task VisitAsync(int partition, Action<NumberPseudonym, FactId> visit, CancellationToken cancellation) =>
        new FilterScan(link, partitions, keys, partition, workShare: ScanShare).VisitAsync(visit, _ => { }, cancellation);

    public async Task<PartitionFilter?> RebuildAsync(
        int partition, RebuildOptions options, Action<double> progress, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(partition);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(partition, partitions.Count);
        if (options.WorkShare is not (>= LeastShare and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.WorkShare, "The share of the time to work must be 0.01 to 1.");
        }

        if (options.Wait < TimeSpan.Zero || options.Wait > MostWait)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Wait, "The wait for another builder must be 0 to 24 h.");
        }

        await using var place = await BuilderPlace.AcquireAsync(link, Keys.Builder, options.Wait, cancellation);
        if (place is null)
        {
            return null;
        }

        try
        {
            var built = await new FilterBuild(link, partitions, feed, keys, partition, options, progress).RunAsync(place.Lost);
            return partitions.IsDamaged(partition) ? await ExamineAsync(partition, place.Lost) : built;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw RedisFaults.Overtaken();
        }
    }
}
