using CsCheck;
using Lookup.Core.Blocks;

namespace Lookup.Tests.Blocks;

/// <summary>Lookups agree with a scan over all blocks; CsCheck prints the seed of a failure.</summary>
public sealed class BlockTableTests
{
    private const int Numbers = 2_500;
    private const int Times = 60;

    private static readonly Gen<BlockRange> Range = Gen.Frequency(
        (4, Gen.Select(Gen.ULong[1_000, 1_000 + Numbers], Gen.ULong[0, 400]).Select((first, more) => new BlockRange(first, first + more, IsPrefix: false))),
        (1, Gen.ULong[1, 250].Select(prefix => new BlockRange(prefix, prefix, IsPrefix: true))));

    private static readonly Gen<BlockEntry> Entry = Gen.Select(Gen.Long[0, Times], Gen.Long[1, Times], Gen.Bool, Gen.Long[0, 2 * Times], Gen.UInt[1, 9]).Select(
        (from, lasts, isOpen, removed, source) => new BlockEntry
        {
            From = from,
            Until = isOpen ? BlockEntry.Open : from + lasts,
            Source = source,
            Removal = removed <= Times ? new BlockRemoval(removed, 0, 2, "") : null,
        });

    private static readonly Gen<NumberBlock[]> Blocks = Gen.Select(Range, Entry.Array[1, 4])
        .Select((range, entries) => entries.Aggregate(NumberBlock.Empty("acme", range), (block, entry) => block.With(entry)))
        .Array[0, 60];

    private static readonly Gen<(ulong Number, long At, bool IsNamed)> Asked = Gen.Select(Gen.ULong[900, 1_200 + Numbers], Gen.Long[-1, Times + 2], Gen.Bool);

    [Fact]
    public void Find_AgreesWithAScan() => Gen.Select(Blocks, Asked.Array[50]).Sample((blocks, asked) =>
    {
        var table = new BlockTable(blocks);
        foreach (var (number, at, isNamed) in asked)
        {
            var wanted = blocks.Any(block => IsOver(block.Range, number) && Forbids(block, at, isNamed));
            var found = table.Find(number, at, isNamed);
            Assert.Equal(wanted, found is not null);
            Assert.True(found is null || (IsOver(found.Range, number) && Forbids(found, at, isNamed)));
            var all = new List<NumberBlock>();
            table.AddAll(number, all);
            Assert.Equal(blocks.Count(block => IsOver(block.Range, number)), all.Count);
            Assert.All(all, block => Assert.True(IsOver(block.Range, number)));
        }
    });

    [Fact]
    public void Format_ReadsWhatItWrote() => Blocks.Sample(blocks =>
    {
        foreach (var block in blocks)
        {
            var text = BlockFormat.Write(block);
            Assert.True(BlockFormat.TryRead(BlockFormat.FieldOf(block.Organisation, block.Range), text, out var read));
            Assert.Equal(block.Organisation, read.Organisation);
            Assert.Equal(block.Range, read.Range);
            Assert.Equal(block.Entries, read.Entries);
            Assert.Equal(text, BlockFormat.Write(read));
        }
    });

    [Fact]
    public void Set_ChangedStepByStep_AgreesWithOneBuiltAtOnce() => Gen.Select(Blocks, Gen.Int[0, 2].Select(i => i == 0 ? "*" : i == 1 ? "acme" : "other"), Asked.Array[20]).Sample((blocks, name, asked) =>
    {
        // The last of several blocks with the same range counts.
        var named = blocks.Select((block, i) => new NumberBlock(i % 3 == 0 ? "*" : i % 3 == 1 ? "acme" : "other", block.Range, [.. block.Entries])).ToArray();
        var steps = BlockSet.Empty;
        foreach (var part in named.Chunk(7))
        {
            steps = steps.With(part);
            steps.Prepare();
        }

        var whole = named.GroupBy(block => (block.Organisation, block.Range)).Select(group => group.Last()).ToArray();
        Assert.Equal(whole.Length, steps.Count);
        foreach (var (number, at, isNamed) in asked)
        {
            var wanted = whole.Any(block => (block.Organisation == "*" || block.Organisation == name) && IsOver(block.Range, number) && Forbids(block, at, isNamed));
            Assert.Equal(wanted, steps.For(name)?.Find(number, at, isNamed) is not null);
            Assert.Equal(whole.Count(block => IsOver(block.Range, number)), steps.Over(number).Count);
        }
    });

    // Many organisations make the tables of a set take long.
    [Fact]
    public async Task Set_PreparedByManyAtOnce_IsCompleteForEach()
    {
        var range = new BlockRange(13_130_000_000, 13_139_999_999, IsPrefix: false);
        NumberBlock[] blocks = [.. Enumerable.Range(0, 3_000).Select(i => new NumberBlock($"org-{i}", range, [new BlockEntry { From = 0 }]))];
        for (var round = 0; round < 10; round++)
        {
            var set = BlockSet.Empty.With(blocks);
            using var start = new Barrier(4);
            var threads = Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(
                () =>
                {
                    start.SignalAndWait();
                    set.Prepare();
                    return set.For("org-2999")?.Find(range.First, 1, isTimeNamed: false);
                },
                TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
            Assert.All(await Task.WhenAll(threads), Assert.NotNull);
        }
    }

    [Fact]
    public void Find_Allocates_Nothing()
    {
        var table = new BlockTable(
            Enumerable.Range(0, 10_000).Select(i => NumberBlock.Empty("*", new BlockRange((ulong)(13_000_000_000 + (i * 20_000L)), (ulong)(13_000_009_999 + (i * 20_000L)), false))
                .With(new BlockEntry { From = i, Until = 1_000_000 + i })));
        var found = 0;
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (var number = 13_000_000_000UL; number < 13_200_000_000; number += 7_777)
            {
                found += table.Find(number, 500_000, false) is null ? 0 : 1;
                found += table.Find(number, 5_000, true) is null ? 0 : 1;
            }
        }));
        Assert.True(found > 1_000);
        Assert.Equal(0, Allocations.Of(() => _ = BlockSet.Empty.For("acme")));
    }

    [Fact]
    public void ManyNestedBlocks_AreBuiltInTimeAndSpaceOfTheirNumber()
    {
        const int Count = 20_000;
        var table = new BlockTable(Enumerable.Range(0, Count).Select(i =>
            NumberBlock.Empty("*", new BlockRange((ulong)i, (ulong)((2 * Count) - i), false)).With(new BlockEntry { From = 0, Until = i + 1 })));
        Assert.True(table.Intervals <= (2 * Count) + 1);
        // Block i covers the number and ends after i.
        Assert.NotNull(table.Find(Count, Count - 1, false));
        Assert.NotNull(table.Find(100, 100, false));
        Assert.Null(table.Find(100, 101, false));
    }

    private static bool IsOver(BlockRange range, ulong number) => range.IsPrefix
        ? number.ToString(System.Globalization.CultureInfo.InvariantCulture).StartsWith(range.First.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal)
        : number >= range.First && number <= range.Last;

    private static bool Forbids(NumberBlock block, long at, bool isNamed) => block.Entries.Any(entry =>
        at < entry.Until && (entry.Removal is null || at < entry.Removal.At) && (!isNamed || at >= entry.From));
}
