using System.Numerics;
using System.Runtime.InteropServices;

namespace Lookup.Core.Filters;

/// <summary>How often a filter takes a fact for known that is not.</summary>
public static class FilterQuality
{
    private const int WordBits = 32;

    /// <summary>Part of the unknown facts that a filter takes for known, 0 to 1, by its bits. Reads the whole filter.</summary>
    /// <param name="filter">The filter.</param>
    public static double FalsePositives(BlockFilter filter)
    {
        // A probe meets one bit of each word of a block; it is taken for known if all of them are set.
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

    /// <summary>The same for a filter that is made for a number of facts, each of another number. 0 to 1.</summary>
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
        // Facts in a block are Poisson distributed; each sets one of the bits of each word.
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
