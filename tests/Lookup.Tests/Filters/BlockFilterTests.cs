using CsCheck;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Tests.Facts;

namespace Lookup.Tests.Filters;

public class BlockFilterTests
{
    public static readonly TheoryData<bool> Paths = [false, true];

    private static readonly Gen<NumberPseudonym> Keys = Gen.Select(Gen.ULong, Gen.ULong, (high, low) => new NumberPseudonym(high, low));

    private static readonly Gen<FactId> Ids = Gen.Select(TimelineSamples.Kind, Gen.Byte[0, 15], Gen.ULong[0, (1UL << 48) - 1])
        .Select((kind, detail, scope) => new FactId(kind, detail, scope));

    private static readonly Gen<(NumberPseudonym, FactId)[]> Facts = Gen.Select(Keys, Ids).Array[0, 200];

    [Theory]
    [MemberData(nameof(Paths))]
    public void MayContain_AddedFacts_AreNeverMissed(bool vectors) =>
        Gen.Select(Facts, Gen.Int[1, 50]).Sample((facts, blocks) =>
        {
            var filter = new BlockFilter(blocks, vectors);
            foreach (var (key, id) in facts)
            {
                filter.Add(key, id);
            }

            Assert.All(facts, fact => Assert.True(filter.MayContain(fact.Item1, fact.Item2)));
            var copy = BlockFilter.FromBytes(filter.Bytes.ToArray(), !vectors);
            Assert.All(facts, fact => Assert.True(copy.MayContain(fact.Item1, fact.Item2)));
        });

    [Fact]
    public void Add_ScalarAndVectors_SetTheSameBits() =>
        Gen.Select(Facts, Facts, Gen.Int[1, 50]).Sample((facts, probes, blocks) =>
        {
            var scalar = new BlockFilter(blocks, vectors: false);
            var vectors = new BlockFilter(blocks, vectors: true);
            foreach (var (key, id) in facts)
            {
                scalar.Add(key, id);
                vectors.Add(key, id);
            }

            Assert.True(scalar.Bytes.SequenceEqual(vectors.Bytes));
            Assert.Equal(scalar.Fill, vectors.Fill);
            Assert.All(probes, probe =>
                Assert.Equal(scalar.MayContain(probe.Item1, probe.Item2), vectors.MayContain(probe.Item1, probe.Item2)));
        });

    [Fact]
    public void MayContain_SeveralFactsAtOnce_SaysOfEachWhatItSaysAlone() =>
        Gen.Select(Facts, Facts, Gen.Int[1, 50], Gen.Int[0, BlockFilter.MaxProbes]).Sample((facts, probes, blocks, count) =>
        {
            foreach (var vectors in (bool[])[false, true])
            {
                var filter = new BlockFilter(blocks, vectors);
                foreach (var (key, id) in facts)
                {
                    filter.Add(key, id);
                }

                var ids = facts.Concat(probes).Select(f => f.Item2).Take(count).ToArray();
                foreach (var (key, _) in facts.Concat(probes))
                {
                    var expected = ids.Select((id, i) => filter.MayContain(key, id) ? 1u << i : 0).Aggregate(0u, (a, b) => a | b);
                    Assert.Equal(expected, filter.MayContain(key, ids));
                }
            }
        });

    // The store sets the bits that Bits names; an instance that loads the string must find them.
    [Fact]
    public void Bits_SetAsRedisCounts_AreTheBytesOfTheFilter() =>
        Gen.Select(Facts, Gen.Int[1, 50]).Sample((facts, blocks) =>
        {
            var filter = new BlockFilter(blocks);
            var redis = new byte[blocks * BlockFilter.BlockSize];
            var offsets = new byte[BlockFilter.BitsPerProbe];
            foreach (var (key, id) in facts)
            {
                filter.Add(key, id);
                BlockFilter.Bits(key, id, blocks, out var block, offsets);
                Assert.InRange(block, 0, blocks - 1);
                foreach (var offset in offsets)
                {
                    var bit = (block * 256) + offset;
                    redis[bit / 8] |= (byte)(0x80 >> (bit % 8));
                }
            }

            Assert.Equal(redis, filter.Bytes.ToArray());
        });

    // The bits are stored: a change here needs every filter to be rebuilt.
    [Fact]
    public void Bits_KnownFact_AreTheStoredOnes()
    {
        var offsets = new byte[BlockFilter.BitsPerProbe];
        var id = new FactId(FactKind.Objection, 0, Scope.FromName("acme"));
        BlockFilter.Bits(new NumberPseudonym(1, 0x8000_0000_1234_5678), id, 1000, out var block, offsets);
        Assert.Equal(500, block);
        Assert.Equal("7 48 74 124 157 161 212 247", string.Join(' ', offsets));
    }

