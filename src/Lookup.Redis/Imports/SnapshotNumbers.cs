using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Lookup.Core.Numbers;

namespace Lookup.Redis.Imports;

/// <summary>The numbers of a snapshot by partition, each with its categories: 20 bytes a number, and room to grow.</summary>
internal sealed class SnapshotNumbers
{
    private readonly List<UInt128>[] _keys;
    private readonly List<uint>[] _categories;

    internal SnapshotNumbers(int partitions)
    {
        _keys = [.. Enumerable.Range(0, partitions).Select(_ => new List<UInt128>())];
        _categories = [.. Enumerable.Range(0, partitions).Select(_ => new List<uint>())];
    }

    /// <summary>Numbers so far; after <see cref="Sort"/> each once.</summary>
    internal long Count { get; private set; }

    internal void Add(NumberPseudonym key, uint categories)
    {
        var partition = key.Partition(_keys.Length);
        _keys[partition].Add(new UInt128(key.High, key.Low));
        _categories[partition].Add(categories);
        Count++;
    }

    internal int CountOf(int partition) => _keys[partition].Count;

    internal (NumberPseudonym Key, uint Categories) At(int partition, int index)
    {
        var key = _keys[partition][index];
        return (new NumberPseudonym((ulong)(key >> 64), (ulong)key), _categories[partition][index]);
    }

    /// <summary>Position of a number, negative if it is not there; once sorted.</summary>
    internal int Find(int partition, NumberPseudonym key) =>
        CollectionsMarshal.AsSpan(_keys[partition]).BinarySearch(new UInt128(key.High, key.Low));

    /// <summary>Sorts, and makes one of a number that is there twice: it blocks what either blocks.</summary>
    /// <returns>How many were there more than once.</returns>
    internal long Sort()
    {
        long twice = 0;
        for (var p = 0; p < _keys.Length; p++)
        {
            var keys = CollectionsMarshal.AsSpan(_keys[p]);
            var categories = CollectionsMarshal.AsSpan(_categories[p]);
            keys.Sort(categories);
            var kept = 0;
            for (var i = 0; i < keys.Length; i++)
            {
                if (kept > 0 && keys[kept - 1] == keys[i])
                {
                    categories[kept - 1] = categories[kept - 1] == 0 || categories[i] == 0 ? 0 : categories[kept - 1] | categories[i];
                    continue;
                }

                (keys[kept], categories[kept]) = (keys[i], categories[i]);
                kept++;
            }

            twice += keys.Length - kept;
            CollectionsMarshal.SetCount(_keys[p], kept);
            CollectionsMarshal.SetCount(_categories[p], kept);
        }

        Count -= twice;
        return twice;
    }

    /// <summary>SHA-256 over the numbers and their categories; the same for the same snapshot, once sorted.</summary>
    internal byte[] Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var p = 0; p < _keys.Length; p++)
        {
            hash.AppendData(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_keys[p])));
            hash.AppendData(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_categories[p])));
        }

        return hash.GetHashAndReset();
    }
}
