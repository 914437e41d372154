using System.Buffers.Binary;

namespace Lookup.Core.Facts;

/// <summary>The fields of an entry that are present. The values are stored.</summary>
[Flags]
internal enum Fields : byte
{
    None = 0,
    Withdrawn = 1,
    Until = 2,
    Since = 4,
    Categories = 8,
    Marks = 16,
    Months = 32,
    // Type of a subscriber, form of a consent.
    Type = 64,
    Shared = 128,

    /// <summary>Relations only, which have no categories. Older program versions cannot read such a value, so it permits nothing there.</summary>
    LastTransaction = Categories,
}

/// <summary>Writes the bytes of a timeline, see Timeline.cs.</summary>
internal static class TimelineFormat
{
    public const int Version = 1;
    public const int CountMask = 0x0F;
    public const int VersionShift = 4;
    public const int VersionMask = 0x07;
    public const int CutBit = 0x80;

    public const int TimeSize = 6;
    public const int MaxVarint = 5;

    // Flags, effective, recorded, source, until, since, categories or last transaction, marks, months, type.
    public const int MaxEntrySize = 1 + TimeSize + sizeof(uint) + MaxVarint + (3 * TimeSize) + 3;

    public const long MaxTime = 1L << 47;
    public const int MaxMonths = 120;
    public const FactMarks AllMarks = (FactMarks)63;

    /// <summary>The marks that entries of the kind can have.</summary>
    public static FactMarks MarksOf(FactKind kind) =>
        kind == FactKind.Registration ? FactMarks.Snapshot : AllMarks & ~FactMarks.Snapshot;

    private const Fields Common = Fields.Withdrawn | Fields.Shared;

    /// <summary>The fields that entries of the kind can have; throws for an undefined kind.</summary>
    public static Fields Allowed(FactKind kind) => kind switch
    {
        FactKind.Registration => Common | Fields.Categories | Fields.Marks,
        FactKind.Consent => Common | Fields.Until | Fields.Since | Fields.Marks | Fields.Months | Fields.Type,
        FactKind.Relation => Common | Fields.Until | Fields.Since | Fields.LastTransaction | Fields.Marks,
        FactKind.Subscriber => Common | Fields.Type,
        FactKind.Attempt => Common | Fields.Until,
        FactKind.Objection or FactKind.PublishedForOffers or FactKind.Refusal or FactKind.Reassignment => Common,
        _ => Fields.None,
    };

    /// <summary>Writes entries that are normalised for the kind, newest first.</summary>
    public static byte[] Write(FactKind kind, ReadOnlySpan<FactEntry> entries, bool cut)
    {
        if (Allowed(kind) == Fields.None)
        {
            throw new ArgumentOutOfRangeException(nameof(kind), kind, "Undefined kind of fact.");
        }

        Span<byte> buffer = stackalloc byte[Timeline.MaxSize];
        buffer[0] = (byte)(entries.Length | (Version << VersionShift) | (cut ? CutBit : 0));
        var length = 1;
        foreach (ref readonly var entry in entries)
        {
            length += WriteEntry(buffer[length..], entry);
        }

        return buffer[..length].ToArray();
    }

    public static Fields FieldsOf(in FactEntry entry) =>
        (entry.Withdrawn ? Fields.Withdrawn : 0)
        | (entry.Shared ? Fields.Shared : 0)
        | (entry.Until != FactEntry.Open ? Fields.Until : 0)
        | (entry.Since != 0 ? Fields.Since : 0)
        | (entry.Categories != 0 || entry.LastTransaction != 0 ? Fields.Categories : 0)
        | (entry.Marks != 0 ? Fields.Marks : 0)
        | (entry.FirstContactMonths != 0 ? Fields.Months : 0)
        | (entry.Subscriber != 0 || entry.Form != 0 ? Fields.Type : 0);

    private static int WriteEntry(Span<byte> to, in FactEntry entry)
    {
        var fields = FieldsOf(entry);
        to[0] = (byte)fields;
        var at = 1;
        WriteTime(to, ref at, entry.Effective, nameof(FactEntry.Effective));
        BinaryPrimitives.WriteUInt32BigEndian(to[at..], entry.Recorded);
        at += sizeof(uint);
        WriteVarint(to, ref at, entry.Source);
        if (fields.HasFlag(Fields.Until))
        {
            WriteTime(to, ref at, entry.Until, nameof(FactEntry.Until));
        }

        if (fields.HasFlag(Fields.Since))
        {
            WriteTime(to, ref at, entry.Since, nameof(FactEntry.Since));
        }

        if (entry.LastTransaction != 0)
        {
            WriteTime(to, ref at, entry.LastTransaction, nameof(FactEntry.LastTransaction));
        }
        else if (fields.HasFlag(Fields.Categories))
        {
            WriteVarint(to, ref at, entry.Categories);
        }

        if (fields.HasFlag(Fields.Marks))
        {
            WriteByte(to, ref at, (byte)entry.Marks, (byte)AllMarks, nameof(FactEntry.Marks));
        }

        if (fields.HasFlag(Fields.Months))
        {
            WriteByte(to, ref at, entry.FirstContactMonths, MaxMonths, nameof(FactEntry.FirstContactMonths));
        }

        if (entry.Form != 0)
        {
            WriteByte(to, ref at, (byte)entry.Form, (byte)ConsentForm.Appointment, nameof(FactEntry.Form));
        }
        else if (fields.HasFlag(Fields.Type))
        {
            WriteByte(to, ref at, (byte)entry.Subscriber, (byte)SubscriberType.LegalPerson, nameof(FactEntry.Subscriber));
        }

        return at;
    }

    private static void WriteTime(Span<byte> to, ref int at, long time, string field)
    {
        if (time is < 0 or > MaxTime)
        {
            throw new ArgumentOutOfRangeException(field, time, "Must be Unix milliseconds from 0 to 2^47.");
        }

        BinaryPrimitives.WriteUInt16BigEndian(to[at..], (ushort)(time >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(to[(at + sizeof(ushort))..], (uint)time);
        at += TimeSize;
    }

    private static void WriteByte(Span<byte> to, ref int at, byte value, byte max, string field)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, max, field);
        to[at++] = value;
    }

    private static void WriteVarint(Span<byte> to, ref int at, uint value)
    {
        while (value >= 0x80)
        {
            to[at++] = (byte)(value | 0x80);
            value >>= 7;
        }

        to[at++] = (byte)value;
    }
}
