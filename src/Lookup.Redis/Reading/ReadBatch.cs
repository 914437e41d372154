using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Topology;

namespace Lookup.Redis.Reading;

/// <summary>
/// Timelines of many numbers, to be read together by <see cref="IFactReader.ReadAsync(ReadBatch, CancellationToken)"/>. A reused
/// batch allocates nothing per number once warm. Not thread-safe.
/// </summary>
public sealed class ReadBatch
{
    /// <summary>Maximum number of numbers.</summary>
    public const int MaxItems = 8_192;

    /// <summary>Maximum number of timelines of one number.</summary>
    public const int MaxIds = 256;

    /// <summary>Maximum number of timelines of all numbers together.</summary>
    public const int MaxValues = 32 * MaxItems;

    // A batch that once needed more releases it.
    private const int KeptBytes = 8 * 1024 * 1024;

    private const int None = -1;

    private NumberPseudonym[] _keys = new NumberPseudonym[64];
    private int[] _ends = new int[64];
    private FactId[] _ids = new FactId[256];
    private (int Start, int Length)[] _values = new (int, int)[256];
    private byte[] _bytes = new byte[4_096];

    // Of the last read; an item with neither an answer nor a fault was not read.
    private int[] _partitions = new int[64];
    private ulong[] _versions = new ulong[64];
    private long[] _asOf = new long[64];
    private bool[] _answered = new bool[64];
    private StoreUnavailableException?[] _faults = new StoreUnavailableException?[64];
    private int[] _order = new int[64];
    private int[] _groups = [];

    /// <summary>Number of items in the batch.</summary>
    public int Count { get; private set; }

    /// <summary>Number of timelines of all items together.</summary>
    public int ValueCount => Count == 0 ? 0 : _ends[Count - 1];

    /// <summary>Empties the batch and invalidates values returned before.</summary>
    public void Clear()
    {
        Array.Clear(_faults, 0, Count);
        Array.Clear(_answered, 0, Count);
        Count = 0;
        Used = 0;
        if (_bytes.Length > KeptBytes)
        {
            _bytes = new byte[KeptBytes];
        }
    }

