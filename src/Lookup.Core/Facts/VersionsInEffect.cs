// For: deciding which versions of a fact count for a call, although clocks differ and facts are recorded late.
//
// A version has two times: when it took effect, which a person, a dialer or another system states, and when it was recorded. A clock that
// is fast or slow makes the first one wrong. Therefore a version that forbids is placed as late as its times allow, and one that permits
// as early as they allow:
//   - For a call placed now, a stored version that forbids counts however far in the future its effective time is: it was acknowledged,
//     so it applies. For a call time that the caller names, it counts from the earlier of its two times. A version that permits counts
//     from its effective time in both cases.
//   - In the order of versions, one that permits is never placed after its recording. One that forbids and was recorded up to five
//     minutes after its effective time is placed at its recording, since the clock that stated the effective time may have been slow.
//   - A decision on what was known at an earlier moment leaves out what was recorded later. Of the second of that moment, what forbids
//     counts and what permits does not.
//   - A version replaces those placed before it, except that a registration only adds its categories: a keeper's file has a row for each.
//     Only a removal, or a snapshot of the whole register, replaces registrations. All versions that forbid and are not replaced count
//     together. Recording times are whole seconds, so "the recording" is the end of that second for both sides, and of two versions
//     placed at the same time the one that forbids wins.
//
// Earlier program versions imported consents without a time and recorded them as captured at the moment of each import. Such a version is
// recognised by its source, an import, and by being recorded in the second in which it took effect. It still permits, but it is placed
// before everything that forbids.
namespace Lookup.Core.Facts;

/// <summary>The time of the call that a decision is about.</summary>
/// <param name="At">Unix milliseconds.</param>
/// <param name="IsNamed">Whether the caller named the time; otherwise the call is placed now.</param>
/// <param name="Loaded">
/// Registrations: the date of the newest loaded snapshot of the register, in Unix milliseconds. Removals by newer snapshots do not count.
/// </param>
/// <param name="Known">Facts recorded later do not count, in Unix milliseconds.</param>
public readonly record struct CallMoment(long At, bool IsNamed, long Loaded = long.MaxValue, long Known = long.MaxValue);

/// <summary>Finds the versions of a fact that count for a call.</summary>
public static class VersionsInEffect
{
    /// <summary>A version that forbids is placed at its recording if that is at most this much after its effective time, in ms.</summary>
    public const long MaxLateMs = 5 * 60 * 1_000;

    // Recording times are whole seconds; the end of the second is meant.
    private const long RestOfSecondMs = 999;

    /// <summary>Finds the version that decides. Allocates nothing.</summary>
    /// <param name="kind">The kind that the value was stored under.</param>
    /// <param name="value">The value. An empty one is unreadable; the caller handles a missing one.</param>
    /// <param name="moment">The time of the call.</param>
    /// <param name="entry">
    /// The version in effect. Where several registrations forbid together: the first of them, with the categories of all.
    /// </param>
    /// <param name="standing">The time, in Unix milliseconds, at which it is compared with other facts.</param>
    public static AsOf TryFind(FactKind kind, ReadOnlySpan<byte> value, in CallMoment moment, out FactEntry entry, out long standing)
    {
        var reader = new TimelineReader(kind, value);
        if (reader.EntriesLeft == 1)
        {
            if (!reader.TryNext(out entry) || !reader.Complete)
            {
                (entry, standing) = (default, 0);
                return AsOf.Unreadable;
            }

            return TryFindSingle(kind, ref entry, moment, out standing);
        }

        return TryFindAmong(kind, ref reader, moment, out entry, out standing);
    }

    /// <summary>Returns whether a version is on the side that forbids: a fact that forbids, or a withdrawn fact that permits.</summary>
    public static bool Forbids(FactKind kind, in FactEntry entry) => kind == FactKind.Subscriber
        ? !entry.Withdrawn && entry.Subscriber <= SubscriberType.Consumer
        : entry.Withdrawn == FactLattice.WithdrawalForbids(kind);

    /// <summary>Returns whether the times of a version that forbids let it count for a call.</summary>
    public static bool CountsEarly(in FactEntry entry, in CallMoment moment) =>
        !moment.IsNamed || Math.Min(entry.Effective, entry.Recorded * 1_000L) <= moment.At;

