using System.Buffers.Binary;

namespace Lookup.Core.Facts;

/// <summary>
/// Reads the bytes of a timeline entry by entry and rejects anything that <see cref="TimelineFormat"/> would not write. Never throws.
/// </summary>
internal ref struct TimelineReader
{
    private readonly Fields _allowed;
    private readonly FactMarks _marks;
    private readonly bool _isConsent;
    private readonly bool _isRelation;
    private ReadOnlySpan<byte> _remaining;
    private long _before = long.MaxValue;
    private bool _invalid;

    public TimelineReader(FactKind kind, ReadOnlySpan<byte> value)
    {
        _allowed = TimelineFormat.Allowed(kind);
        _marks = TimelineFormat.MarksOf(kind);
        _isConsent = kind == FactKind.Consent;
        _isRelation = kind == FactKind.Relation;
        if (value.IsEmpty || _allowed == Fields.None)
        {
            _invalid = true;
            return;
        }

        var header = value[0];
        _remaining = value[1..];
        Cut = (header & TimelineFormat.CutBit) != 0;
        EntriesLeft = header & TimelineFormat.CountMask;
        _invalid = ((header >> TimelineFormat.VersionShift) & TimelineFormat.VersionMask) != TimelineFormat.Version
            || EntriesLeft is 0 or > Timeline.MaxEntries
            || (Cut && EntriesLeft != Timeline.MaxEntries);
    }

    /// <summary>Whether entries between the last and the one before it were dropped.</summary>
    public bool Cut { get; }

    /// <summary>The number of entries not read yet.</summary>
    public int EntriesLeft { get; private set; }

    /// <summary>Whether everything was read without a fault.</summary>
    public readonly bool Complete => !_invalid && EntriesLeft == 0 && _remaining.IsEmpty;

    /// <summary>Reads the next entry; returns false at the end or at the first fault.</summary>
    public bool TryNext(out FactEntry entry)
    {
        entry = default;
        if (_invalid || EntriesLeft == 0)
        {
            return false;
        }

        EntriesLeft--;

        var fields = (Fields)ReadByte(byte.MaxValue);
        _invalid |= (fields & ~_allowed) != 0;
        var effective = ReadTime();
        _invalid |= effective >= _before;
        _before = effective;
        entry = new FactEntry
        {
            Effective = effective,
            Withdrawn = (fields & Fields.Withdrawn) != 0,
            Shared = (fields & Fields.Shared) != 0,
            Recorded = ReadUInt32(),
            Source = ReadVarint(),
            Until = (fields & Fields.Until) != 0 ? ReadTime() : FactEntry.Open,
            Since = (fields & Fields.Since) != 0 ? ReadTime() : 0,
            LastTransaction = _isRelation && (fields & Fields.LastTransaction) != 0 ? ReadTime() : 0,
            Categories = !_isRelation && (fields & Fields.Categories) != 0 ? ReadVarint() : 0,
            Marks = (fields & Fields.Marks) != 0 ? (FactMarks)ReadByte((byte)TimelineFormat.AllMarks) : 0,
            FirstContactMonths = (fields & Fields.Months) != 0 ? ReadByte(TimelineFormat.MaxMonths) : (byte)0,
        };
        if ((fields & Fields.Type) != 0)
        {
            entry = _isConsent
                ? entry with { Form = (ConsentForm)ReadByte((byte)ConsentForm.Appointment) }
                : entry with { Subscriber = (SubscriberType)ReadByte((byte)SubscriberType.LegalPerson) };
        }

        _invalid |= (entry.Marks & ~_marks) != 0;
        _invalid |= _isConsent && entry.Since != 0 && entry.Form != ConsentForm.Appointment;
        // Rejects a stored field that has its default value, and a second form of "since".
        _invalid |= TimelineFormat.FieldsOf(entry) != fields || entry.Since == effective && effective != 0;
        _invalid |= entry.LastTransaction != 0 && entry.LastTransaction <= entry.Start;
        return !_invalid;
    }

    private byte ReadByte(byte max)
    {
        if (_remaining.IsEmpty || _remaining[0] > max)
        {
            _invalid = true;
            return 0;
        }

        var value = _remaining[0];
        _remaining = _remaining[1..];
        return value;
    }

    private uint ReadUInt32()
    {
        if (!BinaryPrimitives.TryReadUInt32BigEndian(_remaining, out var value))
        {
            _invalid = true;
            return 0;
        }

        _remaining = _remaining[sizeof(uint)..];
        return value;
    }

    private long ReadTime()
    {
        if (_remaining.Length < TimelineFormat.TimeSize)
        {
            _invalid = true;
            return 0;
        }

        var value = ((long)BinaryPrimitives.ReadUInt16BigEndian(_remaining) << 32)
            | BinaryPrimitives.ReadUInt32BigEndian(_remaining[sizeof(ushort)..]);
        _remaining = _remaining[TimelineFormat.TimeSize..];
        _invalid |= value > TimelineFormat.MaxTime;
        return value;
    }

    // Accepts only the shortest form of a value.
    private uint ReadVarint()
    {
        ulong value = 0;
        for (var i = 0; i < TimelineFormat.MaxVarint && i < _remaining.Length; i++)
        {
            value |= (ulong)(_remaining[i] & 0x7F) << (7 * i);
            if (_remaining[i] >= 0x80)
            {
                continue;
            }

            _invalid |= value > uint.MaxValue || (i > 0 && _remaining[i] == 0);
            _remaining = _remaining[(i + 1)..];
            return (uint)value;
        }

        _invalid = true;
        return 0;
    }
}