    /// <summary>Adds a number.</summary>
    /// <param name="key">The number; duplicates are allowed.</param>
    /// <param name="ids">Its timelines to read, up to <see cref="MaxIds"/>; if empty, the read returns only the position.</param>
    /// <returns>Index of the item, from 0.</returns>
    /// <exception cref="InvalidOperationException">The batch is full.</exception>
    /// <exception cref="ArgumentOutOfRangeException">More than <see cref="MaxIds"/> timelines.</exception>
    public int Add(in NumberPseudonym key, ReadOnlySpan<FactId> ids)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ids.Length, MaxIds, nameof(ids));
        var first = ValueCount;
        var end = first + ids.Length;
        if (Count == MaxItems || end > MaxValues)
        {
            throw new InvalidOperationException($"A batch has at most {MaxItems} numbers and {MaxValues} timelines.");
        }

        if (Count == _keys.Length)
        {
            GrowItems();
        }

        while (end > _ids.Length)
        {
            Array.Resize(ref _ids, _ids.Length * 2);
            Array.Resize(ref _values, _ids.Length);
        }

        ids.CopyTo(_ids.AsSpan(first));
        _keys[Count] = key;
        _ends[Count] = end;
        _answered[Count] = false;
        _faults[Count] = null;
        return Count++;
    }

    /// <summary>Returns the number of an item; once it was read, under the encryption key that it was read by.</summary>
    public NumberPseudonym Key(int item) => _keys[item];

    /// <summary>Returns the timelines of an item; valid until the batch is emptied.</summary>
    public ReadOnlySpan<FactId> Ids(int item) => _ids.AsSpan(First(item).._ends[item]);

    /// <summary>Returns the stored value of a timeline; valid until the batch is read again or emptied.</summary>
    /// <param name="item">Index of the item.</param>
    /// <param name="index">Index of the timeline among the ids of the item.</param>
    /// <exception cref="InvalidOperationException">The item was not answered, so its stored values are unknown.</exception>
    public StoredValue Value(int item, int index)
    {
        CheckAnswered(item);
        var first = First(item);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, _ends[item] - first);
        var (start, length) = _values[first + index];
        return length == None ? default : new StoredValue(_bytes, start, length);
    }

    /// <summary>Returns why the store could not answer for an item; null if it has answered.</summary>
    /// <exception cref="InvalidOperationException">The item was not read yet.</exception>
    public StoreUnavailableException? Fault(int item)
    {
        if (_faults[Checked(item)] is { } fault)
        {
            return fault;
        }

        CheckAnswered(item);
        return null;
    }

    /// <summary>Returns the version that is a lower bound of the freshness of an item.</summary>
    /// <exception cref="InvalidOperationException">The item was not answered.</exception>
    public (int Partition, ulong Version) Position(int item)
    {
        CheckAnswered(item);
        return (_partitions[item], _versions[item]);
    }

    /// <summary>See <see cref="StoreRead.AsOf"/>.</summary>
    /// <exception cref="InvalidOperationException">The item was not answered.</exception>
    public long AsOf(int item)
    {
        CheckAnswered(item);
        return _asOf[item];
    }

    /// <summary>Copies the result of an item into new arrays.</summary>
    /// <exception cref="InvalidOperationException">The item was not answered.</exception>
    internal StoreRead ToStoreRead(int item)
    {
        CheckAnswered(item);
        var first = First(item);
        var values = new byte[_ends[item] - first][];
        for (var i = 0; i < values.Length; i++)
        {
            var (start, length) = _values[first + i];
            if (length != None)
            {
                values[i] = _bytes.AsSpan(start, length).ToArray();
            }
        }

        return new StoreRead(values, _partitions[item], _versions[item], _asOf[item]);
    }

    /// <summary>Replaces pseudonyms of other encryption keys by those of the key to read by.</summary>
    internal void Reencrypt(KeyRotationState keys, string keyCheck)
    {
        for (var item = 0; !keys.IsOnlyKey && item < Count; item++)
        {
            _keys[item] = keys.Under(_keys[item], keyCheck);
        }
    }

    /// <summary>Starts a read: discards earlier answers and groups the items by partition.</summary>
    internal void StartRead(int partitions)
    {
        Used = 0;
        if (_groups.Length != partitions + 1)
        {
            _groups = new int[partitions + 1];
        }

        Array.Clear(_groups);
        for (var item = 0; item < Count; item++)
        {
            var partition = _keys[item].Partition(partitions);
            _partitions[item] = partition;
            _groups[partition + 1]++;
            _answered[item] = false;
            _faults[item] = null;
        }

        for (var p = 1; p <= partitions; p++)
        {
            _groups[p] += _groups[p - 1];
        }

        // Each group is filled from its end, so that its start is the end of the previous one.
        for (var item = Count - 1; item >= 0; item--)
        {
            _order[--_groups[_partitions[item] + 1]] = item;
        }

        for (var p = 0; p < partitions; p++)
        {
            _groups[p] = _groups[p + 1];
        }

        _groups[partitions] = Count;
    }

    /// <summary>Starts to read some partitions again: discards the answers for their items.</summary>
    internal void RestartRead(ReadOnlySpan<int> partitions)
    {
        foreach (var p in partitions)
        {
            foreach (var item in Items(p))
            {
                _answered[item] = false;
                _faults[item] = null;
            }
        }
    }

    /// <summary>Held while values are written concurrently.</summary>
    internal Lock Gate { get; } = new();

    /// <summary>Returns the items of a partition, in the order in which they were added.</summary>
    internal ReadOnlySpan<int> Items(int partition) => _order.AsSpan(_groups[partition].._groups[partition + 1]);

    /// <summary>Bytes of the values stored so far; resetting it discards the last ones.</summary>
    internal int Used { get; set; }

    internal void SetAbsent(int item, int index) => _values[First(item) + index] = (0, None);

    /// <summary>Stores a copy of a value.</summary>
    internal void SetValue(int item, int index, ReadOnlySpan<byte> value)
    {
        // No timeline is that long; an empty value is unreadable too, and does not mean absent.
        if (value.Length > Timeline.MaxSize)
        {
            value = default;
        }

        if (value.Length > _bytes.Length - Used)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Used + value.Length));
        }

        value.CopyTo(_bytes.AsSpan(Used));
        _values[First(item) + index] = (Used, value.Length);
        Used += value.Length;
    }

    /// <summary>Marks an item as answered: all its values are set, and the store was the same before and after them.</summary>
    internal void SetAnswered(int item, ulong version, long asOf)
    {
        _versions[item] = version;
        _asOf[item] = asOf;
        _answered[item] = true;
    }

    internal bool HasFault(int item) => _faults[item] is not null;

    internal StoreUnavailableException? FaultOrNull(int item) => _faults[item];

    internal void SetFault(int item, StoreUnavailableException fault)
    {
        _answered[item] = false;
        _faults[item] = fault;
    }

    /// <summary>Sets the fault of every item of some partitions that has neither an answer nor a fault.</summary>
    internal void SetFaultOfUnanswered(ReadOnlySpan<int> partitions, StoreUnavailableException fault)
    {
        foreach (var p in partitions)
        {
            foreach (var item in Items(p))
            {
                if (!_answered[item])
                {
                    _faults[item] ??= fault;
                }
            }
        }
    }

    private int First(int item) => item == 0 ? 0 : _ends[item - 1];

    private int Checked(int item)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(item);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(item, Count);
        return item;
    }

    private void CheckAnswered(int item)
    {
        if (!_answered[Checked(item)])
        {
            throw new InvalidOperationException("The store has not answered for this item.", _faults[item]);
        }
    }

    private void GrowItems()
    {
        var size = _keys.Length * 2;
        Array.Resize(ref _keys, size);
        Array.Resize(ref _ends, size);
        Array.Resize(ref _partitions, size);
        Array.Resize(ref _versions, size);
        Array.Resize(ref _asOf, size);
        Array.Resize(ref _answered, size);
        Array.Resize(ref _faults, size);
        Array.Resize(ref _order, size);
    }
}
