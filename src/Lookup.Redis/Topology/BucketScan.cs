using System.Runtime.CompilerServices;
using Lookup.Core.Numbers;
using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>
/// Reads every bucket of a partition while others write. A timeline that is written during the scan is seen as before or after
/// the write.
/// </summary>
internal sealed class BucketScan(RedisTopology link)
{
    /// <summary>Buckets per read; takes the server about a millisecond.</summary>
    internal const int Chunk = 256;

    /// <summary>Yields the contents of the buckets, in order, starting at a bucket that is a multiple of <see cref="Chunk"/>.</summary>
    internal async IAsyncEnumerable<(int First, HashEntry[][] Buckets)> ReadAsync(
        int partition, int from, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var next = Start(from);
        for (var first = from; first < NumberPseudonym.Buckets; first += Chunk)
        {
            var buckets = await next;
            // The server reads the next chunk while the caller processes this one.
            if (first + Chunk < NumberPseudonym.Buckets)
            {
                next = Start(first + Chunk);
            }

            yield return (first, buckets);
        }

        Task<HashEntry[][]> Start(int first) => link.WriteAsync(
            partition,
            db => Task.WhenAll(Enumerable.Range(first, Chunk).Select(
                bucket => db.HashGetAllAsync(Keys.Bucket(partition, bucket), CommandFlags.DemandMaster))),
            cancellation);
    }
}
