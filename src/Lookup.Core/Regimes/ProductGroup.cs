namespace Lookup.Core.Regimes;

/// <summary>A product group that rules of a country name; questions about such an offer must use the same name.</summary>
/// <param name="Country">Code of the country, for example "FR".</param>
/// <param name="Name">Its name, for example "energy_renovation".</param>
/// <param name="Rule">The first rule that names it.</param>
public sealed record ProductGroup(string Country, string Name, RuleText Rule)
{
    /// <summary>The most groups of a country: they are bits of one word.</summary>
    internal const int MaxGroups = 64;

    /// <summary>Returns the groups that a name matches, as bits. Allocates nothing.</summary>
    /// <param name="groups">The groups of a country.</param>
    /// <param name="name">The name in a question; empty for none.</param>
    /// <param name="exact">The groups with exactly this name.</param>
    internal static ulong BitsOf(string[] groups, string name, out ulong exact)
    {
        var bits = 0UL;
        exact = 0;
        if (name.Length == 0)
        {
            return 0;
        }

        for (var i = 0; i < groups.Length; i++)
        {
            if (groups[i] == name)
            {
                return exact = 1UL << i;
            }
        }

        for (var i = 0; i < groups.Length; i++)
        {
            bits |= IsLike(groups[i], name) ? 1UL << i : 0;
        }

        return bits;
    }

    /// <summary>Returns whether two names differ only in case, in hyphens, underscores and dots, or in a final s.</summary>
    internal static bool IsLike(string one, string other)
    {
        var (i, k) = (0, 0);
        while (true)
        {
            var a = Next(one, ref i);
            var b = Next(other, ref k);
            if (a == b && a != '\0')
            {
                continue;
            }

            return a == b
                || (a == 's' && b == '\0' && Next(one, ref i) == '\0')
                || (b == 's' && a == '\0' && Next(other, ref k) == '\0');
        }
    }

    // Returns the next letter or digit in lower case; 0 at the end.
    private static char Next(string text, ref int at)
    {
        while (at < text.Length && text[at] is '-' or '_' or '.')
        {
            at++;
        }

        return at < text.Length ? char.ToLowerInvariant(text[at++]) : '\0';
    }
}
