// For: noticing that a stored filter lost a bit, although its bits are set one by one by a script.
//
// A filter is divided into pieces. The sum of a piece adds up a weight for each bit that is set, and a writer adds the weights of
// the bits that it sets and that were not set before. Bits are only ever set, so the sum of what is stored must be the sum that
// was kept; one bit less makes it smaller, since no weight is 0. The weights are a hash of the bit's place, so exchanged bytes, or
// those of another filter, give another sum: by chance the same once in about four billion cases.
//
// 2^19 bits of less than 2^32 each stay below 2^53, which is what scripts can count to exactly.
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Lookup.Core.Filters;

/// <summary>Sums over the bits of a stored filter.</summary>
public static class FilterSums
{
    /// <summary>Bytes of a piece; the last piece of a filter may be shorter.</summary>
    public const int PieceSize = 64 * 1024;

    /// <summary>Pieces of a filter.</summary>
    /// <param name="blocks">Blocks of the filter.</param>
    public static int Pieces(int blocks) => (int)(((blocks * (long)BlockFilter.BlockSize) + PieceSize - 1) / PieceSize);

    /// <summary>The weight of a bit; never 0.</summary>
    /// <param name="bit">Its place in the filter as redis counts, from the top of each byte.</param>
    public static uint WeightOf(long bit)
    {
        // SplitMix64 without its first step; neighbours get unrelated weights.
        var x = (ulong)bit * 0x9e3779b97f4a7c15;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        return (uint)(x >> 32) | 1;
    }

    /// <summary>The sum of a piece, below 2^53.</summary>
    /// <param name="bytes">The piece as it is stored; a multiple of 8 bytes.</param>
    /// <param name="piece">Its number, from 0.</param>
    public static long Of(ReadOnlySpan<byte> bytes, int piece)
    {
        var sum = 0L;
        var first = piece * (PieceSize * 8L);
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes))
        {
            for (var rest = BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word); rest != 0; rest &= rest - 1)
            {
                sum += WeightOf(first + (BitOperations.TrailingZeroCount(rest) ^ 7));
            }

            first += 64;
        }

        return sum;
    }
}