    /// <summary>Returns whether a version was on record.</summary>
    /// <param name="kind">Kind of the fact.</param>
    /// <param name="entry">The version.</param>
    /// <param name="known">The moment in Unix milliseconds.</param>
    public static bool WasKnown(FactKind kind, in FactEntry entry, long known) =>
        known == long.MaxValue || (entry.Recorded * 1_000L) + (Forbids(kind, entry) ? 0 : RestOfSecondMs + 1) <= known;

    /// <summary>Marks the versions of a timeline that decide, for display.</summary>
    /// <param name="kind">Kind of the timeline.</param>
    /// <param name="entries">All versions, newest first.</param>
    /// <param name="moment">The time of the call.</param>
    /// <param name="decides">Receives the result for each version.</param>
    public static void Mark(FactKind kind, ReadOnlySpan<FactEntry> entries, in CallMoment moment, Span<bool> decides)
    {
        var replaced = ReplacedBefore(kind, entries, moment);
        var forbids = false;
        for (var i = 0; i < entries.Length; i++)
        {
            decides[i] = Counts(kind, entries[i], moment, out var standing) && standing >= replaced;
            forbids |= decides[i] && Forbids(kind, entries[i]);
        }

        var found = false;
        for (var i = 0; i < entries.Length; i++)
        {
            decides[i] &= forbids ? Forbids(kind, entries[i]) : !found;
            found |= decides[i];
        }
    }

    /// <summary>Finds the categories that a number is registered for as of a time, without regard to clocks.</summary>
    /// <param name="value">The value of a registration.</param>
    /// <param name="at">Unix milliseconds.</param>
    /// <param name="categories">Bits of the categories; 0 for all, and where versions were dropped.</param>
    /// <returns><see cref="AsOf.Absent"/> if it is not registered, <see cref="AsOf.Cut"/> if that is not known any more.</returns>
    public static AsOf TryRegistered(ReadOnlySpan<byte> value, long at, out uint categories)
    {
        var reader = new TimelineReader(FactKind.Registration, value);
        var (found, ended) = (AsOf.Absent, false);
        categories = 0;
        while (reader.TryNext(out var version))
        {
            if (ended || version.Effective > at)
            {
                continue;
            }

            if (reader.Cut && reader.EntriesLeft == 0)
            {
                // Dropped versions lie between the last two.
                (found, categories) = (found == AsOf.Absent ? AsOf.Cut : found, 0);
                continue;
            }

            if (!version.Withdrawn)
            {
                categories = found == AsOf.Absent ? version.Categories : Union(categories, version.Categories);
                found = AsOf.Found;
            }

            ended = Replaces(FactKind.Registration, version);
        }

        return reader.Complete ? found : AsOf.Unreadable;
    }

    private static AsOf TryFindSingle(FactKind kind, ref FactEntry entry, in CallMoment moment, out long standing)
    {
        if (Counts(kind, entry, moment, out standing))
        {
            return AsOf.Found;
        }

        entry = default;
        return AsOf.Absent;
    }

    private static AsOf TryFindAmong(FactKind kind, ref TimelineReader reader, in CallMoment moment, out FactEntry entry, out long standing)
    {
        Span<FactEntry> entries = stackalloc FactEntry[Timeline.MaxEntries];
        (entry, standing) = (default, long.MinValue);
        var count = 0;
        while (reader.TryNext(out var next))
        {
            entries[count++] = next;
        }

        if (!reader.Complete)
        {
            return AsOf.Unreadable;
        }

        entries = entries[..count];
        var replaced = ReplacedBefore(kind, entries, moment);
        var (found, forbids) = (false, false);
        foreach (ref readonly var version in entries)
        {
            if (!Counts(kind, version, moment, out var at) || at < replaced)
            {
                continue;
            }

            if (!Forbids(kind, version))
            {
                if (!found)
                {
                    (entry, standing, found) = (version, at, true);
                }
            }
            else if (!forbids)
            {
                (entry, standing, found, forbids) = (version, at, true, true);
            }
            else
            {
                entry = Combine(kind, entry, version);
                standing = Math.Max(standing, at);
            }
        }

        if (kind == FactKind.Subscriber && found && !forbids && !moment.IsNamed)
        {
            ProtectEarly(entries, moment, ref entry);
        }

        return reader.Cut ? WithCut(entries, replaced, found, forbids, moment, ref entry, ref standing)
            : found ? AsOf.Found
            : AsOf.Absent;
    }

