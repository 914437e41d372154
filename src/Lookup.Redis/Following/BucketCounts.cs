// For: noticing that a bucket lost facts, at the moment when a number in it is asked about.
//
// A partition keeps the number of timelines of each bucket in a string of its own, which the scripts that store and remove
// timelines keep right. A read of a number costs nothing more. Only where the filter of this process holds a fact that the store
// does not have, is the number's bucket compared with its count: mostly it is one of the filter's false positives, or an erased
// fact, and the count is right. If it is not, the bucket was deleted, or a part of it, and the partition is refused.
//
// A store that an older version set up has no counts, and one that an older version wrote to since has counts that are out of
// date. Services rebuild such a partition by themselves, which counts it again; until then the store is believed, as that version
// does. New counts are relied on only if they add up to the number of timelines that the partition states, so counting again does
// not hide a loss.
using Lookup.Core.Numbers;
using Lookup.Redis.Topology;
using Lookup.Redis.Writing;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

/// <summary>Counts the timelines of each bucket of one partition, and compares buckets with their counts.</summary>
internal sealed class BucketCounts(RedisTopology link, PartitionStates partitions, KeyRotationState keys, int partition)
{
    /// <summary>Bytes of the counts of a partition.</summary>
    internal const int Size = NumberPseudonym.Buckets * sizeof(ushort);

    // Buckets in one call of a script: a server is held for a fraction of a millisecond.
    private const int Chunk = 512;

    private readonly RedisKey _meta = Keys.Meta(partition);
    private readonly RedisKey _counts = Keys.Counts(partition);

    /// <summary>Counts all buckets, and relies on the counts from then on.</summary>
    /// <param name="acceptLoss">What is there is all that there should be, whatever the partition says that it holds.</param>
    /// <param name="workShare">Part of the time to work, 0.01 to 1.</param>
    /// <param name="cancellation">Ends it; the partition then has no counts.</param>
    /// <exception cref="StoreUnavailableException">Facts are missing, or the store could not do it.</exception>
    internal async Task CountAsync(bool acceptLoss, double workShare, CancellationToken cancellation)
    {
        await ScriptAsync(Script.CountsBegin, [_meta, _counts], [Size], cancellation);
        for (var first = 0; first < NumberPseudonym.Buckets; first += Chunk)
        {
            var begin = link.Clock.GetTimestamp();
            RedisKey[] names = [_meta, _counts, .. Enumerable.Range(first, Chunk).Select(bucket => Keys.Bucket(partition, bucket))];
            await ScriptAsync(Script.CountsSet, names, [Size, first], cancellation);
            await FilterScan.RestAsync(link.Clock, begin, workShare, cancellation);
        }

        // {1}: an older version of the service wrote meanwhile. The next rebuild tries again.
        var sums = await link.ScriptAsync(partition, Script.CountsEnd, [_meta, _counts], [keys.Taken, Size, acceptLoss ? 1 : 0], cancellation);
        RedisNames.CheckEpoch(sums);
        if ((int)sums[0] == Script.OtherGenerations)
        {
            return;
        }

        var (counted, expected) = ((long)sums[1], (long)sums[2]);
        if (counted != expected && !acceptLoss)
        {
            throw partitions.Damage(partition, RedisFaults.FactsGone(partition, counted, expected));
        }
    }

    /// <summary>Whether there are counts that can be relied on.</summary>
    internal async Task<bool> AreKeptAsync(CancellationToken cancellation)
    {
        var answer = await CompareAsync([], cancellation);
        return IsKept(answer) && (int)answer[4] == 1;
    }

    /// <summary>Compares buckets with their counts.</summary>
    /// <param name="buckets">The buckets.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>A bucket that is not as it was counted, or -1.</returns>
    /// <exception cref="StoreUnavailableException">The store could not answer, or must not be used.</exception>
    internal async Task<int> FindLossAsync(IReadOnlyCollection<int> buckets, CancellationToken cancellation)
    {
        foreach (var chunk in buckets.Chunk(Chunk))
        {
            var floor = partitions.FloorToExamine(partition);
            var answer = await CompareAsync(chunk, cancellation);
            partitions.Check(partition, keys, (RedisValue)answer[0], (RedisValue)answer[1], floor);
            if ((string?)answer[2] == "1" && (int)answer[4] != 1)
            {
                return chunk[0];
            }

            if (IsKept(answer) && answer.Length > 5)
            {
                return (int)answer[5];
            }
        }

        return -1;
    }

    private static bool IsKept(RedisResult[] answer) => (string?)answer[2] == "1" && (string?)answer[3] == (string?)answer[1];

    private Task<RedisResult[]> CompareAsync(int[] buckets, CancellationToken cancellation)
    {
        RedisKey[] names = [_meta, _counts, .. buckets.Select(bucket => Keys.Bucket(partition, bucket))];
        RedisValue[] arguments = [Size, .. buckets.Select(bucket => (RedisValue)bucket)];
        return link.ReadAsync(
            partition,
            async db => (RedisResult[])(await db.ScriptEvaluateAsync(Script.CountsCompare, names, arguments, CommandFlags.DemandMaster))!,
            cancellation);
    }

    private async Task<RedisResult[]> ScriptAsync(string script, RedisKey[] names, RedisValue[] arguments, CancellationToken cancellation)
    {
        var answer = await link.ScriptAsync(partition, script, names, [keys.Taken, .. arguments], cancellation);
        RedisNames.CheckEpoch(answer);
        return (int)answer[0] == Script.OtherGenerations ? throw RedisFaults.Overtaken() : answer;
    }
}
