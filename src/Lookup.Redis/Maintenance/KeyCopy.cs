// For: copying the data of a number from the old key to the new one while both are written.
//
// Every write, including an erasure, goes to the old key first and then to the new one. So for each timeline:
//
//   1 read the value under the new key, and how many erasures its bucket has seen,
//   2 then read the value under the old key,
//   3 then the script replaces 1 by 2, if the value is still that of 1 and nothing was erased since.
//
// A write that reached the new key before 1 is part of 2, since it reached the old key before that. One that reaches the new
// key between 1 and 3 makes 3 fail, and the copy is retried; one that reaches it after 3 is merged with what 3 wrote. The same
// holds for an erasure, which may leave no value to compare, but increments the count of erasures. So the new key never lacks
// anything acknowledged, and nothing erased reappears, whenever the copy is killed, and however late its commands arrive: the
// script compares the phase too.
//
// The values of 2 must not come from an old primary that was replaced without noticing: the fence is raised after the read,
// and the server must still have the same history, as for the polls of followers (RedisFeed.cs).
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Redis.Topology;
using Lookup.Redis.Writing;
using StackExchange.Redis;

namespace Lookup.Redis.Maintenance;

/// <summary>Copies timelines from the old encryption key to the new one.</summary>
internal sealed class KeyCopy(
    RedisTopology link,
    KeyRotationPhase phase,
    NumberCipher cipher,
    PartitionStates partitions,
    Fences fences,
    RedisFeed feed,
    StoreManifest manifest,
    string epoch)
{
    // Timelines per script call.
    private const int MaxBatch = 128;

    // A round fails only if another writer wins the race for the same timeline.
    private const int MaxRounds = 64;

    private readonly RedisValue _channel = ChangeNotifier.ChannelOf(link, manifest);

    // Exactly this phase: after it, nothing may be copied any more.
    private readonly KeyRotationState _keys = KeyRotationState.Fixed(KeyRotationState.Epoch(epoch, phase.Number));

    /// <summary>Copies a chunk of buckets; returns the number of timelines that differed.</summary>
    internal async Task<long> CopyAsync(int partition, int first, HashEntry[][] buckets, CancellationToken cancellation)
    {
        var items = new List<Item>();
        for (var i = 0; i < buckets.Length; i++)
        {
            foreach (var entry in buckets[i])
            {
                byte[] field = entry.Name!;
                if (field.Length != Keys.FieldSize)
                {
                    continue;
                }

                var key = NumberPseudonym.FromField(first + i, field);
                if (cipher.TryDecrypt(key, phase.Key, out var number))
                {
                    items.Add(new Item(key, cipher.Reencrypt(key, phase.Next), FactId.Read(field.AsSpan(NumberPseudonym.FieldSize))));
                }
                else if (!cipher.TryDecrypt(key, out number))
                {
                    throw RedisFaults.Damaged();
                }
            }
        }

        long changed = 0;
        for (var round = 0; items.Count > 0; round++)
        {
            if (round == MaxRounds)
            {
                throw new StoreUnavailableException(StoreFault.Unreachable, "Too many writers changed the same facts; continue later.");
            }

            var places = items.GroupBy(item => item.Next.Partition(manifest.Partitions)).ToList();
            foreach (var place in places)
            {
                await ReadNextAsync(place.Key, [.. place], cancellation);
            }

            await ReadOldAsync(partition, items, cancellation);
            var again = new List<Item>();
            foreach (var place in places)
            {
                foreach (var batch in place.Where(item => item.Value is not null).Chunk(MaxBatch))
                {
                    changed += await SendAsync(place.Key, batch, again, cancellation);
                }
            }

            items = again;
        }

        return changed;
    }

    // Step 1 of the file's head.
    private async Task ReadNextAsync(int partition, Item[] items, CancellationToken cancellation)
    {
        var floor = partitions.Floor(partition);
        Task<RedisValue[]>? meta = null;
        var read = await link.WriteAsync(
            partition,
            async db =>
            {
                // Before the values.
                meta = db.HashGetAsync(
                    Keys.Meta(partition), ["e", "v", .. items.Select(item => (RedisValue)Keys.Erasures(item.Next.Bucket))], CommandFlags.DemandMaster);
                var values = items.Select(item => db.HashGetAsync(
                    Keys.Bucket(partition, item.Next.Bucket), Keys.Field(item.Next, item.Id), CommandFlags.DemandMaster)).ToArray();
                var claims = items.Select(item => item.Next.Bucket).Distinct().ToDictionary(
                    bucket => bucket, bucket => db.HashGetAllAsync(Keys.Claims(partition, bucket), CommandFlags.DemandMaster));
                var texts = claims.Keys.ToDictionary(
                    bucket => bucket, bucket => db.HashGetAllAsync(Keys.Details(partition, bucket), CommandFlags.DemandMaster));
                await meta;
                await Task.WhenAll([.. claims.Values, .. texts.Values]);
                return (
                    Values: await Task.WhenAll(values),
                    Claims: claims.ToDictionary(pair => pair.Key, pair => pair.Value.Result),
                    Texts: texts.ToDictionary(pair => pair.Key, pair => pair.Value.Result));
            },
            cancellation);
        partitions.Check(partition, _keys, (await meta!)[0], (await meta!)[1], floor);
        for (var i = 0; i < items.Length; i++)
        {
            items[i].Expected = (byte[]?)read.Values[i] ?? [];
            var erased = (await meta!)[i + 2];
            items[i].Erased = erased.IsNull ? "0" : erased;
            var field = Keys.Field(items[i].Next, items[i].Id);
            items[i].ExpectedClaims = ByEffectiveTime(read.Claims[items[i].Next.Bucket], field);
            items[i].ExpectedTexts = ByEffectiveTime(read.Texts[items[i].Next.Bucket], field);
        }
    }

    // Step 2.
    private async Task ReadOldAsync(int partition, List<Item> items, CancellationToken cancellation)
    {
        var floor = partitions.Floor(partition);
        var history = await feed.HistoryAsync(partition, cancellation);
        var buckets = items.Select(item => item.Old.Bucket).Distinct().ToArray();
        Task<RedisValue[]>? meta = null;
        var read = await link.WriteAsync(
            partition,
            async db =>
            {
                var reads = buckets.Select(bucket => (
                    Timelines: db.HashGetAllAsync(Keys.Bucket(partition, bucket), CommandFlags.DemandMaster),
                    Texts: db.HashGetAllAsync(Keys.Details(partition, bucket), CommandFlags.DemandMaster),
                    Claims: db.HashGetAllAsync(Keys.Claims(partition, bucket), CommandFlags.DemandMaster))).ToArray();
                // After the values: the store was still the same.
                meta = db.HashGetAsync(Keys.Meta(partition), ["e", "v"], CommandFlags.DemandMaster);
                await meta;
                var found = new Dictionary<int, (HashEntry[] Timelines, HashEntry[] Texts, HashEntry[] Claims)>();
                for (var i = 0; i < buckets.Length; i++)
                {
                    found.Add(buckets[i], (await reads[i].Timelines, await reads[i].Texts, await reads[i].Claims));
                }

                return found;
            },
            cancellation);
        partitions.Check(partition, _keys, (await meta!)[0], (await meta!)[1], floor);
        var now = fences.IsOn
            ? await fences.RaiseAsync(link.GetServer(partition), [partition], cancellation)
            : await feed.HistoryAsync(partition, cancellation);
        if (now != history)
        {
            throw RedisFaults.Changed();
        }

        foreach (var item in items)
        {
            var (timelines, texts, claims) = read[item.Old.Bucket];
            var field = Keys.Field(item.Old, item.Id);
            item.Value = null;
            foreach (var entry in timelines)
            {
                if (((byte[])entry.Name!).AsSpan().SequenceEqual(field))
                {
                    item.Value = entry.Value;
                }
            }

            item.Texts = ByEffectiveTime(texts, field);
            item.Claims = ByEffectiveTime(claims, field);
        }
    }

    // Step 3.
    private async Task<long> SendAsync(int partition, Item[] batch, List<Item> again, CancellationToken cancellation)
    {
        RedisResult[] answer;
        ulong floor;
        do
        {
            floor = partitions.Floor(partition);
            var generations = await RedisWriter.GenerationsAsync(link, partitions, partition, _keys.AcceptedEpochs, cancellation);
            var (names, arguments) = Arguments(partition, batch, generations);
            answer = await link.ScriptAsync(partition, Script.Copy, names, arguments, cancellation);
        }
        while (!partitions.TryProcessAnswer(partition, answer, floor, out _));

        long changed = 0;
        for (var i = 0; i < batch.Length; i++)
        {
            var result = (int)answer[i + 2];
            if (result < 0)
            {
                again.Add(batch[i]);
            }
            else
            {
                changed += result;
            }
        }

        return changed;
    }

    private (RedisKey[] Keys, RedisValue[] Arguments) Arguments(int partition, Item[] batch, FilterGenerations generations)
    {
        var names = new List<RedisKey> { Keys.Meta(partition), Keys.Feed(partition), Keys.Counts(partition) };
        RedisWriter.AddFilters(names, partition, generations);
        var arguments = new List<RedisValue>
        {
            _keys.AcceptedEpochs, generations.Text, link.Options.FeedLength, _channel, generations.All.Length,
        };
        foreach (var item in batch)
        {
            names.Add(Keys.Bucket(partition, item.Next.Bucket));
            arguments.Add(names.Count);
            arguments.Add(Keys.Field(item.Next, item.Id));
            arguments.Add(item.Expected);
            arguments.Add(item.Value);
            var times = item.Claims.Keys.Union(item.ExpectedClaims.Keys).ToArray();
            arguments.Add(item.Texts.Count + times.Length);
            arguments.Add(item.Erased);
            foreach (var generation in generations.All)
            {
                RedisWriter.AddBits(arguments, item.Next, item.Id, generation.Blocks);
            }

            if (item.Texts.Count > 0)
            {
                names.Add(Keys.Details(partition, item.Next.Bucket));
            }

            foreach (var (effective, text) in item.Texts)
            {
                arguments.Add(names.Count);
                arguments.Add(Keys.VersionField(item.Next, item.Id, effective));
                arguments.Add(item.ExpectedTexts.GetValueOrDefault(effective, RedisValue.EmptyString));
                arguments.Add(text);
            }

            if (times.Length > 0)
            {
                names.Add(Keys.Claims(partition, item.Next.Bucket));
            }

            foreach (var effective in times)
            {
                arguments.Add(names.Count);
                arguments.Add(Keys.VersionField(item.Next, item.Id, effective));
                arguments.Add(item.ExpectedClaims.GetValueOrDefault(effective, RedisValue.EmptyString));
                arguments.Add(item.Claims.GetValueOrDefault(effective, RedisValue.EmptyString));
            }
        }

        return ([.. names], [.. arguments]);
    }

    // The entries of one timeline by effective time.
    private static Dictionary<long, RedisValue> ByEffectiveTime(HashEntry[] entries, byte[] field)
    {
        var found = new Dictionary<long, RedisValue>();
        foreach (var entry in entries)
        {
            byte[] name = entry.Name!;
            if (name.Length == Keys.FieldSize + sizeof(long) && name.AsSpan().StartsWith(field))
            {
                found.Add(System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(name.AsSpan(Keys.FieldSize)), entry.Value);
            }
        }

        return found;
    }

    private sealed class Item(NumberPseudonym old, NumberPseudonym next, FactId id)
    {
        internal NumberPseudonym Old => old;

        internal NumberPseudonym Next => next;

        internal FactId Id => id;

        internal byte[] Expected { get; set; } = [];

        internal RedisValue Erased { get; set; }

        internal Dictionary<long, RedisValue> ExpectedClaims { get; set; } = [];

        internal Dictionary<long, RedisValue> ExpectedTexts { get; set; } = [];

        /// <summary>The value; null if the timeline no longer exists.</summary>
        internal byte[]? Value { get; set; }

        internal Dictionary<long, RedisValue> Texts { get; set; } = [];

        internal Dictionary<long, RedisValue> Claims { get; set; } = [];
    }
}
