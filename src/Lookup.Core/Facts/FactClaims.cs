// For: reverting an import exactly.
//
// A join cannot be undone: two registrations on the same day become one that blocks both kinds of offers, and nothing in it shows which
// source contributed what. Therefore, when a second source asserts a version that an import asserted, or the reverse, what each source
// asserts is stored next to the timeline and the version is marked as shared. Without one of the sources, the version is the join of the
// others. A version that only one source asserts needs no claims: its own source field names the claimant.
//
// All sources that are not imports count as one claimant, because only imports can be reverted. Claims are a set with one element per
// claimant, and adding is a join, so claims commute and are idempotent like facts. Beyond the limit of claimants, further ones join the
// claim that is never reverted.
//
// Bytes: for each claim, ordered by source, its length and a timeline with the claim as its only version.
namespace Lookup.Core.Facts;

/// <summary>What each of several sources asserts about one version of a fact. The stored form is opaque.</summary>
public static class FactClaims
{
    /// <summary>The most claims that are stored separately.</summary>
    public const int MaxClaims = 16;

    /// <summary>Adds what a source asserts.</summary>
    /// <param name="claims">The existing claims; empty for none.</param>
    /// <param name="present">The version in the timeline.</param>
    /// <param name="claim">What the source asserts, with the same effective time.</param>
    /// <returns>The claims, including <paramref name="present"/> if there were none.</returns>
    /// <exception cref="InvalidDataException">The claims cannot be read.</exception>
    public static byte[] Add(FactKind kind, ReadOnlySpan<byte> claims, in FactEntry present, in FactEntry claim)
    {
        var all = Read(kind, claims);
        // A store that lost the end of a write may lack the claim of the version that is present.
        if (IndexOf(all, present.Source) < 0)
        {
            all.Add(FactLattice.Normalise(kind, present) with { Shared = false });
        }

        var added = FactLattice.Normalise(kind, claim) with { Shared = false };
        var index = IndexOf(all, added.Source);
        if (index < 0 && all.Count >= MaxClaims)
        {
            added = added with { Source = FactSource.Others };
            index = IndexOf(all, added.Source);
        }

        if (index < 0)
        {
            all.Add(added);
        }
        else
        {
            all[index] = FactLattice.Join(kind, all[index], added);
        }

        return Write(kind, all);
    }

    /// <summary>Reads claims, each as an entry that is not shared.</summary>
    /// <exception cref="InvalidDataException">They cannot be read.</exception>
    public static List<FactEntry> Read(FactKind kind, ReadOnlySpan<byte> claims)
    {
        var all = new List<FactEntry>();
        Span<FactEntry> one = stackalloc FactEntry[Timeline.MaxEntries];
        while (!claims.IsEmpty)
        {
            var length = claims[0];
            if (claims.Length <= length || Timeline.Read(kind, claims.Slice(1, length), one, out _) != 1)
            {
                throw new InvalidDataException("The claims of a stored fact cannot be read.");
            }

            all.Add(one[0]);
            claims = claims[(1 + length)..];
        }

        return all;
    }

    internal static byte[] Write(FactKind kind, List<FactEntry> claims)
    {
        using var bytes = new MemoryStream();
        foreach (var claim in claims.OrderBy(c => c.Source))
        {
            var value = Timeline.Single(kind, claim);
            bytes.WriteByte((byte)value.Length);
            bytes.Write(value);
        }

        return bytes.ToArray();
    }

    private static int IndexOf(List<FactEntry> claims, uint source) =>
        claims.FindIndex(claim => FactSource.IsSameClaimant(claim.Source, source));
}
