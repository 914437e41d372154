using System.Numerics;
using System.Runtime.InteropServices;

namespace Lookup.Core.Filters;

/// <summary>Rates of false positives of a filter.</summary>
public static class FilterQuality
{
    private const int WordBits = 32;

    /// <summary>Computes the rate of false positives from the bits of a filter, 0 to 1. Reads the whole filter.</summary>
    public static double FalsePositives(BlockFilter filter)
    {
        // A probe tests one bit in each word of a block; it is a false positive if all of them are set.
        var words = MemoryMarshal.Cast<byte, uint>(filter.Bytes);
        var sum = 0.0;
        for (var block = 0; block < words.Length; block += BlockFilter.BitsPerProbe)
        {
            var product = 1.0;
            foreach (var word in words.Slice(block, BlockFilter.BitsPerProbe))
            {
                product *= BitOperations.PopCount(word) / (double)WordBits;
            }

            sum += product;
        }

        return sum / filter.Blocks;
    }

    /// <summary>Computes the expected rate of false positives for a number of facts, each of a different number, 0 to 1.</summary>
    /// <param name="facts">0 or more.</param>
    /// <param name="blocks">1 to <see cref="BlockFilter.MaxBlocks"/>.</param>
    public static double Expected(long facts, int blocks)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(facts);
        ArgumentOutOfRangeException.ThrowIfLessThan(blocks, 1);
        if (facts == 0)
        {
            return 0;
        }
        // Facts per block are Poisson distributed; each sets one bit in each word.
        var mean = facts / (double)blocks;
        var last = mean + (10 * Math.Sqrt(mean)) + 20;
        var logarithm = -mean;
        var sum = 0.0;
        for (var k = 1; k <= last; k++)
        {
            logarithm += Math.Log(mean) - Math.Log(k);
            var set = 1 - Math.Pow(1 - (1.0 / WordBits), k);
            sum += Math.Exp(logarithm) * Math.Pow(set, BlockFilter.BitsPerProbe);
        }

        return sum;
    }
}
