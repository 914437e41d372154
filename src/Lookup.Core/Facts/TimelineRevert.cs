namespace Lookup.Core.Facts;

/// <summary>What became of a version when sources were taken out.</summary>
public enum RevertStep : byte
{
    /// <summary>It is gone: only they asserted it.</summary>
    Gone,
    /// <summary>It is what the others assert.</summary>
    SetBack,
    /// <summary>The others assert the same, so it stays.</summary>
    Passed,
    /// <summary>What held without it is not known any more, so it stays on the side that forbids.</summary>
    KeptStrict,
}

/// <summary>A change of the claims of one version.</summary>
/// <param name="Effective">Which version, in Unix milliseconds.</param>
/// <param name="Before">The claims before; empty for none.</param>
/// <param name="After">The claims after; empty for none.</param>
/// <param name="Last">Once the version is written too, they are no longer needed.</param>
public readonly record struct ClaimChange(long Effective, byte[] Before, byte[] After, bool Last = false);

/// <summary>
/// A timeline without what some sources asserted: what it would be had they never been there, for timelines that were
/// never cut. In one that was cut, versions that only they asserted stay on the side that forbids.
/// </summary>
public sealed class TimelineRevert
{
    private readonly List<ClaimChange> _claims = [];
    private readonly List<(RevertStep Step, bool MayPermit)> _steps = [];
    private readonly List<long> _gone = [];

    private TimelineRevert(byte[] value) => Value = value;

    /// <summary>The timeline; empty where nothing is left.</summary>
    public byte[] Value { get; private set; }

    /// <summary>Changed claims.</summary>
    public IReadOnlyList<ClaimChange> Claims => _claims;

    /// <summary>What became of each version concerned, and whether a call can become permitted by it.</summary>
    public IReadOnlyList<(RevertStep Step, bool MayPermit)> Steps => _steps;

    /// <summary>Effective times of the versions that are gone.</summary>
    public IReadOnlyList<long> Gone => _gone;

    /// <summary>Whether a timeline can be concerned: a version is theirs, or is shared.</summary>
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

    /// <summary>Takes sources out.</summary>
    /// <param name="kind">Kind of the timeline.</param>
    /// <param name="value">The timeline.</param>
    /// <param name="claims">The claims of its shared versions by effective time.</param>
    /// <param name="sources">The sources.</param>
    /// <exception cref="InvalidDataException">Timeline or claims cannot be read.</exception>
    public static TimelineRevert Of(
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
        // Without claims, which only a store that lost the end of a write has, its source is the one that is known.
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

    private static InvalidDataException Unreadable() => new("A stored fact cannot be read: damaged, or of a newer version.");
}
