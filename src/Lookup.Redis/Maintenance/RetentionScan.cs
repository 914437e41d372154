// For: deleting what no longer has to be kept, while others read and write.
//
// All buckets are read, and each timeline that is due is replaced by compare and set through the feed, so followers see it. TimelineRetention
// says what is due, and that a deletion permits nothing. A run that is stopped needs no state: the next one finds what is left.
//
// The feed keeps the newest changes of a partition with their values. Those of deleted facts are the oldest there, if they are there at all;
// they are removed at the end of the partition, and the removals themselves by the next run. A consumer that has been disconnected since
// before them must start over.
using System.Buffers.Binary;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis.Following;
using Lookup.Redis.Topology;
using Lookup.Redis.Writing;
using StackExchange.Redis;

namespace Lookup.Redis.Maintenance;

/// <summary>Deletes what no longer has to be kept.</summary>
internal sealed class RetentionScan(RedisTopology link, StoreManifest manifest, PartitionStates partitions, KeyRotationState keys, RetentionOrder order)
{
    // A round fails only if another writer wins the race for the same timeline.
    private const int MaxRounds = 64;

    private readonly RedisValue _channel = ChangeNotifier.ChannelOf(link, manifest);
    private readonly Dictionary<(string, FactKind), RetentionCount> _counts = [];
    private readonly HashSet<(NumberPseudonym, FactId)> _changed = [];

    // The accepted epochs at the start: the run ends if the key rotation advances.
    private RedisValue _acceptedEpochs;

    private sealed record Item(NumberPseudonym Key, FactId Id, byte[] Value, Retention Terms, TimelineRetention After);

    internal async Task<IReadOnlyList<RetentionCount>> RunAsync(Action<double> progress, CancellationToken cancellation)
    {
        var state = keys.Current;
        // Timelines copied to the new key at the wrong moment would reappear.
        if (state.Phase.IsBoth)
        {
            throw new KeyRotationException("The store's encryption key is being rotated: apply the retention after 'lookup rekey' has ended.");
        }

        _acceptedEpochs = state.AcceptedEpochs;
        for (var p = 0; p < manifest.Partitions; p++)
        {
            var newest = await VersionAsync(p, cancellation);
            _changed.Clear();
            await foreach (var (first, buckets) in new BucketScan(link).ReadAsync(p, 0, cancellation))
            {
                var items = Find(first, buckets);
                if (order.DryRun)
                {
                    items.ForEach(Count);
                }
                else
                {
                    await ApplyAsync(p, items, cancellation);
                }

                progress((p + ((first + buckets.Length) / (double)NumberPseudonym.Buckets)) / manifest.Partitions);
            }

            if (!order.DryRun)
            {
                await TrimAsync(p, newest, cancellation);
            }
        }

        return [.. _counts.Values.OrderBy(count => count.Country, StringComparer.Ordinal).ThenBy(count => count.Kind)];
    }

    private List<Item> Find(int first, HashEntry[][] buckets)
    {
        var found = new List<Item>();
        for (var i = 0; i < buckets.Length; i++)
        {
            foreach (var entry in buckets[i])
            {
                byte[] field = entry.Name!;
                if (field.Length == Keys.FieldSize
                    && Examine(NumberPseudonym.FromField(first + i, field), FactId.Read(field.AsSpan(NumberPseudonym.FieldSize)), entry.Value!) is { } item)
                {
                    found.Add(item);
                }
            }
        }

        return found;
    }

    private Item? Examine(NumberPseudonym key, FactId id, byte[] value) =>
        order.TermsOf(key) is { } terms && terms.DeleteBefore(id.Kind, order.Now) is { } before
            && TimelineRetention.Compute(id, value, before, order.Now.ToUnixTimeMilliseconds()) is { } after
            ? new Item(key, id, value, terms, after)
            : null;

    private void Count(Item item)
    {
        var (country, kind) = (item.Terms.Country, item.Id.Kind);
        var count = _counts.GetValueOrDefault((country, kind)) ?? new RetentionCount(country, kind, 0, long.MaxValue, item.Terms.DeleteBefore(kind, order.Now)!.Value);
        _counts[(country, kind)] = count with { Count = count.Count + item.After.Gone.Count, Oldest = Math.Min(count.Oldest, item.After.Gone[^1]) };
    }

