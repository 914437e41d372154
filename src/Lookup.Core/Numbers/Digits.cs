using System.Numerics;

namespace Lookup.Core.Numbers;

/// <summary>Integers as strings of decimal digits, for fast comparison of prefixes.</summary>
internal static class Digits
{
    /// <summary>10 to the power of the index.</summary>
    internal static readonly ulong[] PowersOfTen =
    [
        1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000,
        100_000_000_000, 1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000, 1_000_000_000_000_000,
    ];

    /// <summary>Returns the number of digits, from 1; for longer integers, one more than a phone number can have.</summary>
    internal static int Count(ulong number)
    {
        var powers = PowersOfTen;
        if (number >= powers[^1])
        {
            return powers.Length;
        }

        // 1233/4096 is just above log10(2), so the estimate is right or one too low.
        var digits = ((BitOperations.Log2(number | 1) + 1) * 1233) >> 12;
        return digits + (number >= powers[digits] ? 1 : 0);
    }
}
