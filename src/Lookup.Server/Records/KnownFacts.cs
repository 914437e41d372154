using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Lookup.Core.Facts;

namespace Lookup.Server.Records;

/// <summary>
/// Timelines of a number as they were read, in one array: the session, the number of timelines, for each its id and the
/// length of its value, then the values.
/// </summary>
internal readonly struct KnownFacts(byte[] data)
{
    private const int HeaderSize = sizeof(int) + sizeof(ushort);
    private const int IdSize = FactId.Size + sizeof(ushort);
    private const ushort Absent = ushort.MaxValue;

    /// <summary>The session of the partition in which it was read.</summary>
    internal int Session => BinaryPrimitives.ReadInt32LittleEndian(data);

    private int Count => BinaryPrimitives.ReadUInt16LittleEndian(data.AsSpan(sizeof(int)));

    /// <summary>Finds a timeline.</summary>
    /// <param name="id">Which.</param>
    /// <param name="cursor">Where to look first; 0 at first. In the order in which they were read each is found at once.</param>
    /// <param name="value">Its value, or none where it is known to be absent.</param>
    /// <returns>Whether it was read.</returns>
    internal bool TryFind(in FactId id, ref int cursor, out StoredValue value)
    {
        Span<byte> wanted = stackalloc byte[FactId.Size];
        id.WriteTo(wanted);
        var count = Count;
        for (var tried = 0; tried < count; tried++)
        {
            var index = cursor < count ? cursor : 0;
            cursor = index + 1;
            if (IdAt(index).SequenceEqual(wanted))
            {
                value = ValueAt(index);
                return true;
            }
        }

        value = default;
        return false;
    }

    /// <summary>Bytes that these take.</summary>
    internal static int SizeOf(ReadOnlySpan<StoredValue> values)
    {
        var size = HeaderSize + (values.Length * IdSize);
        foreach (ref readonly var value in values)
        {
            size += value.Span.Length;
        }

        return size;
    }

    internal static byte[] Write(int session, ReadOnlySpan<FactId> ids, ReadOnlySpan<StoredValue> values)
    {
        var data = new byte[SizeOf(values)];
        BinaryPrimitives.WriteInt32LittleEndian(data, session);
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(sizeof(int)), (ushort)ids.Length);
        var end = HeaderSize + (ids.Length * IdSize);
        for (var i = 0; i < ids.Length; i++)
        {
            var place = data.AsSpan(HeaderSize + (i * IdSize));
            ids[i].WriteTo(place);
            var value = values[i].Span;
            BinaryPrimitives.WriteUInt16LittleEndian(place[FactId.Size..], values[i].IsNull ? Absent : (ushort)value.Length);
            value.CopyTo(data.AsSpan(end));
            end += value.Length;
        }

        return data;
    }

    /// <summary>What was read just now, and what was known besides unless that makes it larger than it may be.</summary>
    internal static byte[] Join(byte[] fresh, byte[] known, int most)
    {
        var (first, second) = (new KnownFacts(fresh), new KnownFacts(known));
        if (first.Session != second.Session)
        {
            return fresh;
        }

        var ids = new List<FactId>();
        var values = new List<StoredValue>();
        first.AddTo(ids, values);
        var read = ids.Count;
        second.AddTo(ids, values);
        return ids.Count == read || SizeOf(CollectionsMarshal.AsSpan(values)) > most
            ? fresh
            : Write(first.Session, CollectionsMarshal.AsSpan(ids), CollectionsMarshal.AsSpan(values));
    }

    private void AddTo(List<FactId> ids, List<StoredValue> values)
    {
        for (var i = 0; i < Count; i++)
        {
            var id = FactId.Read(IdAt(i));
            if (!ids.Contains(id))
            {
                ids.Add(id);
                values.Add(ValueAt(i));
            }
        }
    }

    private ReadOnlySpan<byte> IdAt(int index) => data.AsSpan(HeaderSize + (index * IdSize), FactId.Size);

    private ushort LengthAt(int index) =>
        BinaryPrimitives.ReadUInt16LittleEndian(data.AsSpan(HeaderSize + (index * IdSize) + FactId.Size));

    private StoredValue ValueAt(int index)
    {
        var length = LengthAt(index);
        if (length == Absent)
        {
            return default;
        }

        var start = HeaderSize + (Count * IdSize);
        for (var i = 0; i < index; i++)
        {
            var before = LengthAt(i);
            start += before == Absent ? 0 : before;
        }

        return new StoredValue(data, start, length);
    }
}
