using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

/// <summary>Reads the facts of a partition, for example to build a filter, while the store is read and written.</summary>
internal sealed class FilterScan(RedisTopology link, PartitionStates partitions, KeyRotationState keys, int partition, double workShare)
{
    /// <summary>Buckets per read; takes the server a fraction of a millisecond.</summary>
    private const int Buckets = 64;

    /// <summary>Reads all buckets.</summary>
    /// <param name="blocks">Size of the filter.</param>
    /// <param name="done">Called with the number of the first bucket of each chunk after it is read.</param>
    /// <param name="cancellation">Stops the scan.</param>
    /// <returns>A filter with all facts that were stored before this call and not removed since.</returns>
    /// <exception cref="StoreUnavailableException">The store could not answer, or must not be used.</exception>
    internal async Task<BlockFilter> RunAsync(int blocks, Action<int> done, CancellationToken cancellation)
    {
        var filter = new BlockFilter(blocks);
        await VisitAsync((key, id) => filter.Add(key, id), done, cancellation);
        return filter;
    }

    /// <summary>Reads all buckets.</summary>
    /// <param name="visit">Called with each timeline that was stored before this call and not removed since.</param>
    /// <param name="done">Called with the number of the first bucket of each chunk after it is read.</param>
    /// <param name="cancellation">Stops the scan.</param>
    /// <exception cref="StoreUnavailableException">The store could not answer, or must not be used.</exception>
    internal async Task VisitAsync(Action<NumberPseudonym, FactId> visit, Action<int> done, CancellationToken cancellation)
    {
        for (var first = 0; first < NumberPseudonym.Buckets; first += Buckets)
        {
            var started = link.Clock.GetTimestamp();
            var from = first;
            var floor = partitions.FloorToExamine(partition);
            Task<RedisValue[]>? meta = null;
            var fields = await link.WriteAsync(
                partition,
                async db =>
                {
                    var reads = Enumerable.Range(from, Buckets).Select(
                        bucket => db.HashKeysAsync(Keys.Bucket(partition, bucket), CommandFlags.DemandMaster)).ToArray();
                    meta = db.HashGetAsync(Keys.Meta(partition), ["e", "v"], CommandFlags.DemandMaster);
                    await meta;
                    return await Task.WhenAll(reads);
                },
                cancellation);
            partitions.Check(partition, keys, (await meta!)[0], (await meta!)[1], floor);
            for (var i = 0; i < fields.Length; i++)
            {
                foreach (byte[]? field in fields[i])
                {
                    if (field?.Length != Keys.FieldSize)
                    {
                        throw RedisFaults.Damaged();
                    }

                    visit(NumberPseudonym.FromField(first + i, field), FactId.Read(field.AsSpan(NumberPseudonym.FieldSize)));
                }
            }

            done(first);
            await PauseAsync(link.Clock, started, workShare, cancellation);
        }
    }

    /// <summary>Pauses so that the work since a moment takes at most a share of the time.</summary>
    internal static Task PauseAsync(TimeProvider clock, long started, double workShare, CancellationToken cancellation)
    {
        var rest = clock.GetElapsedTime(started) * ((1 / workShare) - 1);
        return rest < TimeSpan.FromMilliseconds(1) ? Task.CompletedTask : Task.Delay(rest, clock, cancellation);
    }
}
