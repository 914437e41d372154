using Lookup.Core.Filters;
using Lookup.Redis.Following;
using Lookup.Redis.Topology;

namespace Lookup.Redis.Reading;

/// <summary>
/// Re-checks a fact that the store lacks although this process knows it: compares the number's bucket with its count, see
/// BucketCounts.cs.
/// </summary>
internal sealed class LostFacts(RedisTopology link, PartitionStates partitions, KeyRotationState keys)
{
    /// <summary>Replaces the answers of partitions that lost facts by a fault. Returns immediately if no fact is missing.</summary>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    internal ValueTask FindAsync(ReadBatch batch, CancellationToken cancellation)
    {
        if (partitions.KnownFacts is not { } known)
        {
            return ValueTask.CompletedTask;
        }

        Dictionary<int, HashSet<int>>? missed = null;
        for (var item = 0; item < batch.Count; item++)
        {
            if (batch.HasFault(item) || !Misses(batch, item, known))
            {
                continue;
            }

            missed ??= [];
            var partition = batch.Position(item).Partition;
            if (!missed.TryGetValue(partition, out var buckets))
            {
                missed.Add(partition, buckets = []);
            }

            buckets.Add(batch.Key(item).Bucket);
        }

        return missed is null ? ValueTask.CompletedTask : new ValueTask(CompareAsync(batch, missed, cancellation));
    }

    private static bool Misses(ReadBatch batch, int item, IKnownFacts known)
    {
        var ids = batch.Ids(item);
        var absent = 0u;
        for (var i = 0; i < ids.Length; i++)
        {
            if (!batch.Value(item, i).IsNull)
            {
                continue;
            }

            if (ids.Length > BlockFilter.MaxProbes)
            {
                return true;
            }

            absent |= 1u << i;
        }

        return absent != 0 && (known.MayHold(batch.Position(item).Partition, batch.Key(item), ids) & absent) != 0;
    }

    private Task CompareAsync(ReadBatch batch, Dictionary<int, HashSet<int>> missed, CancellationToken cancellation) =>
        Task.WhenAll(missed.Select(async pair =>
        {
            var (partition, buckets) = pair;
            StoreUnavailableException fault;
            try
            {
                if (await new BucketCounts(link, partitions, keys, partition).FindLossAsync(buckets, cancellation) < 0)
                {
                    return;
                }

                fault = partitions.Damage(partition, RedisFaults.BucketLost(partition));
            }
            catch (StoreUnavailableException e)
            {
                fault = e;
            }

            lock (batch.Gate)
            {
                foreach (var item in batch.Items(partition))
                {
                    batch.SetFault(item, fault);
                }
            }
        }));
}
