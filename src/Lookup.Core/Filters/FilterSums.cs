// For: detecting that a stored filter lost a bit, although a script sets its bits one by one.
//
// A filter is divided into pieces. The sum of a piece adds a weight for each set bit, and a writer adds the weights of the bits that it sets
// and that were not set before. Bits are only ever set, so the sum of the stored bits must equal the stored sum. A missing bit makes it
// smaller, since no weight is 0. The weights are hashes of the bit positions, so exchanged bytes, or bytes of another filter, have another
// sum, except by chance once in about four billion cases.
//
// 2^19 weights of less than 2^32 each stay below 2^53, up to which scripts count exactly.
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Lookup.Core.Filters;

/// <summary>Sums over the bits of a stored filter.</summary>
public static class FilterSums
{
    /// <summary>Bytes of a piece; the last piece of a filter may be shorter.</summary>
    public const int PieceSize = 64 * 1024;

    /// <summary>Returns the number of pieces of a filter.</summary>
    /// <param name="blocks">Blocks of the filter.</param>
    public static int Pieces(int blocks) => (int)(((blocks * (long)BlockFilter.BlockSize) + PieceSize - 1) / PieceSize);

    /// <summary>Returns the weight of a bit; never 0.</summary>
    /// <param name="bit">Its position in the filter as redis counts, from the top of each byte.</param>
    public static uint WeightOf(long bit)
    {
        // SplitMix64 without its first step; adjacent bits get unrelated weights.
        var x = (ulong)bit * 0x9e3779b97f4a7c15;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        return (uint)(x >> 32) | 1;
    }

    /// <summary>Computes the sum of a piece, below 2^53.</summary>
    /// <param name="bytes">The stored piece; a multiple of 8 bytes.</param>
    /// <param name="piece">Its index, from 0.</param>
    public static long Compute(ReadOnlySpan<byte> bytes, int piece)
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
