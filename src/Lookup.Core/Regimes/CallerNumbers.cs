using Lookup.Core.Numbers;

namespace Lookup.Core.Regimes;

/// <summary>The numbers that a call may show.</summary>
/// <param name="prefixes">It must begin with one of these; none: with any.</param>
/// <param name="notPrefixes">It must begin with none of these.</param>
/// <param name="unlessStated">It is the question that states no number which is forbidden.</param>
internal sealed class CallerNumbers(ulong[] prefixes, ulong[] notPrefixes, bool unlessStated = false)
{
    /// <summary>The rule for a call that states no number.</summary>
    internal CallerNumbers UnlessStated => new(prefixes, notPrefixes, unlessStated: true);

    /// <summary>Whether a call may not show this number; 0 for one that is not stated. Allocates nothing.</summary>
    internal bool Forbids(ulong number) => unlessStated || number == 0
        ? unlessStated && number == 0
        : (prefixes.Length > 0 && !IsAmong(prefixes, number)) || IsAmong(notPrefixes, number);

    private static bool IsAmong(ulong[] prefixes, ulong number)
    {
        var digits = Digits.Count(number);
        foreach (var prefix in prefixes)
        {
            var length = Digits.Count(prefix);
            if (length <= digits && number / Digits.PowersOfTen[digits - length] == prefix)
            {
                return true;
            }
        }

        return false;
    }
}
