// For: holding all blocks of a store in memory at the cost of what changed.
//
// Each write of blocks has a number and lists the blocks that it changed. A follower reads the lists after the last number that it has,
// and each listed block as it is now, in pages. So a change costs what it changed, and a first read that takes longer than one request
// may continues with the next. The texts count towards the sum in the registry's stamp: as long as the sum does not match, nothing
// is used.
using Lookup.Core.Blocks;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Registers;

/// <summary>The blocks up to a change. Immutable.</summary>
/// <param name="Upto">Number of the last change read.</param>
/// <param name="Sum">Their part of the sum of the registry.</param>
/// <param name="Blocks">The blocks.</param>
/// <param name="IsVerified">Whether a sum of the registry confirmed them, or an earlier state of them.</param>
internal sealed record BlockState(long Upto, long Sum, BlockSet Blocks, bool IsVerified)
{
    internal static readonly BlockState Nothing = new(0, 0, BlockSet.Empty, IsVerified: false);
}

/// <summary>Reads and writes blocks, in the slot of the manifest.</summary>
internal static class RedisBlocks
{
    // Blocks of one write, which is a script.
    private const int MaxBatch = 500;

    // Fields and texts of one page: a few hundred kilobytes.
    private const int PageValues = 8_000;

    private const int MaxRounds = 16;

    // Epoch, newest change, last change read.
    private const int Head = 3;

    /// <summary>Requests the changes after a state.</summary>
    internal static Task<RedisResult> RequestAsync(IDatabase db, BlockState state) => db.ScriptEvaluateAsync(
        Script.BlocksRead, [Keys.Manifest, Keys.Blocks, Keys.BlockChanges], [state.Upto + 1, PageValues], CommandFlags.DemandMaster);

    /// <summary>Applies the answer to <see cref="RequestAsync"/>.</summary>
    /// <param name="state">The state that was passed.</param>
    /// <param name="answer">The answer.</param>
    /// <param name="isCaughtUp">Whether it has the newest change.</param>
    /// <exception cref="StoreUnavailableException">A block is damaged, or a newer version wrote it.</exception>
    internal static BlockState Apply(BlockState state, RedisResult answer, out bool isCaughtUp)
    {
        var values = (RedisValue[])answer!;
        var (newest, upto) = ((long)values[1], (long)values[2]);
        isCaughtUp = upto >= newest;
        var sum = state.Sum;
        var changed = new Dictionary<string, NumberBlock>(StringComparer.Ordinal);
        for (var i = Head; i < values.Length; i += 2)
        {
            var (field, text) = ((string)values[i]!, (string)values[i + 1]!);
            // A write that was interrupted before it was acknowledged lists a block that it did not store.
            if (text.Length == 0)
            {
                continue;
            }

            if (!BlockFormat.TryRead(field, text, out var block))
            {
                throw RedisFaults.Damaged();
            }

            var before = changed.GetValueOrDefault(field) ?? state.Blocks.Find(block.Organisation, block.Range);
            sum = RegistryStamp.SumWith(sum, field, before is null ? "" : BlockFormat.Write(before), text);
            changed[field] = block;
        }

        return state with { Upto = upto, Sum = sum, Blocks = state.Blocks.With(changed.Values) };
    }

    /// <summary>Changes blocks, each if it is still as it was read.</summary>
    /// <returns>For each change whether it changed something.</returns>
    internal static async Task<bool[]> ChangeAsync(
        RedisTopology link, RedisValue epoch, IReadOnlyList<BlockChange> changes, CancellationToken cancellation)
    {
        var results = new bool[changes.Count];
        foreach (var batch in Enumerable.Range(0, changes.Count).GroupBy(i => BlockFormat.FieldOf(changes[i].Organisation, changes[i].Range), StringComparer.Ordinal).Chunk(MaxBatch))
        {
            var left = batch.Select(group => (Field: group.Key, Changes: group.ToArray())).ToList();
            for (var round = 0; left.Count > 0; round++)
            {
                if (round == MaxRounds)
                {
                    throw RedisFaults.Timeout();
                }

                left = await TryChangeAsync(link, epoch, changes, left, results, cancellation);
            }
        }

        return results;
    }

    // Returns the changes that another process overtook.
    private static async Task<List<(string Field, int[] Changes)>> TryChangeAsync(
        RedisTopology link, RedisValue epoch, IReadOnlyList<BlockChange> changes, List<(string Field, int[] Changes)> wanted, bool[] results, CancellationToken cancellation)
    {
        RedisValue[] fields = [.. wanted.Select(one => (RedisValue)one.Field)];
        var texts = await link.GlobalAsync(
            epoch, db => db.HashGetAsync(Keys.Blocks, fields, CommandFlags.DemandMaster), patient: true, cancellation);
        var sent = new List<(string Field, int[] Changes)>();
        List<RedisValue> arguments = [epoch, RegistryStamp.NewMark()];
        for (var i = 0; i < wanted.Count; i++)
        {
            var (field, own) = wanted[i];
            var first = changes[own[0]];
            var before = NumberBlock.Empty(first.Organisation, first.Range);
            if (!texts[i].IsNull && !BlockFormat.TryRead(field, texts[i]!, out before))
            {
                throw RedisFaults.Damaged();
            }

            var after = before;
            foreach (var index in own)
            {
                var next = changes[index].Change(after);
                results[index] = !ReferenceEquals(next, after);
                after = next;
            }

            if (!ReferenceEquals(after, before))
            {
                sent.Add(wanted[i]);
                arguments.AddRange([field, texts[i].IsNull ? "" : texts[i], BlockFormat.Write(after)]);
            }
        }

        if (sent.Count == 0)
        {
            return [];
        }

        var answer = await link.ScriptAsync(
            Keys.Shared, Script.Blocks, [Keys.Manifest, Keys.Blocks, Keys.BlockChanges, .. RegistryStamp.Hashes], [.. arguments], cancellation);
        RedisFaults.ThrowIfOtherEpoch(answer);
        return [.. sent.Where((_, i) => (int)answer[i + 1] == 0)];
    }
}
