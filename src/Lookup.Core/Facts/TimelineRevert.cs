namespace Lookup.Core.Facts;

/// <summary>The result for a version when its sources are removed.</summary>
public enum RevertStep : byte
{
    /// <summary>Removed: only these sources asserted it.</summary>
    Gone,
    /// <summary>Replaced by what the other sources assert.</summary>
    SetBack,
    /// <summary>Unchanged: the other sources assert the same.</summary>
    Passed,
    /// <summary>Kept on the side that forbids: what applied without it is no longer known.</summary>
    KeptStrict,
}

/// <summary>A change of the claims of one version.</summary>
/// <param name="Effective">Effective time of the version, in Unix milliseconds.</param>
/// <param name="Before">The claims before; empty for none.</param>
/// <param name="After">The claims after; empty for none.</param>
/// <param name="Last">The claims are no longer needed once the version is written too.</param>
public readonly record struct ClaimChange(long Effective, byte[] Before, byte[] After, bool Last = false);

/// <summary>
/// Removes what some sources asserted from a timeline. A timeline that was never cut becomes what it would be without those sources. In a
/// cut one, versions that only they asserted stay on the side that forbids.
/// </summary>
public sealed class TimelineRevert
{
    private readonly List<ClaimChange> _claims = [];
    private readonly List<(RevertStep Step, bool MayPermit)> _steps = [];
    private readonly List<long> _gone = [];

    private TimelineRevert(byte[] value) => Value = value;

    /// <summary>The resulting timeline; empty if nothing is left.</summary>
    public byte[] Value { get; private set; }

    /// <summary>The changed claims.</summary>
    public IReadOnlyList<ClaimChange> Claims => _claims;

    /// <summary>The result for each affected version, and whether it can make a call permitted.</summary>
    public IReadOnlyList<(RevertStep Step, bool MayPermit)> Steps => _steps;

    /// <summary>Effective times of the removed versions.</summary>
    public IReadOnlyList<long> Gone => _gone;

    /// <summary>Returns whether a timeline may be affected: one of its versions comes from these sources or is shared.</summary>
    /// <exception cref="InvalidDataException">The value cannot be read.</exception>
    public static bool Concerns(FactKind kind, ReadOnlySpan<byte> value, IReadOnlySet<uint> sources, List<long> shared)
    {
        var concerned = false;
        var reader = new TimelineReader(kind, value);
        while (reader.TryNext(out var entry))
        {
            concerned |= entry.Shared || sources.Contains(entry.Source);
            if (entry.Shared)
            {
                shared.Add(entry.Effective);
            }
        }

        return reader.Complete ? concerned : throw Unreadable();
    }

    /// <summary>Removes sources from a timeline.</summary>
    /// <param name="kind">Kind of the timeline.</param>
    /// <param name="claims">The claims of its shared versions by effective time.</param>
    /// <exception cref="InvalidDataException">Timeline or claims cannot be read.</exception>
    public static TimelineRevert Compute(
        FactKind kind, ReadOnlySpan<byte> value, IReadOnlyDictionary<long, byte[]> claims, IReadOnlySet<uint> sources)
    {
        var entries = new FactEntry[Timeline.MaxEntries];
        var count = Timeline.Read(kind, value, entries, out var cut);
        if (count < 0)
        {
            throw Unreadable();
        }

        var result = new TimelineRevert([]);
        var left = new List<FactEntry>(count);
        for (var i = 0; i < count; i++)
        {
            if (result.Without(kind, entries[i], claims, sources, cut) is { } entry)
            {
                left.Add(entry);
            }
        }

        if (left.Count > 0)
        {
            result.Value = TimelineFormat.Write(kind, left.ToArray(), cut);
        }

        return result;
    }

    private FactEntry? Without(
        FactKind kind, in FactEntry entry, IReadOnlyDictionary<long, byte[]> claims, IReadOnlySet<uint> sources, bool cut)
    {
        if (!entry.Shared)
        {
            return sources.Contains(entry.Source) ? Drop(kind, entry, [], cut) : entry;
        }

        var before = claims.GetValueOrDefault(entry.Effective) ?? [];
        var all = FactClaims.Read(kind, before);
        var others = all.FindAll(claim => !sources.Contains(claim.Source));
        // Claims are missing only where a store lost the end of a write; then the version's source is the only known one.
        if (others.Count == 0)
        {
            return all.Count > 0 || sources.Contains(entry.Source) ? Drop(kind, entry, before, cut) : entry;
        }

        var joined = others[0];
        foreach (var other in others.Skip(1))
        {
            joined = FactLattice.Join(kind, joined, other);
        }

        var same = joined with { Source = entry.Source, Recorded = entry.Recorded, Shared = true } == entry;
        if (others.Count == all.Count && same && joined.Shared && !sources.Contains(entry.Source))
        {
            return entry;
        }

        _claims.Add(new ClaimChange(entry.Effective, before, FactClaims.Write(kind, others), Last: others.Count == 1));
        _steps.Add(same ? (RevertStep.Passed, false) : (RevertStep.SetBack, true));
        return joined;
    }

    private FactEntry? Drop(FactKind kind, in FactEntry entry, byte[] claims, bool cut)
    {
        var forbids = entry.Withdrawn == FactLattice.WithdrawalForbids(kind);
        if (cut)
        {
            _steps.Add((RevertStep.KeptStrict, false));
            var strict = FactLattice.WithdrawalForbids(kind);
            return entry with { Withdrawn = strict, Categories = 0 };
        }

        if (claims.Length > 0)
        {
            _claims.Add(new ClaimChange(entry.Effective, claims, []));
        }

        _steps.Add((RevertStep.Gone, forbids));
        _gone.Add(entry.Effective);
        return null;
    }

    private static InvalidDataException Unreadable() => new("A stored fact cannot be read: it is damaged or was written by a newer program version.");
}
