using System.Buffers.Binary;
using RocksDbSharp;

namespace Lookup.Embedded.Engine;

/// <summary>
/// Reads and changes the values of Redis. Later reads of this view see the changes; others see them after the commit.
/// </summary>
internal sealed class WriteView : ReadView, IDisposable
{
    // Limits the time of a single command.
    private const int MaxExpired = 16;

    private readonly RocksDb _database;
    private readonly ReadOptions _options = new ReadOptions().SetVerifyChecksums(true);
    private readonly WriteBatchWithIndex _batch = new(reservedBytes: 0, overwriteKeys: true);

    // A batch keeps all versions of an entry, so the ends of a list, which change with each element, are added to it once.
    private readonly List<(byte[] Name, long First, long End)> _ends = [];

    // The store's scripts read a field before they set it.
    private byte[] _lastField = [];
    private bool _lastWasThere;

    internal WriteView(RocksDb database, TimeProvider clock)
        : base(clock)
    {
        _database = database;
    }

    /// <summary>True if there is anything to commit.</summary>
    internal bool HasChanges => _batch.Count() > 0 || _ends.Count > 0;

    /// <summary>Discards the changes.</summary>
    internal void Clear()
    {
        _batch.Clear();
        _ends.Clear();
        _lastField = [];
    }

    internal void Commit(WriteOptions options)
    {
        foreach (var (name, first, end) in _ends)
        {
            var key = Names.Build(EngineKey.List, name);
            if (first == end)
            {
                _batch.Delete(key);
            }
            else
            {
                PutNumbers(key, first, end);
            }
        }

        _database.Write(_batch, options);
    }

    internal override byte[]? HashGet(ReadOnlySpan<byte> name, ReadOnlySpan<byte> field)
    {
        var key = Names.Build(EngineKey.Hash, name, field);
        var value = Get(key);
        if (_lastField.Length != key.Length)
        {
            _lastField = new byte[key.Length];
        }

        key.CopyTo(_lastField);
        _lastWasThere = value is not null;
        return value;
    }

    /// <summary>Sets a field of a hash.</summary>
    /// <returns>True if it is new.</returns>
    internal bool HashSet(ReadOnlySpan<byte> name, ReadOnlySpan<byte> field, ReadOnlySpan<byte> value)
    {
        var key = Names.Build(EngineKey.Hash, name, field);
        var isNew = key.SequenceEqual(_lastField) ? !_lastWasThere : Get(key) is null;
        _lastField = [];
        _batch.Put(key, value);
        return isNew;
    }

    /// <summary>Removes a field of a hash.</summary>
    /// <returns>True if it existed.</returns>
    internal bool HashDelete(ReadOnlySpan<byte> name, ReadOnlySpan<byte> field)
    {
        var key = Names.Build(EngineKey.Hash, name, field);
        if (Get(key) is null)
        {
            return false;
        }

        _lastField = [];
        _batch.Delete(key);
        PersistEmpty(name);
        return true;
    }

    /// <summary>Removes a value of any kind.</summary>
    /// <returns>True if it existed.</returns>
    internal bool Delete(ReadOnlySpan<byte> name)
    {
        var wasThere = Exists(name);
        foreach (var kind in (ReadOnlySpan<byte>)[EngineKey.Hash, EngineKey.Piece, EngineKey.Element, EngineKey.Member, EngineKey.Scored, EngineKey.Ordered])
        {
            DeleteAll(Names.Build(kind, name).ToArray());
        }

        Persist(name);
        _batch.Delete(Names.Build(EngineKey.String, name));
        SetEnds(name, 0, 0);
        _lastField = [];
        return wasThere;
    }

    /// <summary>Removes everything.</summary>
    internal void DeleteAll()
    {
        foreach (var kind in EngineKey.Kinds)
        {
            DeleteAll([kind]);
        }

        _ends.Clear();
        _lastField = [];
    }

    /// <summary>Replaces a string.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its bytes.</param>
    /// <param name="expires">When it expires, in Unix milliseconds; 0: never.</param>
    internal void StringSet(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, long expires)
    {
        Delete(name);
        PutHead(name, value.Length, expires);
        PutBytes(name, 0, value);
    }

    /// <summary>Sets when an existing string expires.</summary>
    internal void StringExpire(ReadOnlySpan<byte> name, long expires) => PutHead(name, StringLength(name), expires);

    /// <summary>Adds a member to a set.</summary>
    /// <returns>True if it is new.</returns>
    internal bool SetAdd(ReadOnlySpan<byte> name, ReadOnlySpan<byte> member)
    {
        var key = Names.Build(EngineKey.Member, name, member);
        var isNew = Get(key) is null;
        _batch.Put(key, []);
        return isNew;
    }

