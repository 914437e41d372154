namespace Lookup.Redis.Imports;

/// <summary>
/// The share of a register that a load removes or changes, together with the other loads of the last days: many small loads count as
/// one large one. Numbers that those loads added are left out of the total, or padding a register would hide that it is emptied.
/// </summary>
public static class RegisterShare
{
    /// <summary>How far back loads are counted, in milliseconds.</summary>
    public const long WindowMs = 7 * 24 * 3_600_000L;

    /// <summary>Returns the share, 0 to 1; 1 for a first load, since a register without a snapshot permits nothing.</summary>
    /// <param name="difference">What the load would change.</param>
    /// <param name="wasLoaded">Whether the register has a snapshot.</param>
    /// <param name="resumed">The record of the load that it goes on with; null for a new one.</param>
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
        // Of one that was broken off a part is written already, and is no difference any more.
        var lost = Math.Max(difference.Removals + difference.Changes, (resumed?.Removals + resumed?.Changes) ?? 0)
            + lately.Sum(other => other.Removals + other.Changes);
        return lost == 0 ? 0 : Math.Min(1, lost / (double)Math.Max(1, difference.Loaded - lately.Sum(other => other.Additions)));
    }
}
