// For: an append-only file of all hashes of a growing Merkle tree, in which the position of each can be computed.
//
// A leaf's hash is followed by those of the complete subtrees that it ends, the smallest first. So the n-th complete subtree of 2^level
// leaves directly follows its right child, and a tree of n leaves has written 2n hashes minus one per bit set in n.
// The same order is used by Go's checksum database: https://research.swtch.com/tlog
using System.Numerics;

namespace Lookup.Core.Receipts;

/// <summary>Positions of a Merkle tree's hashes in the order in which they are computed.</summary>
public static class StoredHashes
{
    /// <summary>Returns the number of hashes that a tree of this many leaves has written.</summary>
    public static ulong Count(ulong leaves) => (2 * leaves) - (ulong)BitOperations.PopCount(leaves);

    /// <summary>Returns the position of the n-th complete subtree of 2^level leaves, from 0.</summary>
    public static ulong Position(int level, ulong n)
    {
        // Its last leaf is followed by the subtrees that the leaf completes; this one is the level-th.
        var last = ((n + 1) << level) - 1;
        return Count(last) + (ulong)level;
    }

    /// <summary>Returns the complete subtrees of a tree of this many leaves, the largest first.</summary>
    public static IEnumerable<(int Level, ulong N)> CompleteSubtrees(ulong leaves)
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
