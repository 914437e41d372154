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
        var digits = 1;
        while (digits < powers.Length && number >= powers[digits])
        {
            digits++;
        }

        return digits;
    }
}
