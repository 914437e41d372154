// For: building a new filter for a partition while the store is read and written: larger, and without the bits of erased facts.
//
// 1 Meta names a second generation, which is empty. The write script compares the generations that its caller knows with meta,
//   so every write from that moment on sets its bits in both.
// 2 The builder reads all buckets. It finds every timeline that was stored before 1 unless it was removed since; the bits of
//   one stored after 1 are set already.
// 3 The builder sets the bits of what it found in the new filter piece by piece, each by compare and set against writers.
// 4 Meta names the new generation alone. Followers see it at their next poll, and use their current filter, which the feed keeps
//   up to date, until the new one is loaded.
//
// Whatever stops the build, the first generation stays active and complete, because writers never stopped setting bits in it.
// Generation numbers are assigned once, and every script compares the generations with its own: a builder that was suspended
// while another took over changes nothing any more. A server that failed over may have lost the last steps; so each step
// requires the one before it, and the last step all of them. Reads in 2 are compared with the partition's version like all
// others: a store that was rolled back is rejected.
using System.Runtime.InteropServices;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

/// <summary>Builds the filter of one partition. The caller holds the builder lock.</summary>
internal sealed class FilterBuild(
    RedisTopology link,
    PartitionStates partitions,
    RedisFeed feed,
    KeyRotationState keys,
    int partition,
    RebuildOptions options,
    Action<double> progress)
{
    /// <summary>Number of older generations to look for; each build removes the ones before it.</summary>
    private const int MaxLeft = 16;

    /// <summary>Reading's share of the work, for the progress.</summary>
    private const double ReadShare = 0.9;

    private static readonly TimeSpan GiveUpLimit = TimeSpan.FromSeconds(5);

    // Lets a load of the old filter finish; one that does not finish loads the new filter.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private static readonly RedisValue[] MetaFields = ["e", "v", "g", "n", "l", "t"];

    private readonly RedisKey _meta = Keys.Meta(partition);

    /// <summary>Reads the state of a partition's filters.</summary>
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
        return (PartitionFilter.FromMeta(partition, generations, facts, meta[5]), generations, last);
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
        // The same step drops what a crashed builder left.
        var both = FilterGenerations.Create(kept, fresh);
        try
        {
            var history = await feed.HistoryAsync(partition, cancellation);
            await ScriptAsync(
                Script.FilterBegin,
                [_meta, Keys.Filter(partition, fresh.Number), Keys.Sums(partition, fresh.Number)],
                [keys.AcceptedEpochs, before.Text, both.Text, fresh.Number, (fresh.Blocks * (long)BlockFilter.BlockSize) - 1],
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

            var alone = FilterGenerations.Create(fresh);
            await ScriptAsync(
                Script.FilterEnd,
                [_meta],
                [keys.AcceptedEpochs, both.Text, steps, alone.Text, link.Clock.GetUtcNow().ToUnixTimeMilliseconds(), Keys.SumsField(kept.Number)],
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

    /// <summary>Sets the bits in the stored filter; returns the number of steps.</summary>
    private async Task<long> StoreAsync(BlockFilter filter, FilterGenerations both, int number, CancellationToken cancellation)
    {
        var key = Keys.Filter(partition, number);
        long steps = 0;
        for (var start = 0; start < filter.Bytes.Length; start += FilterSums.PieceSize)
        {
            var started = link.Clock.GetTimestamp();
            var (from, length) = (start, Math.Min(FilterSums.PieceSize, filter.Bytes.Length - start));
            byte[]? there = await link.WriteAsync(
                partition,
                db => db.StringGetRangeAsync(key, from, from + length - 1, CommandFlags.DemandMaster), cancellation);
            for (var done = false; !done;)
            {
                // Another builder removes a half-built filter.
                if (there?.Length != length)
                {
                    throw RedisFaults.Overtaken();
                }

                var (piece, fresh) = (start / FilterSums.PieceSize, Or(filter.Bytes.Slice(start, length), there));
                var answer = await ScriptAsync(
                    Script.FilterPiece,
                    [_meta, key, Keys.Sums(partition, number)],
                    [keys.AcceptedEpochs, both.Text, steps, start, there, fresh, piece, FilterSums.Compute(fresh, piece)],
                    cancellation);
                done = (int)answer[1] == 1;
                there = done ? there : (byte[]?)answer[2];
            }

            steps++;
            progress(ReadShare + ((1 - ReadShare) * start / filter.Bytes.Length));
            await FilterScan.PauseAsync(link.Clock, started, options.WorkShare, cancellation);
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

    // Lets writers stop setting bits in an unfinished filter. If this fails, the next build does it.
    private async Task GiveUpAsync(FilterGenerations both, FilterGeneration kept, int number)
    {
        using var limit = new CancellationTokenSource(GiveUpLimit, link.Clock);
        try
        {
            var alone = FilterGenerations.Create(kept);
            await ScriptAsync(Script.FilterEnd, [_meta], [keys.AcceptedEpochs, both.Text, "", alone.Text, "", Keys.SumsField(number)], limit.Token);
            partitions.SetGenerations(partition, alone);
            await link.WriteAsync(
                partition, db => db.KeyDeleteAsync([Keys.Filter(partition, number), Keys.Sums(partition, number)]), limit.Token);
        }
        catch (Exception e) when (e is StoreUnavailableException or OperationCanceledException)
        {
            // The caller gets the exception that stopped the build.
        }
    }
}
