using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;

namespace Lookup.Tests.Filters;

public sealed class FilterSumsTests
{
    private const int Seed = 20261129;

    [Fact]
    public void Sum_OfBitsSetOneByOne_IsTheSumOfTheStoredPiece()
    {
        var random = new Random(Seed);
        var filter = new BlockFilter(5_000);
        var sums = new long[FilterSums.Pieces(filter.Blocks)];
        Span<byte> offsets = stackalloc byte[BlockFilter.BitsPerProbe];
        for (var i = 0; i < 20_000; i++)
        {
            var (key, id) = (Key(random), Id(random));
            BlockFilter.Bits(key, id, filter.Blocks, out var block, offsets);
            foreach (var offset in offsets)
            {
                var bit = (block * 256L) + offset;
                // As redis reads it: from the top of each byte.
                if ((filter.Bytes[(int)(bit / 8)] & (0x80 >> (int)(bit % 8))) == 0)
                {
                    sums[bit / 8 / FilterSums.PieceSize] += FilterSums.WeightOf(bit);
                }
            }

            filter.Add(key, id);
        }

        Assert.Equal(3, sums.Length);
        for (var piece = 0; piece < sums.Length; piece++)
        {
            Assert.Equal(sums[piece], FilterSums.Compute(Piece(filter.Bytes, piece), piece));
            Assert.InRange(sums[piece], 1, 1L << 52);
        }
    }

    [Fact]
    public void Sum_OfAChangedPiece_IsAnother()
    {
        var random = new Random(Seed);
        var bytes = new byte[FilterSums.PieceSize];
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(random.Next(256) & random.Next(256));
        }

        var sum = FilterSums.Compute(bytes, 0);
        for (var round = 0; round < 2_000; round++)
        {
            var changed = (byte[])bytes.Clone();
            // A bit less, bytes with as many bits, two bytes exchanged, a run of zeroes.
            var at = random.Next(bytes.Length - 8);
            switch (round % 4)
            {
                case 0:
                    changed[at] &= (byte)~(1 << random.Next(8));
                    break;
                case 1:
                    changed[at] = (byte)((changed[at] << 1) | (changed[at] >> 7));
                    break;
                case 2:
                    (changed[at], changed[at + 7]) = (changed[at + 7], changed[at]);
                    break;
                default:
                    changed.AsSpan(at, 8).Clear();
                    break;
            }

            Assert.Equal(changed.AsSpan().SequenceEqual(bytes), FilterSums.Compute(changed, 0) == sum);
        }
    }

    [Fact]
    public void Sum_OfTheSameBytesInAnotherPiece_IsAnother()
    {
        var bytes = new byte[FilterSums.PieceSize];
        bytes[17] = 0x69;
        Assert.NotEqual(FilterSums.Compute(bytes, 0), FilterSums.Compute(bytes, 1));
    }

    [Fact]
    public void Sum_OfAFullPiece_CanBeCountedByScripts()
    {
        var bytes = new byte[FilterSums.PieceSize];
        bytes.AsSpan().Fill(0xFF);
        Assert.InRange(FilterSums.Compute(bytes, (BlockFilter.MaxBlocks / (FilterSums.PieceSize / BlockFilter.BlockSize)) - 1), 1, (1L << 53) - 1);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2_048, 1)]
    [InlineData(2_049, 2)]
    [InlineData(BlockFilter.MaxBlocks, 8_192)]
    public void Pieces_OfAFilter_CoverIt(int blocks, int pieces) => Assert.Equal(pieces, FilterSums.Pieces(blocks));

    private static ReadOnlySpan<byte> Piece(ReadOnlySpan<byte> bytes, int piece)
    {
        var start = piece * FilterSums.PieceSize;
        return bytes.Slice(start, Math.Min(FilterSums.PieceSize, bytes.Length - start));
    }

    private static NumberPseudonym Key(Random random)
    {
        var bytes = new byte[NumberPseudonym.Size];
        random.NextBytes(bytes);
        return NumberPseudonym.Read(bytes);
    }

    private static FactId Id(Random random) => new(FactKind.Objection, 0, (ulong)random.NextInt64(1L << 48));
}
