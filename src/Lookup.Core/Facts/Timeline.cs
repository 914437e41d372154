// For: the stored value of one fact of one number, which is its versions over time.
//
// Decisions as of an earlier time, and facts that take effect later, need more than the latest version. So a value keeps up to eight
// versions, one per effective time, newest first. Merging is the union of two sets of versions; versions with the same effective time
// become one that forbids at least as much as either (FactLattice). With more than eight, the newest seven and the oldest remain and the
// value is marked as cut: the versions between them are lost, and are reported as lost, never as absent.
//
// Merging is commutative, associative and idempotent, including cuts. Union and join are; and a version is dropped only when seven newer
// ones and an older one are known, which no later merge changes, so it could not have come back.
//
// Bytes (version 1). Each fact has exactly one form, so equal bytes mean equal facts and the reverse:
//   header   bits 0-3 number of entries 1..8; bits 4-6 format version; bit 7 cut
//   entry    flags (Fields); effective, 6 bytes; recorded, 4 bytes; source, varint; then what the flags name:
//            until 6, since 6, categories varint (relations: the last transaction, 6), marks 1, months 1, type 1 (of a subscriber, or the
//            form of a consent); "withdrawn" and "shared" have no bytes
// Integers are big-endian; varints have the least significant group first, as in protobuf.
//
// Reference: M. Shapiro et al., "Conflict-free replicated data types" (2011), state-based objects.
namespace Lookup.Core.Facts;

/// <summary>What a timeline contains for a point in time.</summary>
public enum AsOf : byte
{
    /// <summary>No version was in effect.</summary>
    Absent,
    /// <summary>A version was in effect; it may be a withdrawal.</summary>
    Found,
    /// <summary>The version in effect at that time was dropped; whether there was one, and its content, are unknown.</summary>
    Cut,
    /// <summary>The value cannot be read: damaged, or written by a newer program version. Never treat it as absent.</summary>
    Unreadable,
}

/// <summary>Makes, merges and reads the stored values of facts.</summary>
public static class Timeline
{
    /// <summary>The most versions in a value.</summary>
    public const int MaxEntries = 8;

    /// <summary>The largest size of a value in bytes.</summary>
    public const int MaxSize = 1 + (MaxEntries * TimelineFormat.MaxEntrySize);

    /// <summary>Makes the value of a fact with one version. Fields that do not belong to the kind are left out.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The kind is undefined, or a field is out of range.</exception>
    public static byte[] Single(FactKind kind, in FactEntry entry)
    {
        var normal = FactLattice.Normalise(kind, entry);
        return TimelineFormat.Write(kind, new ReadOnlySpan<FactEntry>(in normal), cut: false);
    }

    /// <summary>Merges two values. Either may be empty for "nothing stored yet", but not both.</summary>
    /// <exception cref="InvalidDataException">One of them cannot be read.</exception>
    public static byte[] Merge(FactKind kind, ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        Span<FactEntry> left = stackalloc FactEntry[MaxEntries];
        Span<FactEntry> right = stackalloc FactEntry[MaxEntries];
        left = left[..ReadOrThrow(kind, a, left, out var leftCut)];
        right = right[..ReadOrThrow(kind, b, right, out var rightCut)];
        if (left.IsEmpty && right.IsEmpty)
        {
            throw new InvalidDataException("Both values are empty.");
        }

        Span<FactEntry> merged = stackalloc FactEntry[2 * MaxEntries];
        var count = 0;
        while (!left.IsEmpty || !right.IsEmpty)
        {
            var order = left.IsEmpty ? -1 : right.IsEmpty ? 1 : left[0].Effective.CompareTo(right[0].Effective);
            merged[count++] = order > 0 ? left[0] : order < 0 ? right[0] : FactLattice.Join(kind, left[0], right[0]);
            left = left[(order >= 0 ? 1 : 0)..];
            right = right[(order <= 0 ? 1 : 0)..];
        }

        var cut = leftCut || rightCut || count > MaxEntries;
        if (count > MaxEntries)
        {
            merged[MaxEntries - 1] = merged[count - 1];
            count = MaxEntries;
        }

        return TimelineFormat.Write(kind, merged[..count], cut);
    }

    /// <summary>Finds the version in effect at a time. Allocates nothing.</summary>
    /// <param name="kind">The kind that the value was stored under.</param>
    /// <param name="value">The value. An empty one is unreadable; the caller handles a missing one.</param>
    /// <param name="at">Unix milliseconds.</param>
    /// <param name="entry">The latest version with an effective time at or before <paramref name="at"/>.</param>
    /// <param name="known">Versions recorded after this time do not count, in Unix milliseconds.</param>
    public static AsOf TryAsOf(FactKind kind, ReadOnlySpan<byte> value, long at, out FactEntry entry, long known = long.MaxValue)
    {
        entry = default;
        var reader = new TimelineReader(kind, value);
        var found = AsOf.Absent;
        while (reader.TryNext(out var next))
        {
            if (found == AsOf.Absent && next.Effective <= at && VersionsInEffect.WasKnown(kind, next, known))
            {
                // Dropped versions lie between the last two.
                found = reader.Cut && reader.EntriesLeft == 0 ? AsOf.Cut : AsOf.Found;
                entry = next;
            }
        }

        if (!reader.Complete)
        {
            found = AsOf.Unreadable;
        }

        if (found != AsOf.Found)
        {
            entry = default;
        }

        return found;
    }

    /// <summary>Finds the version with exactly this effective time.</summary>
    /// <returns>False if there is none, or if the value is empty or cannot be read.</returns>
    public static bool TryAt(FactKind kind, ReadOnlySpan<byte> value, long effective, out FactEntry entry)
    {
        var reader = new TimelineReader(kind, value);
        while (reader.TryNext(out entry))
        {
            if (entry.Effective == effective)
            {
                return true;
            }
        }

        entry = default;
        return false;
    }

    /// <summary>Reads all versions, newest first. Allocates nothing.</summary>
    /// <param name="kind">The kind that the value was stored under.</param>
    /// <param name="entries">At least <see cref="MaxEntries"/> long.</param>
    /// <param name="cut">Whether versions between the last and the one before it were dropped.</param>
    /// <returns>The number of versions; -1 if the value cannot be read.</returns>
    public static int Read(FactKind kind, ReadOnlySpan<byte> value, Span<FactEntry> entries, out bool cut)
    {
        var reader = new TimelineReader(kind, value);
        var count = 0;
        while (reader.TryNext(out var next))
        {
            entries[count++] = next;
        }

        cut = reader.Complete && reader.Cut;
        return reader.Complete ? count : -1;
    }

    /// <summary>Reads all versions as <see cref="Read"/> does; 0 for an empty value.</summary>
    /// <exception cref="InvalidDataException">The value cannot be read.</exception>
    internal static int ReadOrThrow(FactKind kind, ReadOnlySpan<byte> value, Span<FactEntry> entries, out bool cut)
    {
        cut = false;
        if (value.IsEmpty)
        {
            return 0;
        }

        var count = Read(kind, value, entries, out cut);
        return count >= 0
            ? count
            : throw new InvalidDataException("A stored fact cannot be read: it is damaged or was written by a newer program version.");
    }
}
