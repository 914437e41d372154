using System.Numerics;

namespace Lookup.Core.Numbers;

/// <summary>Numbers as strings of decimal digits, of which a prefix is asked for again and again.</summary>
internal static class Digits
{
    /// <summary>10 to the power of the index.</summary>
    internal static readonly ulong[] PowersOfTen =
    [
        1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000,
        100_000_000_000, 1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000, 1_000_000_000_000_000,
    ];

    /// <summary>How many digits a number has, from 1; one more than a phone number can have where it has more.</summary>
    internal static int Count(ulong number)
    {
        var powers = PowersOfTen;
        if (number >= powers[^1])
        {
            return powers.Length;
        }

        // 1233/4096 is just above the logarithm of 2, so this is right or one too low.
        var digits = ((BitOperations.Log2(number | 1) + 1) * 1233) >> 12;
        return digits + (number >= powers[digits] ? 1 : 0);
    }
}
