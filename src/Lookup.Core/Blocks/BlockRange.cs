using System.Globalization;
using Lookup.Core.Numbers;

namespace Lookup.Core.Blocks;

/// <summary>
/// The numbers that a block covers, as integers in E.164: all from <see cref="First"/> to <see cref="Last"/>, or all that begin with
/// the digits of <see cref="First"/>, whatever their length.
/// </summary>
/// <param name="First">The first number, or the prefix.</param>
/// <param name="Last">The last number; equal to <paramref name="First"/> for a prefix.</param>
/// <param name="IsPrefix">Whether it covers every number that begins with the digits.</param>
public readonly record struct BlockRange(ulong First, ulong Last, bool IsPrefix)
{
    private const char Placeholder = 'X';
    private const char AnyEnd = '*';

    /// <summary>Returns whether the range covers a number, in any form of it.</summary>
    public bool Covers(ulong number) => Intervals().Any(interval => number >= interval.First && number <= interval.Last);

    /// <summary>Formats the range as people write it: "+1313XXXXXXX", "+49151*", or "+31201234500 to +31201234699".</summary>
    public override string ToString()
    {
        if (IsPrefix)
        {
            return string.Create(CultureInfo.InvariantCulture, $"+{First}{AnyEnd}");
        }

        for (var places = PhoneNumber.MaxDigits - 1; places > 0; places--)
        {
            var size = Digits.PowersOfTen[places];
            if (First % size == 0 && Last == First + size - 1 && First > size)
            {
                return string.Create(CultureInfo.InvariantCulture, $"+{First / size}") + new string(Placeholder, places);
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"+{First} to +{Last}");
    }

    /// <summary>
    /// Returns the intervals of integers that it covers: one, or one for each length of a number with the prefix, and the numbers of which
    /// these are another form. A block was recorded under such a form before the form became the number.
    /// </summary>
    internal IEnumerable<(ulong First, ulong Last)> Intervals() =>
        AsWritten().SelectMany(interval => NumberPlan.ValuesOfForms(interval.First, interval.Last).Prepend(interval));

    private IEnumerable<(ulong First, ulong Last)> AsWritten()
    {
        if (!IsPrefix)
        {
            yield return (First, Last);
            yield break;
        }

        for (var more = 0; Digits.Count(First) + more <= PhoneNumber.MaxDigits; more++)
        {
            var size = Digits.PowersOfTen[more];
            yield return (First * size, (First * size) + size - 1);
        }
    }
}
