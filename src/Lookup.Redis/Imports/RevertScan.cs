using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Redis.Topology;
using Lookup.Redis.Writing;
using StackExchange.Redis;

namespace Lookup.Redis.Imports;

/// <summary>A timeline that a revert changes.</summary>
internal sealed record RevertItem(NumberPseudonym Key, FactId Id, byte[] Before, TimelineRevert After);

/// <summary>Finds the timelines that a revert changes, and changes them while others may write.</summary>
internal sealed class RevertScan(
    RedisTopology link, StoreManifest manifest, PartitionStates partitions, IReadOnlySet<uint> sources, RedisValue epochs)
{
    // A round fails only if another writer wins the race for the same timeline.
    private const int MaxRounds = 64;

    private readonly RedisValue _channel = ChangeNotifier.ChannelOf(link, manifest);

    /// <summary>Returns the timelines to change in a chunk of buckets.</summary>
    internal async Task<List<RevertItem>> FindAsync(int partition, int first, HashEntry[][] buckets, CancellationToken cancellation)
    {
        var found = new List<(NumberPseudonym, FactId, byte[])>();
        for (var i = 0; i < buckets.Length; i++)
        {
            foreach (var entry in buckets[i])
            {
                byte[] field = entry.Name!;
                if (field.Length == Keys.FieldSize)
                {
                    found.Add((NumberPseudonym.FromField(first + i, field), FactId.Read(field.AsSpan(NumberPseudonym.FieldSize)), entry.Value!));
                }
            }
        }

        return await FindAsync(partition, found, cancellation);
    }

    /// <summary>Changes timelines; reads those that others changed at the same time again.</summary>
    internal async Task ApplyAsync(int partition, List<RevertItem> items, RevertTally tally, CancellationToken cancellation)
    {
        for (var round = 0; items.Count > 0; round++)
        {
            if (round == MaxRounds)
            {
                throw new StoreUnavailableException(StoreFault.Unreachable, "Too many writers changed the same facts; revert again.");
            }

            var refused = await Task.WhenAll(items.Chunk(RedisWriter.MaxBatch).Select(chunk => SendAsync(partition, chunk, tally, cancellation)));
            items = await ReadAgainAsync(partition, [.. refused.SelectMany(item => item)], cancellation);
        }
    }

    private async Task<List<RevertItem>> FindAsync(
        int partition, List<(NumberPseudonym Key, FactId Id, byte[] Value)> timelines, CancellationToken cancellation)
    {
        try
        {
            var concerned = new List<(NumberPseudonym Key, FactId Id, byte[] Value, List<long> Shared)>();
            foreach (var (key, id, value) in timelines)
            {
                var shared = new List<long>();
                if (TimelineRevert.Concerns(id.Kind, value, sources, shared))
                {
                    concerned.Add((key, id, value, shared));
                }
            }

            var claims = concerned.Exists(one => one.Shared.Count > 0)
                ? await link.WriteAsync(partition, db => Task.WhenAll(concerned.Select(one => ClaimsAsync(db, partition, one.Key, one.Id, one.Shared))), cancellation)
                : [];
            var items = new List<RevertItem>();
            for (var i = 0; i < concerned.Count; i++)
            {
                var (key, id, value, _) = concerned[i];
                var after = TimelineRevert.Compute(id.Kind, value, claims.Length == 0 ? new Dictionary<long, byte[]>() : claims[i], sources);
                if (after.Steps.Count > 0)
                {
                    items.Add(new RevertItem(key, id, value, after));
                }
            }

            return items;
        }
        catch (InvalidDataException e)
        {
            throw RedisFaults.Damaged(e);
        }
    }

    private static async Task<Dictionary<long, byte[]>> ClaimsAsync(
        IDatabase db, int partition, NumberPseudonym key, FactId id, List<long> shared)
    {
        var claims = new Dictionary<long, byte[]>();
        if (shared.Count == 0)
        {
            return claims;
        }

        var values = await db.HashGetAsync(
            Keys.Claims(partition, key.Bucket), [.. shared.Select(at => (RedisValue)Keys.VersionField(key, id, at))], CommandFlags.DemandMaster);
        for (var i = 0; i < values.Length; i++)
        {
            if (!values[i].IsNull)
            {
                claims.Add(shared[i], values[i]!);
            }
        }

        return claims;
    }

    private async Task<List<RevertItem>> SendAsync(int partition, RevertItem[] batch, RevertTally tally, CancellationToken cancellation)
    {
        var keys = new List<RedisKey> { Keys.Meta(partition), Keys.Feed(partition), Keys.Counts(partition) };
        var arguments = new List<RedisValue> { epochs, link.Options.FeedLength, _channel };
        foreach (var item in batch)
        {
            Add(partition, item, keys, arguments);
        }

        var floor = partitions.Floor(partition);
        var answer = await link.ScriptAsync(partition, Script.Revert, [.. keys], [.. arguments], cancellation);
        RedisFaults.ThrowIfOtherEpoch(answer);
        var version = ulong.Parse((string)answer[1]!, System.Globalization.CultureInfo.InvariantCulture);
        partitions.RecordVersion(partition, version, floor);
        partitions.Confirm(partition, version);
        var refused = new List<RevertItem>();
        lock (tally)
        {
            for (var i = 0; i < batch.Length; i++)
            {
                if ((int)answer[i + 2] == 1)
                {
                    tally.Add(batch[i].Id.Kind, batch[i].After);
                }
                else
                {
                    refused.Add(batch[i]);
                }
            }
        }

        return refused;
    }

    private static void Add(int partition, RevertItem item, List<RedisKey> keys, List<RedisValue> arguments)
    {
        var (key, id, before, after) = item;
        keys.Add(Keys.Bucket(partition, key.Bucket));
        arguments.Add(keys.Count);
        arguments.Add(Keys.Field(key, id));
        arguments.Add(before);
        arguments.Add(after.Value);
        arguments.Add(after.Gone.Count);
        arguments.Add(after.Claims.Count);
        if (after.Gone.Count > 0)
        {
            keys.Add(Keys.Details(partition, key.Bucket));
        }

        foreach (var effective in after.Gone)
        {
            arguments.Add(keys.Count);
            arguments.Add(Keys.VersionField(key, id, effective));
        }

        if (after.Claims.Count > 0)
        {
            keys.Add(Keys.Claims(partition, key.Bucket));
        }

        foreach (var claim in after.Claims)
        {
            arguments.Add(keys.Count);
            arguments.Add(Keys.VersionField(key, id, claim.Effective));
            arguments.Add(claim.Before);
            arguments.Add(claim.After);
            arguments.Add(claim.Last ? 1 : 0);
        }
    }

    private async Task<List<RevertItem>> ReadAgainAsync(int partition, List<RevertItem> items, CancellationToken cancellation)
    {
        if (items.Count == 0)
        {
            return [];
        }

        var values = await link.WriteAsync(
            partition,
            db => Task.WhenAll(items.Select(
                item => db.HashGetAsync(Keys.Bucket(partition, item.Key.Bucket), Keys.Field(item.Key, item.Id), CommandFlags.DemandMaster))),
            cancellation);
        var there = new List<(NumberPseudonym, FactId, byte[])>();
        for (var i = 0; i < items.Count; i++)
        {
            if (!values[i].IsNull)
            {
                there.Add((items[i].Key, items[i].Id, values[i]!));
            }
        }

        return await FindAsync(partition, there, cancellation);
    }
}
