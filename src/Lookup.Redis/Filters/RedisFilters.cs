using Lookup.Redis.Store;

namespace Lookup.Redis;

/// <summary>The filters on a redis server.</summary>
internal sealed class RedisFilters(RedisLink link, PartitionStates partitions, RedisFeed feed, StoreKeys keys) : IFilterStore
{
    private const double LeastShare = 0.01;
    private static readonly TimeSpan MostWait = TimeSpan.FromDays(1);

    public async Task<IReadOnlyList<PartitionFilter>> ListAsync(CancellationToken cancellation)
    {
        var read = await Task.WhenAll(Enumerable.Range(0, partitions.Count).Select(
            p => FilterBuild.ReadAsync(link, partitions, keys, p, cancellation)));
        return [.. read.Select(one => one.Filter)];
    }

    public async Task<PartitionFilter?> RebuildAsync(
        int partition, RebuildOptions options, Action<double> progress, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(partition);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(partition, partitions.Count);
        if (options.WorkShare is not (>= LeastShare and <= 1))
            throw new ArgumentOutOfRangeException(nameof(options), options.WorkShare, "The share of the time to work: 0.01 to 1.");
        if (options.Wait < TimeSpan.Zero || options.Wait > MostWait)
            throw new ArgumentOutOfRangeException(nameof(options), options.Wait, "The wait for another builder: 0 to 24 h.");
        await using var place = await BuilderPlace.TakeAsync(link, Keys.Builder, options.Wait, cancellation);
        if (place is null)
            return null;
        try
        {
            return await new FilterBuild(link, partitions, feed, keys, partition, options, progress).RunAsync(place.Lost);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw RedisFaults.Overtaken();
        }
    }
}
