// For: a new filter for a partition while the store is read and written: larger, and without the bits of what was erased.
//
// 1 A second generation is named in meta, empty. The write script compares the generations that its caller knows with
//   meta, so every write from that moment on sets its bits in both.
// 2 All buckets are read. A timeline that was stored before 1 is there to be found, unless it was removed since; one
//   stored after 1 has its bits already.
// 3 The bits of what was found are put into the new filter piece by piece, each by compare and set against writers.
// 4 Meta names the new generation alone. Followers see it at their next poll, and answer from what they have until the new
//   filter is loaded: the feed keeps that right, too.
//
// Whatever stops it, the first generation answers and is complete, for writers never stopped to set bits in it. Numbers of
// generations are given out once, and every script compares the generations with its own: a builder that was asleep while
// another took over changes nothing any more. A server that failed over may have lost the last steps; so each step must
// find the one before it, and the last step all of them. Reads in 2 are compared with the partition's version as all
// others are: a store that went back is refused.
using System.Runtime.InteropServices;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

/// <summary>Builds the filter of one partition. The caller holds the place of the builder.</summary>
internal sealed class FilterBuild(
    RedisTopology link,
    PartitionStates partitions,
    RedisFeed feed,
    KeyRotationState keys,
    int partition,
    RebuildOptions options,
    Action<double> progress)
{
    /// <summary>Older generations that are looked for; each build removes those before it.</summary>
    private const int MaxLeft = 16;

    /// <summary>Share of the work that reading is, for the progress.</summary>
    private const double ReadShare = 0.9;

    private static readonly TimeSpan GiveUpLimit = TimeSpan.FromSeconds(5);

    // Who loads the old filter at this moment should get to its end; if not, it loads the new one.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private static readonly RedisValue[] MetaFields = ["e", "v", "g", "n", "l", "t"];

    private readonly RedisKey _meta = Keys.Meta(partition);

    /// <summary>What a partition says of its filters.</summary>
    internal static async Task<(PartitionFilter Filter, FilterGenerations Generations, int Last)> ReadAsync(
        RedisTopology link, PartitionStates partitions, KeyRotationState keys, int partition, CancellationToken cancellation)
    {
        var floor = partitions.FloorToExamine(partition);
        var meta = await link.WriteAsync(
            partition,
            db => db.HashGetAsync(Keys.Meta(partition), MetaFields, CommandFlags.DemandMaster), cancellation);
        partitions.Check(partition, keys, meta[0], meta[1], floor);
        if (meta[2].IsNull || !meta[3].TryParse(out long facts))
        {
            throw RedisFaults.Damaged();
        }

        var generations = FilterGenerations.Parse(meta[2]!);
        var last = Math.Max(meta[4].TryParse(out int given) ? given : 0, generations.All.Max(g => g.Number));
        return (PartitionFilter.Of(partition, generations, facts, meta[5]), generations, last);
    }

    internal async Task<PartitionFilter> RunAsync(CancellationToken cancellation)
    {
        var counts = new BucketCounts(link, partitions, keys, partition);
        if (options.AcceptLoss || !await counts.AreKeptAsync(cancellation))
        {
            await counts.CountAsync(options.AcceptLoss, options.WorkShare, cancellation);
        }

        var (old, before, last) = await ReadAsync(link, partitions, keys, partition, cancellation);
        var fresh = new FilterGeneration(last + 1, options.BlocksFor(old.Facts, old.Blocks));
        var kept = before.All[0];
        // What a builder that died left behind is dropped with the same step.
        var both = FilterGenerations.Of(kept, fresh);
        try
        {
            var history = await feed.HistoryAsync(partition, cancellation);
            await ScriptAsync(
                Script.FilterBegin,
                [_meta, Keys.Filter(partition, fresh.Number), Keys.Sums(partition, fresh.Number)],
                [keys.Taken, before.Text, both.Text, fresh.Number, (fresh.Blocks * (long)BlockFilter.BlockSize) - 1],
                cancellation);
            partitions.SetGenerations(partition, both);
            await RemoveAsync(both, last, cancellation);
            var filter = await new FilterScan(link, partitions, keys, partition, options.WorkShare).RunAsync(
                fresh.Blocks, first => progress(ReadShare * first / NumberPseudonym.Buckets), cancellation);
            var steps = await StoreAsync(filter, both, fresh.Number, cancellation);
            if (await feed.HistoryAsync(partition, cancellation) != history)
            {
                throw RedisFaults.Overtaken();
            }

            var alone = FilterGenerations.Of(fresh);
            await ScriptAsync(
                Script.FilterEnd,
                [_meta],
                [keys.Taken, both.Text, steps, alone.Text, link.Clock.GetUtcNow().ToUnixTimeMilliseconds(), Keys.SumsField(kept.Number)],
                cancellation);
            partitions.SetGenerations(partition, alone);
            progress(1);
            await Task.Delay(Grace, link.Clock, cancellation);
            await RemoveAsync(alone, fresh.Number, cancellation);
        }
        catch
        {
            await GiveUpAsync(both, kept, fresh.Number);
            throw;
        }

        return (await ReadAsync(link, partitions, keys, partition, cancellation)).Filter;
    }

    /// <summary>Puts the bits into the stored filter; returns the steps that took.</summary>
    private async Task<long> StoreAsync(BlockFilter filter, FilterGenerations both, int number, CancellationToken cancellation)
    {
        var key = Keys.Filter(partition, number);
        long steps = 0;
        for (var start = 0; start < filter.Bytes.Length; start += FilterSums.PieceSize)
        {
            var begin = link.Clock.GetTimestamp();
            var (from, length) = (start, Math.Min(FilterSums.PieceSize, filter.Bytes.Length - start));
            byte[]? there = await link.WriteAsync(
                partition,
                db => db.StringGetRangeAsync(key, from, from + length - 1, CommandFlags.DemandMaster), cancellation);
            for (var done = false; !done;)
            {
                // Another builder removes what it finds half built.
                if (there?.Length != length)
                {
                    throw RedisFaults.Overtaken();
                }

                var (piece, fresh) = (start / FilterSums.PieceSize, Or(filter.Bytes.Slice(start, length), there));
                var answer = await ScriptAsync(
                    Script.FilterPiece,
                    [_meta, key, Keys.Sums(partition, number)],
                    [keys.Taken, both.Text, steps, start, there, fresh, piece, FilterSums.Compute(fresh, piece)],
                    cancellation);
                done = (int)answer[1] == 1;
                there = done ? there : (byte[]?)answer[2];
            }

            steps++;
            progress(ReadShare + ((1 - ReadShare) * start / filter.Bytes.Length));
            await FilterScan.RestAsync(link.Clock, begin, options.WorkShare, cancellation);
        }

        return steps;
    }

    private static byte[] Or(ReadOnlySpan<byte> bits, byte[] there)
    {
        var both = (byte[])there.Clone();
        var words = MemoryMarshal.Cast<byte, ulong>(both.AsSpan());
        var others = MemoryMarshal.Cast<byte, ulong>(bits);
        for (var i = 0; i < words.Length; i++)
        {
            words[i] |= others[i];
        }

        return both;
    }

    private async Task<RedisResult[]> ScriptAsync(string script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellation)
    {
        var answer = await link.ScriptAsync(partition, script, keys, arguments, cancellation);
        return (int)answer[0] switch
        {
            Script.OtherEpoch => throw RedisFaults.Epoch(answer.Length > 1 ? (RedisValue)answer[1] : RedisValue.Null),
            Script.OtherGenerations => throw RedisFaults.Overtaken(),
            _ => answer,
        };
    }

    private async Task RemoveAsync(FilterGenerations kept, int last, CancellationToken cancellation)
    {
        RedisKey[] left =
        [
            .. Enumerable.Range(Math.Max(1, last - MaxLeft), Math.Min(last, MaxLeft + 1))
                .Where(number => kept.All.All(g => g.Number != number))
                .SelectMany(number => (RedisKey[])[Keys.Filter(partition, number), Keys.Sums(partition, number)]),
        ];
        if (left.Length > 0)
        {
            await link.WriteAsync(partition, db => db.KeyDeleteAsync(left), cancellation);
        }
    }

    // Writers need not go on to set bits in a filter that nobody finishes. Where this fails, the next build does it.
    private async Task GiveUpAsync(FilterGenerations both, FilterGeneration kept, int number)
    {
        using var limit = new CancellationTokenSource(GiveUpLimit, link.Clock);
        try
        {
            var alone = FilterGenerations.Of(kept);
            await ScriptAsync(Script.FilterEnd, [_meta], [keys.Taken, both.Text, "", alone.Text, "", Keys.SumsField(number)], limit.Token);
            partitions.SetGenerations(partition, alone);
            await link.WriteAsync(
                partition, db => db.KeyDeleteAsync([Keys.Filter(partition, number), Keys.Sums(partition, number)]), limit.Token);
        }
        catch (Exception e) when (e is StoreUnavailableException or OperationCanceledException)
        {
            // What stopped the build is what is told.
        }
    }
}
