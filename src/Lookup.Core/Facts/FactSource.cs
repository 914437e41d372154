namespace Lookup.Core.Facts;

/// <summary>
/// Numbers of sources. Those of imports are odd and the others even, so that a fact tells of itself whether it can be
/// reverted with its import.
/// </summary>
public static class FactSource
{
    /// <summary>Whether the number is that of an import's source.</summary>
    public static bool IsImport(uint source) => (source & 1) != 0;

    /// <summary>
    /// Whether two sources count as one for reverting: only imports are told apart, as nothing else can be reverted.
    /// </summary>
    public static bool IsSameClaimant(uint a, uint b) => a == b || (!IsImport(a) && !IsImport(b));

    /// <summary>Stands for sources beyond what is kept of each; never reverted.</summary>
    public const uint Others = 0;
}
