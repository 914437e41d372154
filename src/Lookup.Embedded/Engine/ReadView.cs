using System.Buffers.Binary;
using RocksDbSharp;

namespace Lookup.Embedded.Engine;

/// <summary>Reads the values of Redis as they are at one moment. One caller at a time.</summary>
internal abstract class ReadView
{
    /// <summary>Maximum length of a string in bytes, as in Redis.</summary>
    internal const long MaxString = 512L * 1024 * 1024;

    private protected ReadView(TimeProvider clock) => Clock = clock;

    private protected EngineKey Names { get; } = new();

    private TimeProvider Clock { get; }

    /// <summary>The current time in Unix milliseconds.</summary>
    internal long Now => Clock.GetUtcNow().ToUnixTimeMilliseconds();

    internal virtual byte[]? HashGet(ReadOnlySpan<byte> name, ReadOnlySpan<byte> field) => Get(Names.Build(EngineKey.Hash, name, field));

    /// <summary>Calls back with each field of a hash and its value, in the order of the fields.</summary>
    internal void HashEach(ReadOnlySpan<byte> name, FieldAction each) => Each(EngineKey.Hash, name, each);

    /// <summary>Calls back with each member of a set, in order.</summary>
    internal void SetEach(ReadOnlySpan<byte> name, FieldAction each) => Each(EngineKey.Member, name, each);

    /// <summary>Returns the number of members of a sorted set.</summary>
    internal long SortedCount(ReadOnlySpan<byte> name)
    {
        long count = 0;
        Each(EngineKey.Scored, name, (_, _) => count++);
        return count;
    }

    /// <summary>Returns the members of a sorted set in ascending order of their scores.</summary>
    internal List<(double Score, byte[] Member)> SortedAll(ReadOnlySpan<byte> name)
    {
        var all = new List<(double, byte[])>();
        Each(EngineKey.Ordered, name, (rest, _) => all.Add((EngineKey.DecodeScore(rest), rest[sizeof(long)..].ToArray())));
        return all;
    }

    private void Each(byte kind, ReadOnlySpan<byte> name, FieldAction each)
    {
        var prefix = Names.Build(kind, name).ToArray();
        Scan(prefix, (key, value) =>
        {
            each(key[prefix.Length..], value);
            return true;
        });
    }

    internal bool Exists(ReadOnlySpan<byte> name)
    {
        if (StringLength(name) >= 0 || ListLength(name) > 0)
        {
            return true;
        }

        var found = false;
        foreach (var kind in (ReadOnlySpan<byte>)[EngineKey.Hash, EngineKey.Member, EngineKey.Scored])
        {
            Scan(Names.Build(kind, name).ToArray(), (_, _) =>
            {
                found = true;
                return false;
            });
        }

        return found;
    }

    /// <summary>Returns the length of a string in bytes; -1 if it does not exist.</summary>
    internal long StringLength(ReadOnlySpan<byte> name)
    {
        var head = Get(Names.Build(EngineKey.String, name));
        if (head is null)
        {
            return -1;
        }

        var expires = BinaryPrimitives.ReadInt64BigEndian(head.AsSpan(sizeof(long)));
        return expires > 0 && expires <= Now ? -1 : BinaryPrimitives.ReadInt64BigEndian(head);
    }

    /// <summary>Returns the bytes of a string; null if it does not exist.</summary>
    internal byte[]? StringGet(ReadOnlySpan<byte> name)
    {
        var length = StringLength(name);
        return length < 0 ? null : StringRange(name, 0, length);
    }

    /// <summary>Returns a range of an existing string.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="start">Index of the first byte.</param>
    /// <param name="length">Number of bytes; the range must be within the string.</param>
    internal byte[] StringRange(ReadOnlySpan<byte> name, long start, long length)
    {
        var bytes = new byte[length];
        if (length == 0)
        {
            return bytes;
        }

        var prefix = Names.Build(EngineKey.Piece, name).ToArray();
        var from = Names.BuildPiece(name, start / EngineKey.PieceSize).ToArray();
        Scan(prefix, from, (key, value) =>
        {
            // Position of the piece's first byte; the first piece may start before the range.
            var at = (BinaryPrimitives.ReadUInt32BigEndian(key[prefix.Length..]) * (long)EngineKey.PieceSize) - start;
            if (at >= length)
            {
                return false;
            }

            var skip = (int)Math.Max(0, -at);
            var take = (int)Math.Min(value.Length - skip, length - Math.Max(0, at));
            value.Slice(skip, take).CopyTo(bytes.AsSpan((int)Math.Max(0, at)));
            return true;
        });
        return bytes;
    }

