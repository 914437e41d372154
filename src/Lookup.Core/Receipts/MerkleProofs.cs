using System.Numerics;

namespace Lookup.Core.Receipts;

/// <summary>Proofs over a <see cref="MerkleTree"/>: RFC 6962 section 2.1.1; checked as in RFC 9162 section 2.1.3.2.</summary>
public static class MerkleProofs
{
    /// <summary>Returns the hashes that lead from a leaf to the root, the nearest first.</summary>
    /// <param name="index">Index of the leaf.</param>
    /// <param name="size">Number of leaves of the tree.</param>
    /// <param name="node">
    /// Returns the hash of the n-th complete subtree of 2^level leaves, for example from a file; see <see cref="StoredHashes"/>.
    /// </param>
    public static IReadOnlyList<byte[]> Inclusion(ulong index, ulong size, Func<int, ulong, byte[]> node)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, size);
        var path = new List<byte[]>();
        var (from, count) = (0UL, size);
        while (count > 1)
        {
            var left = Split(count);
            if (index < from + left)
            {
                path.Add(Root(from + left, count - left, node));
                count = left;
            }
            else
            {
                path.Add(Root(from, left, node));
                (from, count) = (from + left, count - left);
            }
        }

        path.Reverse();
        return path;
    }

    /// <summary>Returns whether the path leads from the leaf at this index of a tree of this size to its root.</summary>
    public static bool IsIncluded(ReadOnlySpan<byte> leafHash, ulong index, ulong size, IReadOnlyList<byte[]> path, ReadOnlySpan<byte> root)
    {
        if (index >= size)
        {
            return false;
        }

        var (place, last, hash) = (index, size - 1, leafHash.ToArray());
        foreach (var step in path)
        {
            if (last == 0)
            {
                return false;
            }

            if ((place & 1) != 0 || place == last)
            {
                hash = MerkleTree.Node(step, hash);
                for (; (place & 1) == 0 && place != 0; place >>= 1)
                {
                    last >>= 1;
                }
            }
            else
            {
                hash = MerkleTree.Node(hash, step);
            }

            (place, last) = (place >> 1, last >> 1);
        }

        return last == 0 && root.SequenceEqual(hash);
    }

    // The left side is complete and therefore aligned; the right side starts with the largest subtree that fits.
    private static byte[] Root(ulong from, ulong count, Func<int, ulong, byte[]> node)
    {
        if (BitOperations.IsPow2(count))
        {
            var level = BitOperations.Log2(count);
            return node(level, from >> level);
        }

        var left = Split(count);
        return MerkleTree.Node(Root(from, left, node), Root(from + left, count - left, node));
    }

    private static ulong Split(ulong count) => 1UL << (63 - BitOperations.LeadingZeroCount(count - 1));
}
