namespace Lookup.Redis.Imports;

/// <summary>
/// The share of a register that a load removes or changes, together with the other loads of the last days: many small loads count
/// as one large one. Numbers that those loads added are left out of the total; otherwise padding a register would hide that it is
/// being emptied.
/// </summary>
public static class RegisterShare
{
    /// <summary>Age of the oldest loads that count, in milliseconds.</summary>
    public const long WindowMs = 7 * 24 * 3_600_000L;

    /// <summary>Returns the share, 0 to 1; 1 for a first load, since a register without a snapshot permits nothing.</summary>
    /// <param name="difference">What the load would change.</param>
    /// <param name="wasLoaded">True if the register has a snapshot.</param>
    /// <param name="resumed">The record of the load that it continues; null for a new one.</param>
    /// <param name="others">The loads of the register.</param>
    /// <param name="now">Unix milliseconds.</param>
    public static double Of(
        SnapshotDifference difference, bool wasLoaded, StoredImport? resumed, IReadOnlyList<StoredImport> others, long now)
    {
        ArgumentNullException.ThrowIfNull(difference);
        if (!wasLoaded)
        {
            return 1;
        }

        var lately = others.Where(
            other => other.Id != resumed?.Id && !other.Approved && other.State != ImportState.Reverted && other.Begun > now - WindowMs).ToList();
        // An interrupted load has already written a part, which is no longer a difference.
        var lost = Math.Max(difference.Removals + difference.Changes, (resumed?.Removals + resumed?.Changes) ?? 0)
            + lately.Sum(other => other.Removals + other.Changes);
        return lost == 0 ? 0 : Math.Min(1, lost / (double)Math.Max(1, difference.Loaded - lately.Sum(other => other.Additions)));
    }
}
