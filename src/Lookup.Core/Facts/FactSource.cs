namespace Lookup.Core.Facts;

/// <summary>
/// Numbers of sources. Imports have odd numbers and all others even ones, so that a fact itself shows whether it can be reverted with its
/// import.
/// </summary>
public static class FactSource
{
    /// <summary>Returns whether the source is an import.</summary>
    public static bool IsImport(uint source) => (source & 1) != 0;

    /// <summary>Returns whether two sources count as one for reverting: only imports are distinguished, as only they can be reverted.</summary>
    public static bool IsSameClaimant(uint a, uint b) => a == b || (!IsImport(a) && !IsImport(b));

    /// <summary>Replaces sources beyond the number of claims that are stored; never reverted.</summary>
    public const uint Others = 0;
}
