// For: taking an import back, exactly.
//
// A join cannot be undone: of two registrations on the same day what is left is one that blocks both kinds of offers,
// and nothing in it says which came from whom. So where a second source asserts a version that an import asserted, or the
// reverse, what each of them asserts is kept beside the timeline, the version is marked as shared, and without one of
// them it is the join of the others. Versions that only one source asserts need nothing: their source is theirs.
//
// Sources that are no imports count as one, because nothing can take them back. Claims are a set with one element for
// each claimant, and adding is a join, so they commute and repeat as facts do. Beyond so many claimants the next ones
// join those that are never taken back.
//
// Bytes: for each claim, ordered by source, its length and the timeline with it as the only version.
namespace Lookup.Core.Facts;

/// <summary>What each of several sources asserts about one version of a fact. The stored form is opaque.</summary>
public static class FactClaims
{
    /// <summary>Most claims that are kept apart.</summary>
    public const int MaxClaims = 16;

    /// <summary>Adds what a source asserts.</summary>
    /// <param name="kind">Kind of the fact.</param>
    /// <param name="claims">The claims until now; empty for none.</param>
    /// <param name="present">The version as it is in the timeline.</param>
    /// <param name="claim">What is asserted about it, with the same effective time.</param>
    /// <returns>The claims, <paramref name="present"/> among them if they were none.</returns>
    /// <exception cref="InvalidDataException">The claims cannot be read.</exception>
    public static byte[] Add(FactKind kind, ReadOnlySpan<byte> claims, in FactEntry present, in FactEntry claim)
    {
        var all = Read(kind, claims);
        // Where a store lost the end of a write, the claim of what is there may be missing.
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
