using System.Numerics;

namespace Lookup.Core.Receipts;

/// <summary>Proofs over a <see cref="MerkleTree"/>: RFC 6962 sections 2.1.1 and 2.1.2; checks as in RFC 9162 section 2.1.</summary>
public static class MerkleProofs
{
    /// <summary>The hashes that lead from a leaf to the root, the nearest first.</summary>
    /// <param name="leaves">Hashes of all leaves of the tree.</param>
    /// <param name="index">The leaf.</param>
    public static IReadOnlyList<byte[]> Inclusion(IReadOnlyList<byte[]> leaves, int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, leaves.Count);
        var path = new List<byte[]>();
        Include(leaves, 0, leaves.Count, index, path);
        return path;
    }

    /// <summary>The hashes that show that the first <paramref name="oldSize"/> leaves are still what they were.</summary>
    public static IReadOnlyList<byte[]> Consistency(IReadOnlyList<byte[]> leaves, int oldSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(oldSize, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(oldSize, leaves.Count);
        var path = new List<byte[]>();
        Extend(leaves, 0, leaves.Count, oldSize, true, path);
        return path;
    }

    /// <summary>The root of some leaves.</summary>
    public static byte[] Root(IReadOnlyList<byte[]> leaves, int from, int count)
    {
        var tree = new MerkleTree();
        for (var i = 0; i < count; i++)
        {
            tree.Add(leaves[from + i]);
        }

        return tree.Root();
    }

    /// <summary>Whether the path leads from the leaf at this place of a tree of this size to its root.</summary>
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

    /// <summary>Whether the tree of the new root holds that of the old root unchanged at its begin.</summary>
    public static bool IsConsistent(
        ulong oldSize, ulong newSize, ReadOnlySpan<byte> oldRoot, ReadOnlySpan<byte> newRoot, IReadOnlyList<byte[]> path)
    {
        if (oldSize == 0 || oldSize > newSize)
        {
            return false;
        }

        if (oldSize == newSize)
        {
            return path.Count == 0 && oldRoot.SequenceEqual(newRoot);
        }

        byte[][] steps = BitOperations.IsPow2(oldSize) ? [oldRoot.ToArray(), .. path] : [.. path];
        if (steps.Length == 0)
        {
            return false;
        }

        var (place, last) = (oldSize - 1, newSize - 1);
        for (; (place & 1) != 0; place >>= 1)
        {
            last >>= 1;
        }

        var (before, now) = (steps[0], steps[0]);
        foreach (var step in steps.AsSpan(1))
        {
            if (last == 0)
            {
                return false;
            }

            if ((place & 1) != 0 || place == last)
            {
                (before, now) = (MerkleTree.Node(step, before), MerkleTree.Node(step, now));
                for (; (place & 1) == 0 && place != 0; place >>= 1)
                {
                    last >>= 1;
                }
            }
            else
            {
                now = MerkleTree.Node(now, step);
            }

            (place, last) = (place >> 1, last >> 1);
        }

        return last == 0 && oldRoot.SequenceEqual(before) && newRoot.SequenceEqual(now);
    }

    private static int Split(int count) => 1 << (31 - BitOperations.LeadingZeroCount((uint)(count - 1)));

    private static void Include(IReadOnlyList<byte[]> leaves, int from, int count, int index, List<byte[]> path)
    {
        if (count == 1)
        {
            return;
        }

        var left = Split(count);
        if (index < left)
        {
            Include(leaves, from, left, index, path);
            path.Add(Root(leaves, from + left, count - left));
        }
        else
        {
            Include(leaves, from + left, count - left, index - left, path);
            path.Add(Root(leaves, from, left));
        }
    }

    private static void Extend(IReadOnlyList<byte[]> leaves, int from, int count, int old, bool whole, List<byte[]> path)
    {
        if (old == count)
        {
            if (!whole)
            {
                path.Add(Root(leaves, from, count));
            }

            return;
        }

        var left = Split(count);
        if (old <= left)
        {
            Extend(leaves, from, left, old, whole, path);
            path.Add(Root(leaves, from + left, count - left));
        }
        else
        {
            Extend(leaves, from + left, count - left, old - left, false, path);
            path.Add(Root(leaves, from, left));
        }
    }
}