    [Fact]
    public void Bits_FactsOfOneNumber_ShareItsBlock() =>
        Gen.Select(Keys, Ids, Ids, Gen.Int[1, BlockFilter.MaxBlocks]).Sample((key, a, b, blocks) =>
        {
            var offsets = new byte[BlockFilter.BitsPerProbe];
            BlockFilter.Bits(key, a, blocks, out var first, offsets);
            BlockFilter.Bits(key, b, blocks, out var second, offsets);
            Assert.Equal(first, second);
        });

    // The promise of the sizing: about 0.2 % at 20 bits a fact, for other numbers as for other facts of known numbers.
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void MayContain_AbsentFacts_AreRarelyMaybe(int factsOfEach)
    {
        const int Numbers = 60_000;
        using var cipher = new NumberCipher(new byte[32]);
        var keys = new NumberPseudonym[2 * Numbers];
        cipher.Encrypt([.. Enumerable.Range(0, keys.Length).Select(i => 31650000000UL + (ulong)i)], keys);
        var filter = new BlockFilter(BlockFilter.BlocksFor(Numbers * factsOfEach));
        var ids = Enumerable.Range(0, factsOfEach).Select(i => new FactId(FactKind.Consent, (byte)(i + 1), Scope.FromName("acme"))).ToArray();
        foreach (var key in keys[..Numbers])
        {
            Array.ForEach(ids, id => filter.Add(key, id));
        }

        var other = new FactId(FactKind.Objection, 0, Scope.All);
        var unknownNumbers = keys[Numbers..].Count(key => filter.MayContain(key, ids[0])) / (double)Numbers;
        var otherFacts = keys[..Numbers].Count(key => filter.MayContain(key, other)) / (double)Numbers;
        Assert.InRange(unknownNumbers, 0, factsOfEach == 1 ? 0.003 : 0.006);
        Assert.InRange(otherFacts, 0, factsOfEach == 1 ? 0.005 : 0.015);
        Assert.InRange(filter.Fill, 0.2, 0.4);
    }

    [Fact]
    public void Fill_Bits_IsTheirPart()
    {
        var filter = new BlockFilter(4);
        Assert.Equal(0, filter.Fill);
        filter.Add(new NumberPseudonym(1, 2), new FactId(FactKind.Refusal, 0, 1));
        Assert.Equal(8 / 1024d, filter.Fill);
        Assert.Equal(1, BlockFilter.FromBytes(Enumerable.Repeat((byte)0xFF, 64).ToArray()).Fill);
    }

    [Theory]
    [InlineData(0, 20, 1)]
    [InlineData(12, 20, 1)]
    [InlineData(13, 20, 2)]
    [InlineData(10_000_000 / 16, 20, 48_829)]
    [InlineData(16, 16, 1)]
    public void BlocksFor_Facts_RoundsUp(long facts, double bits, int expected) => Assert.Equal(expected, BlockFilter.BlocksFor(facts, bits));

    [Fact]
    public void Sizes_OutOfRange_Throw()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => BlockFilter.BlocksFor(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => BlockFilter.BlocksFor(1, 0.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => BlockFilter.BlocksFor(1, double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => BlockFilter.BlocksFor(long.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BlockFilter(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BlockFilter(BlockFilter.MaxBlocks + 1));
        Assert.Throws<ArgumentException>(() => BlockFilter.FromBytes(Array.Empty<byte>()));
        Assert.Throws<ArgumentException>(() => BlockFilter.FromBytes(new byte[33]));
    }

    // A reader beside a writer: what was added before it was announced is found.
    [Fact]
    public async Task MayContain_BesideAWriter_FindsWhatWasAnnounced()
    {
        var filter = new BlockFilter(64);
        var id = new FactId(FactKind.Objection, 0, 5);
        var keys = Enumerable.Range(0, 20_000).Select(i => new NumberPseudonym(0, (ulong)i * 0x9E3779B97F4A7C15)).ToArray();
        var announced = 0;
        var writer = Task.Run(() =>
        {
            for (var i = 0; i < keys.Length; i++)
            {
                filter.Add(keys[i], id);
                Volatile.Write(ref announced, i + 1);
            }
        });
        var misses = 0;
        for (var seen = 0; seen < keys.Length;)
        {
            seen = Volatile.Read(ref announced);
            for (var i = Math.Max(0, seen - 8); i < seen; i++)
            {
                misses += filter.MayContain(keys[i], id) ? 0 : 1;
            }
        }

        await writer;
        Assert.Equal(0, misses);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void MayContain_AnyFact_AllocatesNothing(bool vectors)
    {
        var filter = new BlockFilter(100, vectors);
        var id = new FactId(FactKind.Objection, 0, 5);
        filter.Add(new NumberPseudonym(0, 0), id);
        var found = 0;
        var allocated = Allocations.Of(() =>
        {
            for (var i = 0UL; i < 1000; i++)
            {
                if (filter.MayContain(new NumberPseudonym(i, i << 40), id))
                {
                    found++;
                }
            }
        });
        Assert.Equal(0, allocated);
        Assert.True(found >= 2);
    }
}