    // Dropped versions lie between the last two. One of them may have forbidden, unless a kept version has replaced them all.
    private static AsOf WithCut(
        ReadOnlySpan<FactEntry> entries, long replaced, bool found, bool forbids, in CallMoment moment, ref FactEntry entry, ref long standing)
    {
        var before = entries[^2].Effective;
        if (!found && moment.IsNamed && moment.At < entries[^1].Effective)
        {
            return AsOf.Absent;
        }

        var latest = before + MaxLateMs + RestOfSecondMs;
        if (replaced > latest)
        {
            return AsOf.Found;
        }

        if (forbids && standing >= before)
        {
            entry = entry with { Categories = 0 };
            standing = Math.Max(standing, latest);
            return AsOf.Found;
        }

        (entry, standing) = (default, 0);
        return AsOf.Cut;
    }

    // Versions placed before this time are replaced.
    private static long ReplacedBefore(FactKind kind, ReadOnlySpan<FactEntry> entries, in CallMoment moment)
    {
        var replaced = long.MinValue;
        foreach (ref readonly var version in entries)
        {
            if (Replaces(kind, version) && version.Effective <= moment.At && !IsPending(version, moment) && WasKnown(kind, version, moment.Known))
            {
                replaced = Math.Max(replaced, Earliest(version));
            }
        }

        return replaced;
    }

    // A registration adds to those before it, unless it states what a whole snapshot of the register has.
    private static bool Replaces(FactKind kind, in FactEntry version) =>
        kind != FactKind.Registration || version.Withdrawn || (version.Marks & FactMarks.Snapshot) != 0;

    private static uint Union(uint one, uint other) => one == 0 || other == 0 ? 0 : one | other;

    private static bool Counts(FactKind kind, in FactEntry version, in CallMoment moment, out long standing)
    {
        if (Forbids(kind, version))
        {
            standing = Latest(version);
            return CountsEarly(version, moment) && WasKnown(kind, version, moment.Known);
        }

        standing = Earliest(version);
        return version.Effective <= moment.At && !IsPending(version, moment) && WasKnown(kind, version, moment.Known);
    }

    private static bool IsPending(in FactEntry version, in CallMoment moment) =>
        (version.Marks & FactMarks.Snapshot) != 0 && version.Effective > moment.Loaded;

    private static long Earliest(in FactEntry version)
    {
        var recorded = version.Recorded * 1_000L;
        // Recorded by an import in the second in which it took effect: the consent had no time.
        return version.Effective - recorded is >= 0 and <= RestOfSecondMs
            && FactSource.IsImport(version.Source) && (version.Marks & FactMarks.Snapshot) == 0
            ? 0
            : Math.Min(version.Effective, recorded + RestOfSecondMs);
    }

    private static long Latest(in FactEntry version)
    {
        var recorded = (version.Recorded * 1_000L) + RestOfSecondMs;
        return recorded - version.Effective is > 0 and <= MaxLateMs + RestOfSecondMs ? recorded : version.Effective;
    }

    private static FactEntry Combine(FactKind kind, in FactEntry newer, in FactEntry older) => kind != FactKind.Registration
        ? newer
        : newer with
        {
            Effective = older.Effective,
            Categories = Union(newer.Categories, older.Categories),
            Marks = newer.Marks | older.Marks,
        };

    // A future version may withdraw a record that protects less, or replace it by one that protects more.
    private static void ProtectEarly(ReadOnlySpan<FactEntry> entries, in CallMoment moment, ref FactEntry entry)
    {
        foreach (ref readonly var version in entries)
        {
            if (version.Effective > moment.At && WasKnown(FactKind.Subscriber, version, moment.Known) && !entry.Withdrawn && (version.Withdrawn || version.Subscriber < entry.Subscriber))
            {
                entry = version;
            }
        }
    }
}