    /// <summary>Adds a member to a sorted set, or changes its score.</summary>
    /// <returns>True if it is new.</returns>
    internal bool SortedAdd(ReadOnlySpan<byte> name, double score, ReadOnlySpan<byte> member)
    {
        var isNew = !RemoveScore(name, member);
        var bytes = EngineKey.EncodeScore(score);
        _batch.Put(Names.Build(EngineKey.Scored, name, member), bytes);
        _batch.Put(Names.Build(EngineKey.Ordered, name, [.. bytes, .. member]), []);
        return isNew;
    }

    /// <summary>Removes a member of a sorted set.</summary>
    /// <returns>True if it existed.</returns>
    internal bool SortedRemove(ReadOnlySpan<byte> name, ReadOnlySpan<byte> member)
    {
        var wasThere = RemoveScore(name, member);
        PersistEmpty(name);
        return wasThere;
    }

    /// <summary>Sets when a hash, set or sorted set expires. The first later call of this method removes it.</summary>
    internal void Expire(ReadOnlySpan<byte> name, long expires)
    {
        Persist(name);
        var time = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(time, expires);
        _batch.Put(Names.Build(EngineKey.Expiry, name), time);
        _batch.Put(Names.Build(EngineKey.Expiring, [], [.. time, .. name]), []);

        var expired = new List<byte[]>();
        var prefix = Names.Build(EngineKey.Expiring, []).ToArray();
        Scan(prefix, (key, _) =>
        {
            var rest = key[prefix.Length..];
            if (BinaryPrimitives.ReadInt64BigEndian(rest) > Now || expired.Count == MaxExpired)
            {
                return false;
            }

            expired.Add(rest[sizeof(long)..].ToArray());
            return true;
        });
        expired.ForEach(one => Delete(one));
    }

    /// <summary>Cancels <see cref="Expire"/>.</summary>
    /// <returns>True if an expiry was set.</returns>
    internal bool Persist(ReadOnlySpan<byte> name)
    {
        if (Get(Names.Build(EngineKey.Expiry, name)) is not { } time)
        {
            return false;
        }

        _batch.Delete(Names.Build(EngineKey.Expiry, name));
        _batch.Delete(Names.Build(EngineKey.Expiring, [], [.. time, .. name]));
        return true;
    }

    /// <summary>Overwrites bytes of a string, which is created or extended with zeros as needed.</summary>
    /// <returns>Its length.</returns>
    internal long StringSetRange(ReadOnlySpan<byte> name, long offset, ReadOnlySpan<byte> bytes)
    {
        var length = StringLength(name);
        if (bytes.IsEmpty)
        {
            return Math.Max(0, length);
        }

        if (offset < 0 || offset + bytes.Length > MaxString)
        {
            throw new CommandFault("ERR string exceeds maximum allowed size");
        }

        PrepareLength(name, length, offset + bytes.Length);
        PutBytes(name, offset, bytes);
        return Math.Max(length, offset + bytes.Length);
    }

    /// <summary>Sets bits of a string, the most significant bit of a byte first.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="changes">Offset and new value of each bit.</param>
    /// <param name="before">Receives the previous values.</param>
    internal void StringSetBits(ReadOnlySpan<byte> name, ReadOnlySpan<(long Offset, bool Value)> changes, Span<bool> before)
    {
        if (changes.IsEmpty)
        {
            return;
        }

        long last = 0;
        foreach (var (offset, _) in changes)
        {
            if (offset < 0 || offset / 8 >= MaxString)
            {
                throw new CommandFault("ERR bit offset is not an integer or out of range");
            }

            last = Math.Max(last, offset / 8);
        }

        PrepareLength(name, StringLength(name), last + 1);
        // The bits of one block of a filter are in one piece.
        long current = -1;
        byte[] piece = [];
        for (var i = 0; i < changes.Length; i++)
        {
            var at = changes[i].Offset / 8;
            if (at / EngineKey.PieceSize != current)
            {
                if (current >= 0)
                {
                    _batch.Put(Names.BuildPiece(name, current), piece);
                }

                current = at / EngineKey.PieceSize;
                piece = Get(Names.BuildPiece(name, current)) ?? new byte[EngineKey.PieceSize];
            }

            ref var one = ref piece[at % EngineKey.PieceSize];
            var mask = (byte)(0x80 >> (int)(changes[i].Offset % 8));
            before[i] = (one & mask) != 0;
            one = changes[i].Value ? (byte)(one | mask) : (byte)(one & ~mask);
        }

        _batch.Put(Names.BuildPiece(name, current), piece);
    }

    /// <summary>Appends to a list.</summary>
    /// <returns>Its length.</returns>
    internal long ListPush(ReadOnlySpan<byte> name, ReadOnlySpan<byte> element)
    {
        var (first, end) = ListEnds(name);
        _batch.Put(Names.BuildElement(name, end), element);
        SetEnds(name, first, end + 1);
        return end + 1 - first;
    }

