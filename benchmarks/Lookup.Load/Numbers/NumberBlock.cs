using System.Globalization;
using Lookup.Core.Numbers;

namespace Lookup.Load.Numbers;

/// <summary>
/// Numbers of one block of a numbering plan in a scattered order, as lists are: the i-th is always the same, and no two
/// within the block are.
/// </summary>
/// <param name="First">The lowest number, as an integer without the plus.</param>
/// <param name="Size">How many there are; no multiple of 3.</param>
internal readonly record struct NumberBlock(ulong First, long Size)
{
    /// <summary>Requests that follow one another ask for places so far apart.</summary>
    internal const long Stride = 7_919;

    // A power of 3: it shares no factor with the size, so stepping by it meets every number once.
    private const long Step = 387_420_489;

    /// <summary>Dutch mobile numbers; a marketing call to one needs consent.</summary>
    internal static readonly NumberBlock Dutch = new(31_610_000_000, 40_000_000);

    /// <summary>British mobile numbers, none of them of an island; a marketing call to one is allowed unless it is on the register.</summary>
    internal static readonly NumberBlock British = new(447_300_000_000, 100_000_000);

    /// <summary>The number at a place, 0 to <see cref="Size"/> - 1.</summary>
    internal ulong this[long i] => First + (ulong)(i * Step % Size);

    /// <summary>It as text, with the plus.</summary>
    internal string Text(long i) => string.Create(CultureInfo.InvariantCulture, $"+{this[i]}");

    internal PhoneNumber Number(long i) => PhoneNumber.TryFrom(this[i], out var number, out var fault)
        ? number
        : throw new InvalidOperationException($"{Text(i)}: {fault.Describe()}");
}
