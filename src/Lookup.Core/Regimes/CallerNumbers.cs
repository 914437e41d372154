using Lookup.Core.Numbers;

namespace Lookup.Core.Regimes;

/// <summary>The caller numbers that a call may show.</summary>
/// <param name="prefixes">The number must begin with one of these; empty allows all.</param>
/// <param name="notPrefixes">The number must not begin with any of these.</param>
/// <param name="unlessStated">Forbids only questions that state no number.</param>
internal sealed class CallerNumbers(ulong[] prefixes, ulong[] notPrefixes, bool unlessStated = false)
{
    /// <summary>The rule for questions that state no number.</summary>
    internal CallerNumbers UnlessStated => new(prefixes, notPrefixes, unlessStated: true);

    /// <summary>Whether it binds questions that state a number; false: those that do not.</summary>
    internal bool BindsStated => !unlessStated;

    /// <summary>Returns whether a call may not show this number, or may not leave it unstated (0). Allocates nothing.</summary>
    internal bool Forbids(ulong number) =>
        unlessStated || (prefixes.Length > 0 && !IsAmong(prefixes, number)) || IsAmong(notPrefixes, number);

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
