using System.Buffers.Binary;
using System.Text;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Writing;

/// <summary>
/// Writes facts. The client merges, and the script compares and sets, so there is one implementation of merging. A timeline is
/// first sent as if it were new; if there is one already, the script returns it, and the merged value is sent again.
/// </summary>
internal sealed class RedisWriter(
    RedisTopology link, StoreManifest manifest, PartitionStates partitions, RedisNames names)
{
    /// <summary>Timelines per script call; takes the server about a millisecond.</summary>
    internal const int MaxBatch = 256;

    /// <summary>Concurrent script calls for one batch of facts.</summary>
    private const int MaxCalls = 16;

    // A round fails only if another writer wins the race for the same timeline.
    private const int MaxRounds = 64;

    private readonly RedisValue _channel = ChangeNotifier.ChannelOf(link, manifest);

    /// <param name="facts">The facts.</param>
    /// <param name="acceptedEpochs">
    /// The accepted epochs of partitions: those of the key rotation phase in which the facts' pseudonyms were made.
    /// </param>
    /// <param name="cancellation">Ends the wait.</param>
    internal async Task<WriteResult> WriteAsync(IReadOnlyList<StoredFact> facts, RedisValue acceptedEpochs, CancellationToken cancellation)
    {
        var outcomes = new WriteOutcome[facts.Count];
        var versions = new ulong[partitions.Count];
        var marks = new uint[partitions.Count];
        await names.RegisterAsync(facts, outcomes, cancellation);
        var pending = Group(facts, outcomes);
        for (var round = 0; pending.Count > 0; round++)
        {
            if (round == MaxRounds)
            {
                throw new StoreUnavailableException(StoreFault.Unreachable, "Too many writers changed the same facts; send them again.");
            }

            pending = await RoundAsync(pending, cancellation);
        }

        return new WriteResult(outcomes, ConsistencyToken.Of(manifest.Epoch, versions, marks));

        async Task<List<PendingTimeline>> RoundAsync(List<PendingTimeline> all, CancellationToken cancellation)
        {
            using var places = new SemaphoreSlim(MaxCalls);
            var calls = new List<Task<List<PendingTimeline>>>();
            foreach (var group in all.GroupBy(p => p.Key.Partition(partitions.Count)))
            {
                foreach (var chunk in group.Chunk(MaxBatch))
                {
                    await places.WaitAsync(cancellation);
                    calls.Add(SendAsync(group.Key, chunk, acceptedEpochs, outcomes, versions, marks, places, cancellation));
                }
            }

            return [.. (await Task.WhenAll(calls)).SelectMany(left => left)];
        }
    }

    /// <summary>See <see cref="IFactWriter.TryReplaceAsync"/>.</summary>
    internal async Task<ConsistencyToken?> TryReplaceAsync(IReadOnlyList<TimelineChange> changes, RedisValue acceptedEpochs, CancellationToken cancellation)
    {
        var outcomes = new WriteOutcome[changes.Count];
        await names.RegisterAsync([.. changes.Select(c => c.Fact)], outcomes, cancellation);
        if (Array.Exists(outcomes, o => o != WriteOutcome.None))
        {
            throw new NameCollisionException();
        }

        PendingTimeline[] pending = [.. changes.Select(c => new PendingTimeline(c))];
        var partition = changes[0].Fact.Key.Partition(partitions.Count);
        for (var round = 0; round < MaxRounds; round++)
        {
            var floor = partitions.Floor(partition);
            var generations = await GenerationsAsync(link, partitions, partition, acceptedEpochs, cancellation);
            var (keys, arguments) = Arguments(partition, pending, acceptedEpochs, generations, isWhole: true);
            var answer = await link.ScriptAsync(partition, Script.Write, keys, arguments, cancellation);
            if ((int)answer[0] == Script.NotAsExpected)
            {
                return null;
            }

            if (partitions.TryProcessAnswer(partition, answer, floor, out var version))
            {
                return ConsistencyToken.Of(manifest.Epoch, partition, version, RecordLastChange(partition, version, pending, answer));
            }
        }

        throw RedisFaults.Timeout();
    }

    internal async Task<EraseResult> EraseAsync(StoredFact suppression, RedisValue acceptedEpochs, CancellationToken cancellation)
    {
        var key = suppression.Key;
        var outcome = new WriteOutcome[1];
        await names.RegisterAsync([suppression], outcome, cancellation);
        var partition = key.Partition(partitions.Count);
        var detail = suppression.Detail;
        // What is removed may have forbidden calls before this moment, and a decision for an earlier moment (a call in progress,
        // a slow clock) must not find the number free. So the suppression is in effect at all times.
        var kind = suppression.Id.Kind;
        var stays = Timeline.Merge(
            kind, Timeline.Single(kind, suppression.Entry), Timeline.Single(kind, suppression.Entry with { Effective = 0 }));
        for (var round = 0; round < MaxRounds; round++)
        {
            var floor = partitions.Floor(partition);
            var generations = await GenerationsAsync(link, partitions, partition, acceptedEpochs, cancellation);
            var keys = new List<RedisKey>
            {
                Keys.Meta(partition), Keys.Feed(partition), Keys.Counts(partition), Keys.Bucket(partition, key.Bucket),
                Keys.Details(partition, key.Bucket), Keys.Claims(partition, key.Bucket),
            };
            AddFilters(keys, partition, generations);
            var arguments = new List<RedisValue>
            {
                acceptedEpochs,
                generations.Text,
                _channel,
                Keys.Prefix(key),
                Keys.Field(key, suppression.Id),
                stays,
                detail is null ? "" : Keys.VersionField(key, suppression.Id, suppression.Entry.Effective),
                detail ?? "",
            };
            foreach (var generation in generations.All)
            {
                AddBits(arguments, key, suppression.Id, generation.Blocks);
            }

            var answer = await link.ScriptAsync(partition, Script.Erase, [.. keys], [.. arguments], cancellation);
            if (!partitions.TryProcessAnswer(partition, answer, floor, out var version))
            {
                continue;
            }

            byte[] last = (byte[])answer[3]!;
            var mark = ChangeMark.Of(NumberPseudonym.FromField(key.Bucket, last), FactId.Read(last.AsSpan(NumberPseudonym.FieldSize)), (byte[])answer[4]!);
            partitions.RecordChange(partition, version, mark);
            return new EraseResult((int)answer[2], ConsistencyToken.Of(manifest.Epoch, partition, version, mark));
        }

        throw RedisFaults.Timeout();
    }

    // The last timeline that a script stored is the change with the version that it returns.
    private uint RecordLastChange(int partition, ulong version, PendingTimeline[] batch, RedisResult[] answer)
    {
        var last = Array.FindLastIndex(answer, result => result.Resp2Type == ResultType.Integer && (int)result == 1) - 2;
        if (last < 0)
        {
            return partitions.History(partition).MarkOf(version);
        }

        var mark = ChangeMark.Of(batch[last].Key, batch[last].Id, batch[last].Value);
        partitions.RecordChange(partition, version, mark);
        return mark;
    }

    private static List<PendingTimeline> Group(IReadOnlyList<StoredFact> facts, WriteOutcome[] outcomes)
    {
        var pending = new Dictionary<(NumberPseudonym, FactId), PendingTimeline>(facts.Count);
        for (var i = 0; i < facts.Count; i++)
        {
            if (outcomes[i] != WriteOutcome.None)
            {
                continue;
            }

            var fact = facts[i];
            if (!pending.TryGetValue((fact.Key, fact.Id), out var timeline))
            {
                pending.Add((fact.Key, fact.Id), timeline = new PendingTimeline(fact.Key, fact.Id));
            }

            timeline.Add(i, fact);
        }

        foreach (var timeline in pending.Values)
        {
            timeline.Merge();
        }

        return [.. pending.Values];
    }

    private async Task<List<PendingTimeline>> SendAsync(
        int partition,
        PendingTimeline[] batch,
        RedisValue acceptedEpochs,
        WriteOutcome[] outcomes,
        ulong[] versions,
        uint[] marks,
        SemaphoreSlim places,
        CancellationToken cancellation)
    {
        try
        {
            var floor = partitions.Floor(partition);
            var generations = await GenerationsAsync(link, partitions, partition, acceptedEpochs, cancellation);
            var (keys, arguments) = Arguments(partition, batch, acceptedEpochs, generations, isWhole: false);
            var answer = await link.ScriptAsync(partition, Script.Write, keys, arguments, cancellation);
            if (!partitions.TryProcessAnswer(partition, answer, floor, out var version))
            {
                return [.. batch];
            }

            var there = new List<(PendingTimeline Timeline, byte[] Stored)>();
            for (var i = 0; i < batch.Length; i++)
            {
                var result = answer[i + 2];
                if (result.Resp2Type == ResultType.Integer)
                {
                    batch[i].Finish((int)result == 1, outcomes);
                }
                else
                {
                    there.Add((batch[i], (byte[])result!));
                }
            }

            var mark = RecordLastChange(partition, version, batch, answer);
            lock (versions)
            {
                if (version >= versions[partition])
                {
                    (versions[partition], marks[partition]) = (version, mark);
                }
            }

            return await MergeAsync(partition, there, outcomes, cancellation);
        }
        catch (InvalidDataException e)
        {
            throw RedisFaults.Damaged(e);
        }
        finally
        {
            places.Release();
        }
    }

    // Merges with the stored values; returns what must be sent again.
    private async Task<List<PendingTimeline>> MergeAsync(
        int partition, List<(PendingTimeline Timeline, byte[] Stored)> there, WriteOutcome[] outcomes, CancellationToken cancellation)
    {
        var left = new List<PendingTimeline>();
        var needed = there.ConvertAll(pair => pair.Timeline.ClaimsNeeded(pair.Stored));
        var claims = new Dictionary<long, byte[]>[there.Count];
        if (needed.Exists(times => times.Count > 0))
        {
            claims = await FieldsAsync(partition, Keys.Claims, there.ConvertAll(pair => pair.Timeline), needed, cancellation);
        }

        var texts = new Dictionary<long, string>[there.Count];
        needed = there.ConvertAll(pair => pair.Timeline.TextsNeeded(pair.Stored));
        if (needed.Exists(times => times.Count > 0))
        {
            var read = await FieldsAsync(partition, Keys.Details, there.ConvertAll(pair => pair.Timeline), needed, cancellation);
            texts = Array.ConvertAll(read, fields => fields.ToDictionary(field => field.Key, field => Encoding.UTF8.GetString(field.Value)));
        }

        for (var i = 0; i < there.Count; i++)
        {
            var (timeline, stored) = there[i];
            if (timeline.MergeWith(stored, claims[i] ?? [], texts[i] ?? []))
            {
                left.Add(timeline);
            }
            else
            {
                timeline.Finish(stored: false, outcomes);
            }
        }

        return left;
    }

    // Reads the claims or texts of versions, by effective time.
    private Task<Dictionary<long, byte[]>[]> FieldsAsync(
        int partition, Func<int, int, RedisKey> hash, List<PendingTimeline> timelines, List<IReadOnlyList<long>> needed, CancellationToken cancellation) =>
        link.WriteAsync(
            partition,
            db => Task.WhenAll(timelines.Select(async (timeline, i) =>
            {
                var found = new Dictionary<long, byte[]>();
                if (needed[i].Count == 0)
                {
                    return found;
                }

                var values = await db.HashGetAsync(
                    hash(partition, timeline.Key.Bucket),
                    [.. needed[i].Select(at => (RedisValue)Keys.VersionField(timeline.Key, timeline.Id, at))],
                    CommandFlags.DemandMaster);
                for (var k = 0; k < values.Length; k++)
                {
                    if (!values[k].IsNull)
                    {
                        found.Add(needed[i][k], values[k]!);
                    }
                }

                return found;
            })),
            cancellation);

    private (RedisKey[] Keys, RedisValue[] Arguments) Arguments(
        int partition, PendingTimeline[] batch, RedisValue acceptedEpochs, FilterGenerations generations, bool isWhole)
    {
        var keys = new List<RedisKey> { Keys.Meta(partition), Keys.Feed(partition), Keys.Counts(partition) };
        AddFilters(keys, partition, generations);
        var buckets = new Dictionary<int, int>();
        var arguments = new List<RedisValue>(6 + (batch.Length * (6 + (9 * generations.All.Length))))
        {
            acceptedEpochs, generations.Text, link.Options.FeedLength, _channel, generations.All.Length, isWhole ? 1 : 0,
        };
        foreach (var timeline in batch)
        {
            var bucket = timeline.Key.Bucket;
            if (!buckets.TryGetValue(bucket, out var index))
            {
                keys.Add(Keys.Bucket(partition, bucket));
                buckets.Add(bucket, index = keys.Count);
            }

            arguments.Add(index);
            arguments.Add(Keys.Field(timeline.Key, timeline.Id));
            arguments.Add(timeline.Expected);
            arguments.Add(timeline.Value);
            arguments.Add(timeline.Details.Count);
            arguments.Add(timeline.Claims.Count + timeline.ChangedTexts.Count);
            foreach (var generation in generations.All)
            {
                AddBits(arguments, timeline.Key, timeline.Id, generation.Blocks);
            }

            if (timeline.Details.Count > 0)
            {
                // The script finds it by position; the details and claims of one bucket may be listed more than once.
                keys.Add(Keys.Details(partition, bucket));
                foreach (var (effective, text) in timeline.Details)
                {
                    arguments.Add(keys.Count);
                    arguments.Add(Keys.VersionField(timeline.Key, timeline.Id, effective));
                    arguments.Add(text);
                }
            }

            if (timeline.Claims.Count > 0)
            {
                keys.Add(Keys.Claims(partition, bucket));
                foreach (var claim in timeline.Claims)
                {
                    arguments.Add(keys.Count);
                    arguments.Add(Keys.VersionField(timeline.Key, timeline.Id, claim.Effective));
                    arguments.Add(claim.Before);
                    arguments.Add(claim.After);
                }
            }

            // Like a claim, a text of a version on record is compared and set.
            if (timeline.ChangedTexts.Count > 0)
            {
                keys.Add(Keys.Details(partition, bucket));
                foreach (var (effective, before, after) in timeline.ChangedTexts)
                {
                    arguments.Add(keys.Count);
                    arguments.Add(Keys.VersionField(timeline.Key, timeline.Id, effective));
                    arguments.Add(before);
                    arguments.Add(after);
                }
            }
        }

        return ([.. keys], [.. arguments]);
    }

    /// <summary>Adds the keys of the filters in the order that the scripts expect.</summary>
    internal static void AddFilters(List<RedisKey> keys, int partition, FilterGenerations generations)
    {
        foreach (var generation in generations.All)
        {
            keys.Add(Keys.Filter(partition, generation.Number));
            keys.Add(Keys.Sums(partition, generation.Number));
        }
    }

    /// <summary>Adds the bits of a fact in the form that the scripts expect: eight offsets, and their weights in one string.</summary>
    internal static void AddBits(List<RedisValue> arguments, NumberPseudonym key, FactId id, int blocks)
    {
        Span<byte> offsets = stackalloc byte[BlockFilter.BitsPerProbe];
        BlockFilter.Bits(key, id, blocks, out var block, offsets);
        var weights = new byte[BlockFilter.BitsPerProbe * sizeof(uint)];
        for (var i = 0; i < offsets.Length; i++)
        {
            var bit = (block * (8L * BlockFilter.BlockSize)) + offsets[i];
            arguments.Add(bit);
            BinaryPrimitives.WriteUInt32LittleEndian(weights.AsSpan(i * sizeof(uint)), FilterSums.WeightOf(bit));
        }

        arguments.Add(weights);
    }

    /// <summary>
    /// Returns the filter generations in which writes must set bits: the known ones, or those of the partition, which must have
    /// an accepted epoch.
    /// </summary>
    internal static async ValueTask<FilterGenerations> GenerationsAsync(
        RedisTopology link, PartitionStates partitions, int partition, RedisValue acceptedEpochs, CancellationToken cancellation)
    {
        if (partitions.Generations(partition) is { } known)
        {
            return known;
        }

        var meta = await link.WriteAsync(
            partition, db => db.HashGetAsync(Keys.Meta(partition), ["e", "g"], CommandFlags.DemandMaster), cancellation);
        if (meta[0].IsNull || !((string)acceptedEpochs!).Contains($",{meta[0]},", StringComparison.Ordinal))
        {
            throw RedisFaults.Epoch(meta[0]);
        }

        if (meta[1].IsNull)
        {
            throw RedisFaults.Damaged();
        }

        var generations = FilterGenerations.Parse(meta[1]!);
        partitions.SetGenerations(partition, generations);
        return generations;
    }
}