    internal long ListLength(ReadOnlySpan<byte> name)
    {
        var (first, end) = ListEnds(name);
        return end - first;
    }

    internal byte[]? ListIndex(ReadOnlySpan<byte> name, long index)
    {
        var (first, end) = ListEnds(name);
        var at = index < 0 ? end + index : first + index;
        return at < first || at >= end ? null : Element(name, at);
    }

    /// <summary>Returns elements of a list, including both ends of the range; negative indexes count from its end.</summary>
    internal List<byte[]> ListRange(ReadOnlySpan<byte> name, long start, long stop)
    {
        var (first, end) = ListEnds(name);
        var (from, to) = Clamp(start, stop, end - first);
        var elements = new List<byte[]>();
        if (from > to)
        {
            return elements;
        }

        var left = to - from + 1;
        Scan(Names.Build(EngineKey.Element, name).ToArray(), Names.BuildElement(name, first + from).ToArray(), (_, value) =>
        {
            elements.Add(value.ToArray());
            return --left > 0;
        });
        return left == 0 ? elements : throw new EngineFault(EngineFault.Damaged, "A list of the store lacks elements.");
    }

    /// <summary>Returns the value of an entry; null if it does not exist.</summary>
    private protected abstract byte[]? Get(ReadOnlySpan<byte> key);

    /// <summary>Creates an iterator, which the caller disposes.</summary>
    /// <param name="options">Verifies checksums, and has the bound. It must live as long as the iterator.</param>
    private protected abstract Iterator Iterate(ReadOptions options);

    private protected void Scan(byte[] prefix, EntryAction each) => Scan(prefix, prefix, each);

    private protected void Scan(byte[] prefix, byte[] from, EntryAction each)
    {
        // The iterator reads the bound from the options, whose finalizer frees it.
        var options = new ReadOptions().SetVerifyChecksums(true).SetIterateUpperBound(EndOf(prefix));
        using (var iterator = Iterate(options))
        {
            for (iterator.Seek(from); iterator.Valid(); iterator.Next())
            {
                var key = iterator.GetKeySpan();
                // An iterator over a batch and the database does not respect the bound.
                if (!key.StartsWith(prefix) || !each(key, iterator.GetValueSpan()))
                {
                    break;
                }
            }

            // An iteration ends in the same way at damage and at its end; only this call distinguishes them.
            Native.Instance.rocksdb_iter_get_error(iterator.Handle);
        }

        GC.KeepAlive(options);
    }

    private protected byte[] Element(ReadOnlySpan<byte> name, long at) =>
        Get(Names.BuildElement(name, at)) ?? throw new EngineFault(EngineFault.Damaged, "A list of the store lacks elements.");

    /// <summary>Returns the index of a list's first element, and of the one after its last.</summary>
    private protected virtual (long First, long End) ListEnds(ReadOnlySpan<byte> name) =>
        Get(Names.Build(EngineKey.List, name)) is { } head
            ? (BinaryPrimitives.ReadInt64BigEndian(head), BinaryPrimitives.ReadInt64BigEndian(head.AsSpan(sizeof(long))))
            : (0, 0);

    /// <summary>Converts a range of Redis to indexes from 0; if it is empty, the first is greater than the second.</summary>
    internal static (long From, long To) Clamp(long start, long stop, long length)
    {
        var from = Math.Max(0, start < 0 ? length + start : start);
        var to = Math.Min(length - 1, stop < 0 ? length + stop : stop);
        return (from, to);
    }

    private static byte[] EndOf(byte[] prefix)
    {
        var end = (byte[])prefix.Clone();
        for (var i = end.Length - 1; i >= 0; i--)
        {
            if (++end[i] != 0)
            {
                return end[..(i + 1)];
            }
        }

        throw new InvalidOperationException("A prefix starts with a kind, which is below 255.");
    }

    internal delegate void FieldAction(ReadOnlySpan<byte> field, ReadOnlySpan<byte> value);

    /// <summary>Receives an entry; returns false to end the scan.</summary>
    private protected delegate bool EntryAction(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);
}
