// For: reading every bucket of a partition, most of which are empty in a small store.
//
// A bucket whose stored count (BucketCounts) is zero when the scan of its partition starts is not read. That is the same as reading it then:
// what is written later may be missed in any case. The counts are used only if every condition holds under which they are exact: they are
// complete, every writer has maintained them up to the partition's version, and their sum is the number of timelines that the partition
// states. Otherwise every bucket is read.
using System.Buffers.Binary;
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
        var counts = await CountsAsync(partition, cancellation);
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

        Task<HashEntry[][]> Start(int first)
        {
            if (counts is not null && !counts.AsSpan(first * sizeof(ushort), Chunk * sizeof(ushort)).ContainsAnyExcept((byte)0))
            {
                return Task.FromResult(Empty);
            }

            return link.WriteAsync(
                partition,
                db => Task.WhenAll(Enumerable.Range(first, Chunk).Select(bucket => counts is not null && CountOf(counts, bucket) == 0
                    ? Task.FromResult<HashEntry[]>([])
                    : db.HashGetAllAsync(Keys.Bucket(partition, bucket), CommandFlags.DemandMaster))),
                cancellation);
        }
    }

    private static HashEntry[][] Empty { get; } = [.. Enumerable.Repeat<HashEntry[]>([], Chunk)];

    private static int CountOf(byte[] counts, int bucket) => BinaryPrimitives.ReadUInt16BigEndian(counts.AsSpan(bucket * sizeof(ushort)));

    // Null if the counts cannot be trusted.
    private async Task<byte[]?> CountsAsync(int partition, CancellationToken cancellation)
    {
        Task<RedisValue>? read = null;
        // The version is read after the counts: a writer that does not maintain them is noticed.
        var meta = await link.WriteAsync(
            partition,
            async db =>
            {
                read = db.StringGetAsync(Keys.Counts(partition), CommandFlags.DemandMaster);
                var meta = db.HashGetAsync(Keys.Meta(partition), ["v", "c", "o", "n"], CommandFlags.DemandMaster);
                await read;
                return await meta;
            },
            cancellation);
        if ((byte[]?)await read! is not { Length: NumberPseudonym.Buckets * sizeof(ushort) } counts || meta[0].IsNull || meta[0] != meta[1] || meta[2] != "1")
        {
            return null;
        }

        var sum = 0L;
        for (var bucket = 0; bucket < NumberPseudonym.Buckets; bucket++)
        {
            sum += CountOf(counts, bucket);
        }

        return meta[3] == sum ? counts : null;
    }
}
