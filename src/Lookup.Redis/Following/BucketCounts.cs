// For: noticing that a bucket lost facts, at the moment when a number in it is checked.
//
// A partition stores the number of timelines of each bucket in a separate string, which the scripts that store and remove
// timelines maintain. Reading a number costs nothing more. Only if the filter of this process has a fact that the store does not
// have, is the number's bucket compared with its count. Mostly the fact is a false positive of the filter, or erased, and the count
// is right. If it is not, the bucket or a part of it was deleted, and the partition is rejected.
//
// A store that an older version set up has no counts, and one that an older version wrote to since has outdated counts. Services
// rebuild such a partition by themselves, which counts it again; until then the store is trusted, as that version trusts it. New
// counts are trusted only if their sum is the number of timelines that the partition states, so counting again does not hide a
// loss.
using Lookup.Core.Numbers;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

/// <summary>Counts the timelines of each bucket of one partition, and compares buckets with their counts.</summary>
internal sealed class BucketCounts(RedisTopology link, PartitionStates partitions, KeyRotationState keys, int partition)
{
    /// <summary>Size of a partition's counts in bytes.</summary>
    internal const int Size = NumberPseudonym.Buckets * sizeof(ushort);

    // Buckets per script call; takes the server a fraction of a millisecond.
    private const int Chunk = 512;

    private readonly RedisKey _meta = Keys.Meta(partition);
    private readonly RedisKey _counts = Keys.Counts(partition);

    /// <summary>Counts all buckets; the counts are trusted from then on.</summary>
    /// <param name="acceptLoss">Accept the timelines that exist as complete, even if the partition states another number.</param>
    /// <param name="workShare">Share of the time to work, 0.01 to 1.</param>
    /// <param name="cancellation">Stops counting; the partition then has no counts.</param>
    /// <exception cref="StoreUnavailableException">Facts are missing, or the store failed.</exception>
    internal async Task CountAsync(bool acceptLoss, double workShare, CancellationToken cancellation)
    {
        await ScriptAsync(Script.CountsBegin, [_meta, _counts], [Size], cancellation);
        for (var first = 0; first < NumberPseudonym.Buckets; first += Chunk)
        {
            var started = link.Clock.GetTimestamp();
            RedisKey[] names = [_meta, _counts, .. Enumerable.Range(first, Chunk).Select(bucket => Keys.Bucket(partition, bucket))];
            await ScriptAsync(Script.CountsSet, names, [Size, first], cancellation);
            await FilterScan.PauseAsync(link.Clock, started, workShare, cancellation);
        }

        // {1}: an older version of the service wrote while the buckets were counted. The next rebuild tries again.
        var sums = await link.ScriptAsync(partition, Script.CountsEnd, [_meta, _counts], [keys.AcceptedEpochs, Size, acceptLoss ? 1 : 0], cancellation);
        RedisFaults.ThrowIfOtherEpoch(sums);
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

    /// <summary>Returns true if there are counts that can be trusted.</summary>
    internal async Task<bool> AreKeptAsync(CancellationToken cancellation)
    {
        var answer = await CompareAsync([], cancellation);
        return IsKept(answer) && (int)answer[4] == 1;
    }

    /// <summary>Compares buckets with their counts.</summary>
    /// <param name="buckets">The buckets.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>A bucket that differs from its count, or -1.</returns>
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
        var answer = await link.ScriptAsync(partition, script, names, [keys.AcceptedEpochs, .. arguments], cancellation);
        RedisFaults.ThrowIfOtherEpoch(answer);
        return (int)answer[0] == Script.OtherGenerations ? throw RedisFaults.Overtaken() : answer;
    }
}
