// For: deleting what no longer has to be kept, so that no verdict becomes more permissive from now on.
//
// What forbids stays for as long as it forbids: an objection that was not lifted, the withdrawal of a consent or relation, a
// registration. So a consent that is imported again after it was deleted meets its withdrawal. Deleted are
//   - consents and relations that ended: they expired, were withdrawn or were replaced. A version is deleted only with all older ones of
//     its timeline that permit, since it may have replaced one that would permit again;
//   - objections that were lifted, together with the record that lifted them;
//   - refusals and attempts that no rule counts any more. RegimeSet rejects terms that are shorter than a rule looks back.
// In a timeline whose history is cut, dropped versions lie between the last two. Consents and relations around the gap become bare
// withdrawals, which replace whatever was dropped; the others go only together with the whole gap.
//
// That a deletion permits nothing is checked on its result too (IsNoWeaker): if the version in effect at any later moment would permit
// more, the timeline stays as it is.
namespace Lookup.Core.Facts;

/// <summary>A timeline without the versions that no longer have to be kept.</summary>
public sealed class TimelineRetention
{
    private const long RestOfSecondMs = 999;

    private TimelineRetention(byte[] value, IReadOnlyList<long> gone) => (Value, Gone) = (value, gone);

    /// <summary>The timeline; empty if nothing is left.</summary>
    public byte[] Value { get; }

    /// <summary>Effective times of the versions that were deleted or became bare withdrawals, in Unix milliseconds; the oldest last.</summary>
    public IReadOnlyList<long> Gone { get; }

    /// <summary>Deletes what ended, or for refusals and attempts happened, before a time.</summary>
    /// <param name="id">The timeline.</param>
    /// <param name="value">Its value.</param>
    /// <param name="before">Unix milliseconds, before <paramref name="now"/>.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <returns>Null if nothing is due, or the value cannot be read.</returns>
    public static TimelineRetention? Compute(FactId id, ReadOnlySpan<byte> value, long before, long now)
    {
        Span<FactEntry> entries = stackalloc FactEntry[Timeline.MaxEntries];
        var count = Timeline.Read(id.Kind, value, entries, out var cut);
        if (count <= 0)
        {
            return null;
        }

        var left = id.Kind switch
        {
            FactKind.Consent or FactKind.Relation => WithoutEnded(id, entries[..count], cut, before),
            FactKind.Objection => WithoutOldest(entries[..count], LiftedFrom(entries[..count], before), cut),
            FactKind.Refusal or FactKind.Attempt => WithoutOldest(entries[..count], PastFrom(entries[..count], before), cut),
            _ => null,
        };
        if (left is not { } rest || rest.Gone.Count == 0)
        {
            return null;
        }

        var after = rest.Left.Count == 0 ? [] : TimelineFormat.Write(id.Kind, rest.Left.ToArray(), rest.Cut);
        return IsCounted(id.Kind) || IsNoWeaker(id.Kind, entries[..count], value, after, now) ? new TimelineRetention(after, rest.Gone) : null;
    }

    private static (List<FactEntry> Left, bool Cut, List<long> Gone) WithoutEnded(FactId id, ReadOnlySpan<FactEntry> entries, bool cut, long before)
    {
        var left = new List<FactEntry>(entries.Length);
        var gone = new List<long>();
        var isOver = false;
        for (var i = entries.Length - 1; i >= 0; i--)
        {
            var entry = entries[i];
            isOver |= !entry.Withdrawn && !HasEnded(id, entry, i > 0 ? entries[i - 1] : null, before);
            if (entry.Withdrawn || isOver)
            {
                left.Insert(0, entry);
                continue;
            }

            gone.Insert(0, entry.Effective);
            if (cut)
            {
                left.Insert(0, new FactEntry { Effective = entry.Effective, Recorded = entry.Recorded, Source = FactSource.Others, Withdrawn = true });
            }
        }

        return (left, cut, gone);
    }

    private static bool HasEnded(FactId id, in FactEntry entry, FactEntry? newer, long before)
    {
        var end = entry.Until;
        if (id is { Kind: FactKind.Consent } && (id.Detail & FactId.Appointment) != 0)
        {
            end = Math.Min(end, entry.Since);
        }

        if (newer is { } next)
        {
            // Until the newer version was on record, the older one counted.
            end = Math.Min(end, Math.Max(next.Effective, RecordedBy(next)));
        }

        return end < before;
    }

    // The index of the newest record that lifted an objection long enough ago; the length if there is none.
    private static int LiftedFrom(ReadOnlySpan<FactEntry> entries, long before)
    {
        var from = entries.Length;
        for (var i = entries.Length - 1; i >= 0 && Math.Max(entries[i].Effective, RecordedBy(entries[i])) < before; i--)
        {
            from = entries[i].Withdrawn ? i : from;
        }

        return from;
    }

    private static int PastFrom(ReadOnlySpan<FactEntry> entries, long before)
    {
        var from = entries.Length;
        while (from > 0 && entries[from - 1].Effective < before)
        {
            from--;
        }

        return from;
    }

    private static (List<FactEntry> Left, bool Cut, List<long> Gone)? WithoutOldest(ReadOnlySpan<FactEntry> entries, int from, bool cut)
    {
        // Half of a gap cannot go.
        if (from == entries.Length || (cut && from == entries.Length - 1))
        {
            return null;
        }

        var gone = new List<long>();
        foreach (var entry in entries[from..])
        {
            gone.Add(entry.Effective);
        }

        return ([.. entries[..from]], false, gone);
    }

    private static long RecordedBy(in FactEntry entry) => (entry.Recorded * 1_000L) + RestOfSecondMs;

    // Rules count these by their times; none counts one that is due.
    private static bool IsCounted(FactKind kind) => kind is FactKind.Refusal or FactKind.Attempt;

    // What is in effect changes only at an effective time.
    private static bool IsNoWeaker(FactKind kind, ReadOnlySpan<FactEntry> entries, ReadOnlySpan<byte> value, ReadOnlySpan<byte> after, long now)
    {
        var isNoWeaker = IsNoWeaker(kind, value, after, now);
        foreach (var entry in entries)
        {
            isNoWeaker &= entry.Effective <= now || IsNoWeaker(kind, value, after, entry.Effective);
        }

        return isNoWeaker;
    }

    private static bool IsNoWeaker(FactKind kind, ReadOnlySpan<byte> value, ReadOnlySpan<byte> after, long at) =>
        IsNoWeaker(kind, value, after, new CallMoment(at, IsNamed: true)) && IsNoWeaker(kind, value, after, new CallMoment(at, IsNamed: false));

    private static bool IsNoWeaker(FactKind kind, ReadOnlySpan<byte> value, ReadOnlySpan<byte> after, in CallMoment moment)
    {
        var was = VersionsInEffect.TryFind(kind, value, moment, out var old, out var oldStanding);
        var entry = default(FactEntry);
        var standing = 0L;
        var found = after.IsEmpty ? AsOf.Absent : VersionsInEffect.TryFind(kind, after, moment, out entry, out standing);
        var forbids = found == AsOf.Found && VersionsInEffect.Forbids(kind, entry);
        return (was, found) switch
        {
            (AsOf.Found, _) when VersionsInEffect.Forbids(kind, old) => forbids && standing >= oldStanding,
            (AsOf.Found, AsOf.Found) => forbids || (entry == old && standing == oldStanding),
            (AsOf.Found or AsOf.Absent, AsOf.Absent) => true,
            (AsOf.Absent, AsOf.Found) => forbids,
            _ => found == was || forbids,
        };
    }
}
