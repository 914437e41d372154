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
    private ReadOnlySpan<byte> _rest;
    private long _before = long.MaxValue;
    private bool _broken;

    public TimelineReader(FactKind kind, ReadOnlySpan<byte> value)
    {
        _allowed = TimelineFormat.Allowed(kind);
        _marks = TimelineFormat.MarksOf(kind);
        _isConsent = kind == FactKind.Consent;
        _isRelation = kind == FactKind.Relation;
        if (value.IsEmpty || _allowed == Fields.None)
        {
            _broken = true;
            return;
        }

        var header = value[0];
        _rest = value[1..];
        Cut = (header & TimelineFormat.CutBit) != 0;
        Left = header & TimelineFormat.CountMask;
        _broken = ((header >> TimelineFormat.VersionShift) & TimelineFormat.VersionMask) != TimelineFormat.Version
            || Left is 0 or > Timeline.MaxEntries
            || (Cut && Left != Timeline.MaxEntries);
    }

    /// <summary>Whether entries between the last and the one before it were dropped.</summary>
    public bool Cut { get; }

    /// <summary>The number of entries not read yet.</summary>
    public int Left { get; private set; }

    /// <summary>Whether everything was read without a fault.</summary>
    public readonly bool Complete => !_broken && Left == 0 && _rest.IsEmpty;

    /// <summary>Reads the next entry; returns false at the end or at the first fault.</summary>
    public bool TryNext(out FactEntry entry)
    {
        entry = default;
        if (_broken || Left == 0)
        {
            return false;
        }

        Left--;

        var fields = (Fields)TakeByte(byte.MaxValue);
        _broken |= (fields & ~_allowed) != 0;
        var effective = TakeTime();
        _broken |= effective >= _before;
        _before = effective;
        entry = new FactEntry
        {
            Effective = effective,
            Withdrawn = (fields & Fields.Withdrawn) != 0,
            Shared = (fields & Fields.Shared) != 0,
            Recorded = TakeUInt32(),
            Source = TakeVarint(),
            Until = (fields & Fields.Until) != 0 ? TakeTime() : FactEntry.Open,
            Since = (fields & Fields.Since) != 0 ? TakeTime() : 0,
            LastTransaction = _isRelation && (fields & Fields.LastTransaction) != 0 ? TakeTime() : 0,
            Categories = !_isRelation && (fields & Fields.Categories) != 0 ? TakeVarint() : 0,
            Marks = (fields & Fields.Marks) != 0 ? (FactMarks)TakeByte((byte)TimelineFormat.AllMarks) : 0,
            FirstContactMonths = (fields & Fields.Months) != 0 ? TakeByte(TimelineFormat.MaxMonths) : (byte)0,
        };
        if ((fields & Fields.Type) != 0)
        {
            entry = _isConsent
                ? entry with { Form = (ConsentForm)TakeByte((byte)ConsentForm.Appointment) }
                : entry with { Subscriber = (SubscriberType)TakeByte((byte)SubscriberType.LegalPerson) };
        }

        _broken |= (entry.Marks & ~_marks) != 0;
        _broken |= _isConsent && entry.Since != 0 && entry.Form != ConsentForm.Appointment;
        // Rejects a stored field that has its default value, and a second form of "since".
        _broken |= TimelineFormat.FieldsOf(entry) != fields || entry.Since == effective && effective != 0;
        _broken |= entry.LastTransaction != 0 && entry.LastTransaction <= entry.Begin;
        return !_broken;
    }

    private byte TakeByte(byte max)
    {
        if (_rest.IsEmpty || _rest[0] > max)
        {
            _broken = true;
            return 0;
        }

        var value = _rest[0];
        _rest = _rest[1..];
        return value;
    }

    private uint TakeUInt32()
    {
        if (!BinaryPrimitives.TryReadUInt32BigEndian(_rest, out var value))
        {
            _broken = true;
            return 0;
        }

        _rest = _rest[sizeof(uint)..];
        return value;
    }

    private long TakeTime()
    {
        if (_rest.Length < TimelineFormat.TimeSize)
        {
            _broken = true;
            return 0;
        }

        var value = ((long)BinaryPrimitives.ReadUInt16BigEndian(_rest) << 32)
            | BinaryPrimitives.ReadUInt32BigEndian(_rest[sizeof(ushort)..]);
        _rest = _rest[TimelineFormat.TimeSize..];
        _broken |= value > TimelineFormat.MaxTime;
        return value;
    }

    // Accepts only the shortest form of a value.
    private uint TakeVarint()
    {
        ulong value = 0;
        for (var i = 0; i < TimelineFormat.MaxVarint && i < _rest.Length; i++)
        {
            value |= (ulong)(_rest[i] & 0x7F) << (7 * i);
            if (_rest[i] >= 0x80)
            {
                continue;
            }

            _broken |= value > uint.MaxValue || (i > 0 && _rest[i] == 0);
            _rest = _rest[(i + 1)..];
            return (uint)value;
        }

        _broken = true;
        return 0;
    }
}
