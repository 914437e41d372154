using System.Buffers.Binary;
using Lookup.Core.Numbers;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Maintenance;

/// <summary>
/// Removes data that is not under the current encryption key of a store, once no process reads or writes it any more.
/// </summary>
internal sealed class KeyCleaning(RedisTopology link, KeyRotationPhase phase, NumberCipher cipher, string epoch)
{
    private const int MaxFields = 1_024;

    private readonly RedisValue _acceptedEpochs = KeyRotationState.List(KeyRotationState.Epoch(epoch, phase.Number));

    /// <summary>Cleans a chunk of buckets; returns the number of timelines removed.</summary>
    internal async Task<long> RemoveAsync(int partition, int first, HashEntry[][] buckets, CancellationToken cancellation)
    {
        var count = buckets.Length;
        var others = await link.WriteAsync(
            partition,
            db => Task.WhenAll(Enumerable.Range(first, count).Select(async bucket => (
                Texts: await db.HashKeysAsync(Keys.Details(partition, bucket), CommandFlags.DemandMaster),
                Claims: await db.HashKeysAsync(Keys.Claims(partition, bucket), CommandFlags.DemandMaster)))),
            cancellation);
        long removed = 0;
        var timelines = new List<(RedisKey, RedisValue)>();
        var rest = new List<(RedisKey, RedisValue)>();
        for (var i = 0; i < count; i++)
        {
            var bucket = first + i;
            timelines.AddRange(Old(Keys.Bucket(partition, bucket), bucket, buckets[i].Select(entry => entry.Name)));
            rest.AddRange(Old(Keys.Details(partition, bucket), bucket, others[i].Texts));
            rest.AddRange(Old(Keys.Claims(partition, bucket), bucket, others[i].Claims));
        }

        foreach (var chunk in timelines.Chunk(MaxFields))
        {
            removed += await SendAsync(partition, chunk, chunk.Length, 0, cancellation);
        }

        foreach (var chunk in rest.Chunk(MaxFields))
        {
            await SendAsync(partition, chunk, 0, 0, cancellation);
        }

        return removed;
    }

    /// <summary>
    /// Removes the changes up to the last one under another key from the feed, and the counts of erasures. Consumers that were
    /// disconnected since before that must start over.
    /// </summary>
    internal async Task TrimAsync(int partition, CancellationToken cancellation)
    {
        var feed = await link.WriteAsync(partition, db => db.ListRangeAsync(Keys.Feed(partition), flags: CommandFlags.DemandMaster), cancellation);
        var last = Array.FindLastIndex(feed, entry => IsOld(BinaryPrimitives.ReadUInt16BigEndian(((byte[])entry!).AsSpan(8)), ((byte[])entry!).AsSpan(10)));
        var meta = await link.WriteAsync(partition, db => db.HashKeysAsync(Keys.Meta(partition), CommandFlags.DemandMaster), cancellation);
        foreach (var chunk in meta.Where(field => (byte[])field! is [(byte)'x', _, _]).Chunk(MaxFields))
        {
            await SendAsync(partition, [.. chunk.Select(field => (Keys.Meta(partition), field))], 0, 0, cancellation);
        }

        if (last >= 0)
        {
            await SendAsync(partition, [], 0, BinaryPrimitives.ReadUInt64BigEndian((byte[])feed[last]!), cancellation);
        }
    }

    private IEnumerable<(RedisKey, RedisValue)> Old(RedisKey name, int bucket, IEnumerable<RedisValue> fields) =>
        fields.Where(field => IsOld(bucket, ((byte[])field!).AsSpan())).Select(field => (name, field));

    private bool IsOld(int bucket, ReadOnlySpan<byte> field) =>
        field.Length >= NumberPseudonym.FieldSize && !cipher.TryDecrypt(NumberPseudonym.FromField(bucket, field), phase.Key, out _);

    private async Task<long> SendAsync(int partition, (RedisKey Name, RedisValue Field)[] fields, int timelines, ulong newest, CancellationToken cancellation)
    {
        RedisKey[] hashes = [.. fields.Select(field => field.Name).Distinct()];
        var places = hashes.Select((name, i) => (name, i)).ToDictionary(pair => pair.name, pair => pair.i);
        var arguments = new List<RedisValue> { _acceptedEpochs, (long)newest, timelines };
        foreach (var (name, field) in fields)
        {
            arguments.Add(places[name] + 4);
            arguments.Add(field);
        }

        var answer = await link.ScriptAsync(
            partition, Script.Clean, [Keys.Meta(partition), Keys.Feed(partition), Keys.Counts(partition), .. hashes], [.. arguments], cancellation);
        RedisFaults.ThrowIfOtherEpoch(answer);
        return (long)answer[1];
    }
}