    private async Task ApplyAsync(int partition, List<Item> items, CancellationToken cancellation)
    {
        for (var round = 0; items.Count > 0; round++)
        {
            if (round == MaxRounds)
            {
                throw new StoreUnavailableException(StoreFault.Unreachable, "Too many writers changed the same facts; apply the retention again.");
            }

            var refused = new List<Item>();
            foreach (var batch in items.Chunk(RedisWriter.MaxBatch))
            {
                await SendAsync(partition, batch, refused, cancellation);
            }

            items = await ReadAgainAsync(partition, refused, cancellation);
        }
    }

    private async Task SendAsync(int partition, Item[] batch, List<Item> refused, CancellationToken cancellation)
    {
        var names = new List<RedisKey> { Keys.Meta(partition), Keys.Feed(partition), Keys.Counts(partition) };
        var arguments = new List<RedisValue> { _acceptedEpochs, link.Options.FeedLength, _channel };
        foreach (var item in batch)
        {
            var bucket = item.Key.Bucket;
            names.AddRange([Keys.Bucket(partition, bucket), Keys.Details(partition, bucket), Keys.Claims(partition, bucket)]);
            var index = names.Count - 2;
            arguments.AddRange([index, Keys.Field(item.Key, item.Id), item.Value, item.After.Value, 2 * item.After.Gone.Count, 0]);
            foreach (var field in item.After.Gone.Select(effective => Keys.VersionField(item.Key, item.Id, effective)))
            {
                // The texts and the claims.
                arguments.AddRange([index + 1, field, index + 2, field]);
            }
        }

        var floor = partitions.Floor(partition);
        var answer = await link.ScriptAsync(partition, Script.Revert, [.. names], [.. arguments], cancellation);
        RedisFaults.ThrowIfOtherEpoch(answer);
        var version = ulong.Parse((string)answer[1]!, System.Globalization.CultureInfo.InvariantCulture);
        partitions.RecordVersion(partition, version, floor);
        partitions.Confirm(partition, version);
        for (var i = 0; i < batch.Length; i++)
        {
            if ((int)answer[i + 2] != 1)
            {
                refused.Add(batch[i]);
                continue;
            }

            Count(batch[i]);
            _changed.Add((batch[i].Key, batch[i].Id));
        }
    }

    private async Task<List<Item>> ReadAgainAsync(int partition, List<Item> items, CancellationToken cancellation)
    {
        if (items.Count == 0)
        {
            return items;
        }

        var values = await link.WriteAsync(
            partition,
            db => Task.WhenAll(items.Select(
                item => db.HashGetAsync(Keys.Bucket(partition, item.Key.Bucket), Keys.Field(item.Key, item.Id), CommandFlags.DemandMaster))),
            cancellation);
        return [.. items.Zip(values).Where(pair => !pair.Second.IsNull).Select(pair => Examine(pair.First.Key, pair.First.Id, pair.Second!)).OfType<Item>()];
    }

    private async Task<ulong> VersionAsync(int partition, CancellationToken cancellation) => (ulong)(long)await link.WriteAsync(
        partition, db => db.HashGetAsync(Keys.Meta(partition), "v", CommandFlags.DemandMaster), cancellation);

    // Removes changes up to the last one of a fact that this run changed or that was removed before it. The newest change stays: it shows
    // which history the partition has.
    private async Task TrimAsync(int partition, ulong newest, CancellationToken cancellation)
    {
        const int Head = sizeof(ulong) + sizeof(ushort);
        var feed = await link.WriteAsync(partition, db => db.ListRangeAsync(Keys.Feed(partition), flags: CommandFlags.DemandMaster), cancellation);
        if (feed.Length < 2)
        {
            return;
        }

        var last = Array.FindLastIndex(feed, feed.Length - 2, entry =>
        {
            var bytes = ((byte[])entry!).AsSpan();
            return BinaryPrimitives.ReadUInt64BigEndian(bytes) <= newest
                && (bytes.Length == Head + Keys.FieldSize || _changed.Contains((
                    NumberPseudonym.FromField(BinaryPrimitives.ReadUInt16BigEndian(bytes[sizeof(ulong)..]), bytes[Head..]),
                    FactId.Read(bytes[(Head + NumberPseudonym.FieldSize)..]))));
        });
        if (last >= 0)
        {
            var answer = await link.ScriptAsync(
                partition,
                Script.Clean,
                [Keys.Meta(partition), Keys.Feed(partition), Keys.Counts(partition)],
                [_acceptedEpochs, (long)BinaryPrimitives.ReadUInt64BigEndian((byte[])feed[last]!), 0],
                cancellation);
            RedisFaults.ThrowIfOtherEpoch(answer);
        }
    }
}