    /// <summary>Removes the first element of a list and returns it; null if the list is empty.</summary>
    internal byte[]? ListPop(ReadOnlySpan<byte> name)
    {
        var (first, end) = ListEnds(name);
        if (first == end)
        {
            return null;
        }

        var element = Element(name, first);
        _batch.Delete(Names.BuildElement(name, first));
        SetEnds(name, first + 1, end);
        return element;
    }

    /// <summary>Keeps only a range of a list, including both ends; negative indexes count from its end.</summary>
    internal void ListTrim(ReadOnlySpan<byte> name, long start, long stop)
    {
        var (first, end) = ListEnds(name);
        var (from, to) = Clamp(start, stop, end - first);
        for (var i = first; i < end; i++)
        {
            if (i < first + from || i > first + to)
            {
                _batch.Delete(Names.BuildElement(name, i));
            }
        }

        if (from > to)
        {
            SetEnds(name, end, end);
        }
        else
        {
            SetEnds(name, first + from, first + to + 1);
        }
    }

    public void Dispose() => _batch.Dispose();

    private protected override unsafe byte[]? Get(ReadOnlySpan<byte> key)
    {
        fixed (byte* start = key)
        {
            var value = Native.Instance.rocksdb_writebatch_wi_get_from_batch_and_db(
                _batch.Handle, _database.Handle, _options.Handle, start, (nuint)key.Length, out var length);
            if (value == 0)
            {
                return null;
            }

            var bytes = new ReadOnlySpan<byte>((void*)value, (int)length).ToArray();
            Native.Instance.rocksdb_free(value);
            return bytes;
        }
    }

    private protected override Iterator Iterate(ReadOptions options) => _batch.NewIterator(_database.NewIterator(readOptions: options));

    private bool RemoveScore(ReadOnlySpan<byte> name, ReadOnlySpan<byte> member)
    {
        if (Get(Names.Build(EngineKey.Scored, name, member)) is not { } bytes)
        {
            return false;
        }

        _batch.Delete(Names.Build(EngineKey.Scored, name, member));
        _batch.Delete(Names.Build(EngineKey.Ordered, name, [.. bytes, .. member]));
        return true;
    }

    // A value that lost its last element no longer exists; one created under its name later is another value without an expiry.
    private void PersistEmpty(ReadOnlySpan<byte> name)
    {
        if (Get(Names.Build(EngineKey.Expiry, name)) is not null && !Exists(name))
        {
            Persist(name);
        }
    }

    private void DeleteAll(byte[] prefix)
    {
        // Deleting during the iteration would move the iterator.
        var keys = new List<byte[]>();
        Scan(prefix, (key, _) =>
        {
            keys.Add(key.ToArray());
            return true;
        });
        keys.ForEach(key => _batch.Delete(key));
    }

    // An expired string must be replaced completely: none of its old bytes may reappear.
    private void PrepareLength(ReadOnlySpan<byte> name, long length, long atLeast)
    {
        if (length < 0)
        {
            Delete(name);
        }

        if (length < atLeast)
        {
            PutHead(name, atLeast, ExpiryOf(name));
        }
    }

    private long ExpiryOf(ReadOnlySpan<byte> name) =>
        Get(Names.Build(EngineKey.String, name)) is { } head ? BinaryPrimitives.ReadInt64BigEndian(head.AsSpan(sizeof(long))) : 0;

    private void PutHead(ReadOnlySpan<byte> name, long length, long expires) => PutNumbers(Names.Build(EngineKey.String, name), length, expires);

    private void PutBytes(ReadOnlySpan<byte> name, long offset, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var number = offset / EngineKey.PieceSize;
            var within = (int)(offset % EngineKey.PieceSize);
            var count = Math.Min(bytes.Length, EngineKey.PieceSize - within);
            var piece = count < EngineKey.PieceSize && Get(Names.BuildPiece(name, number)) is { } there ? there : new byte[EngineKey.PieceSize];
            bytes[..count].CopyTo(piece.AsSpan(within));
            _batch.Put(Names.BuildPiece(name, number), piece);
            offset += count;
            bytes = bytes[count..];
        }
    }

    private protected override (long First, long End) ListEnds(ReadOnlySpan<byte> name)
    {
        foreach (var (changed, first, end) in _ends)
        {
            if (name.SequenceEqual(changed))
            {
                return (first, end);
            }
        }

        return base.ListEnds(name);
    }

    private void SetEnds(ReadOnlySpan<byte> name, long first, long end)
    {
        for (var i = 0; i < _ends.Count; i++)
        {
            if (name.SequenceEqual(_ends[i].Name))
            {
                _ends[i] = (_ends[i].Name, first, end);
                return;
            }
        }

        if ((first, end) != ListEnds(name))
        {
            _ends.Add((name.ToArray(), first, end));
        }
    }

    private void PutNumbers(ReadOnlySpan<byte> key, long first, long second)
    {
        Span<byte> value = stackalloc byte[2 * sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(value, first);
        BinaryPrimitives.WriteInt64BigEndian(value[sizeof(long)..], second);
        _batch.Put(key, value);
    }
}
