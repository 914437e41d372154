using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Lookup.Core.Numbers;

namespace Lookup.Redis.Imports;

/// <summary>The numbers of a snapshot by partition, each with its categories: 20 bytes per number plus room to grow.</summary>
internal sealed class SnapshotNumbers
{
    private readonly List<UInt128>[] _keys;
    private readonly List<uint>[] _categories;

    internal SnapshotNumbers(int partitions)
    {
        _keys = [.. Enumerable.Range(0, partitions).Select(_ => new List<UInt128>())];
        _categories = [.. Enumerable.Range(0, partitions).Select(_ => new List<uint>())];
    }

    /// <summary>Number of entries so far; after <see cref="Sort"/> of distinct numbers.</summary>
    internal long Count { get; private set; }

    internal void Add(NumberPseudonym key, uint categories)
    {
        var partition = key.Partition(_keys.Length);
        _keys[partition].Add(new UInt128(key.High, key.Low));
        _categories[partition].Add(categories);
        Count++;
    }

    internal int Partitions => _keys.Length;

    internal int CountOf(int partition) => _keys[partition].Count;

    internal (NumberPseudonym Key, uint Categories) At(int partition, int index)
    {
        var key = _keys[partition][index];
        return (new NumberPseudonym((ulong)(key >> 64), (ulong)key), _categories[partition][index]);
    }

    /// <summary>Returns the position of a number, negative if it is absent. Call it after sorting.</summary>
    internal int Find(int partition, NumberPseudonym key) =>
        CollectionsMarshal.AsSpan(_keys[partition]).BinarySearch(new UInt128(key.High, key.Low));

    /// <summary>Sorts the numbers and combines duplicates, which then block what either entry blocks.</summary>
    /// <returns>Number of duplicates.</returns>
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

    /// <summary>Returns the SHA-256 of the numbers and their categories. Call it after sorting.</summary>
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
