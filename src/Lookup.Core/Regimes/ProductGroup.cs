using Lookup.Core.Facts;

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
            bits |= GroupSpelling.IsLike(groups[i], name) ? 1UL << i : 0;
        }

        return bits;
    }
}
