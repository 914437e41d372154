// For: a file of all hashes of a growing Merkle tree that is only ever appended to, in which each can be found by counting.
//
// A leaf's hash is followed by those of the whole subtrees that it completes, the smallest first. So the n-th whole subtree of
// 2^level leaves comes right after its right child, and a tree of n leaves has written 2n hashes less one for each bit set in n.
// The same order is used by Go's checksum database: https://research.swtch.com/tlog
using System.Numerics;

namespace Lookup.Core.Receipts;

/// <summary>Places of a Merkle tree's hashes in the order in which they come about.</summary>
public static class StoredHashes
{
    /// <summary>Hashes that a tree of so many leaves has written.</summary>
    public static ulong Count(ulong leaves) => (2 * leaves) - (ulong)BitOperations.PopCount(leaves);

    /// <summary>Place of the n-th whole subtree of 2^level leaves, from 0.</summary>
    public static ulong Place(int level, ulong n)
    {
        // Its last leaf is followed by the subtrees that it completes, this one as the level-th.
        var last = ((n + 1) << level) - 1;
        return Count(last) + (ulong)level;
    }

    /// <summary>The roots of the whole subtrees that a tree of so many leaves is made of, the largest first.</summary>
    public static IEnumerable<(int Level, ulong N)> Whole(ulong leaves)
    {
        var from = 0UL;
        for (var level = 63; level >= 0; level--)
        {
            if ((leaves & (1UL << level)) != 0)
            {
                yield return (level, from >> level);
                from += 1UL << level;
            }
        }
    }
}
