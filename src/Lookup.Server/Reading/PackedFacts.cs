using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Lookup.Core;
using Lookup.Core.Facts;

namespace Lookup.Server.Reading;

/// <summary>
/// Timelines of a number in one array: the cache session, the number of timelines, the id and the end of the value of each, then the
/// values.
/// </summary>
/// <param name="data">The array; null if nothing is cached.</param>
internal readonly struct PackedFacts(byte[]? data)
{
    private const int HeaderSize = 2 * sizeof(int);
    private const int IdSize = sizeof(ulong) + sizeof(ushort);

    // Bit of an end that marks an absent value.
    private const ushort Absent = 0x8000;

    /// <summary>Whether nothing is cached.</summary>
    internal bool IsNone => data is null;

    /// <summary>The cache session in which the facts were read.</summary>
    internal int Session => BinaryPrimitives.ReadInt32LittleEndian(data);

    private int Count => BinaryPrimitives.ReadInt32LittleEndian(data.AsSpan(sizeof(int)));

    /// <summary>Finds a timeline.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="cursor">Where to start; 0 at first. Lookups in the order of the reads need one step each.</param>
    /// <param name="value">Its value; null if it is known to be absent.</param>
    /// <returns>Whether the timeline is cached.</returns>
    internal bool TryFind(in FactId id, ref int cursor, out StoredValue value)
    {
        var wanted = Pack(id);
        var count = Count;
        for (var tried = 0; tried < count; tried++)
        {
            var index = cursor < count ? cursor : 0;
            cursor = index + 1;
            if (PackedAt(index) == wanted)
            {
                value = ValueAt(index);
                return true;
            }
        }

        value = default;
        return false;
    }

    /// <summary>Returns the size of these timelines in bytes.</summary>
    internal static int SizeOf(ReadOnlySpan<StoredValue> values)
    {
        var size = HeaderSize + (values.Length * IdSize);
        foreach (ref readonly var value in values)
        {
            size += value.Span.Length;
        }

        return size;
    }

    /// <summary>Packs timelines; together below 32,768 bytes.</summary>
    internal static byte[] Write(int session, ReadOnlySpan<FactId> ids, ReadOnlySpan<StoredValue> values)
    {
        var data = new byte[SizeOf(values)];
        BinaryPrimitives.WriteInt32LittleEndian(data, session);
        BinaryPrimitives.WriteInt32LittleEndian(data.AsSpan(sizeof(int)), ids.Length);
        var end = HeaderSize + (ids.Length * IdSize);
        for (var i = 0; i < ids.Length; i++)
        {
            var value = values[i].Span;
            value.CopyTo(data.AsSpan(end));
            end += value.Length;
            var place = data.AsSpan(HeaderSize + (i * IdSize));
            BinaryPrimitives.WriteUInt64LittleEndian(place, Pack(ids[i]));
            BinaryPrimitives.WriteUInt16LittleEndian(place[sizeof(ulong)..], (ushort)(values[i].IsNull ? end | Absent : end));
        }

        return data;
    }

    /// <summary>Packs the timelines just read, and those cached before unless the result would be too large.</summary>
    internal static byte[] Join(byte[] fresh, byte[] known, int most)
    {
        var (first, second) = (new PackedFacts(fresh), new PackedFacts(known));
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

    private static ulong Pack(in FactId id) => ((ulong)id.Kind << 56) | ((ulong)id.Detail << 48) | id.Scope;

    private void AddTo(List<FactId> ids, List<StoredValue> values)
    {
        for (var i = 0; i < Count; i++)
        {
            var packed = PackedAt(i);
            var id = new FactId((FactKind)(packed >> 56), (byte)(packed >> 48), packed & ((1UL << 48) - 1));
            if (!ids.Contains(id))
            {
                ids.Add(id);
                values.Add(ValueAt(i));
            }
        }
    }

    private ulong PackedAt(int index) => BinaryPrimitives.ReadUInt64LittleEndian(data.AsSpan(HeaderSize + (index * IdSize)));

    private int EndAt(int index) =>
        BinaryPrimitives.ReadUInt16LittleEndian(data.AsSpan(HeaderSize + (index * IdSize) + sizeof(ulong)));

    private StoredValue ValueAt(int index)
    {
        var end = EndAt(index);
        if ((end & Absent) != 0)
        {
            return default;
        }

        var start = index == 0 ? HeaderSize + (Count * IdSize) : EndAt(index - 1) & ~Absent;
        return new StoredValue(data, start, end - start);
    }
}
