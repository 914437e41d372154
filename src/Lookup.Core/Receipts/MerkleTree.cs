// For: proving that a receipt is in the log, and that the current log extends an earlier one.
//
// The tree of RFC 6962 section 2.1 (the same in RFC 9162): a leaf is SHA-256(0 || entry), a node SHA-256(1 || left || right),
// and the left side of a tree of n leaves is the largest power of two below n. A writer needs only the roots of the complete left subtrees,
// one per bit set in the size; an instance holds exactly those.
using System.Numerics;
using System.Security.Cryptography;

namespace Lookup.Core.Receipts;

/// <summary>A growing Merkle tree. Holds one hash per bit set in its size.</summary>
public sealed class MerkleTree
{
    /// <summary>Length of a hash in bytes.</summary>
    public const int HashSize = SHA256.HashSizeInBytes;

    private readonly List<byte[]> _whole = [];

    /// <summary>Makes an empty tree.</summary>
    public MerkleTree()
    {
    }

    /// <summary>Restores a tree from the roots of its complete subtrees, the largest first.</summary>
    /// <exception cref="ArgumentException">The number of roots differs from the number of bits set in the size.</exception>
    public MerkleTree(ulong size, IEnumerable<byte[]> whole)
    {
        _whole.AddRange(whole);
        Size = size;
        if (_whole.Count != BitOperations.PopCount(size))
        {
            throw new ArgumentException($"A tree of {size} leaves has {BitOperations.PopCount(size)} complete subtrees.", nameof(whole));
        }
    }

    /// <summary>Number of leaves.</summary>
    public ulong Size { get; private set; }

    /// <summary>Roots of the complete subtrees, the largest first.</summary>
    public IReadOnlyList<byte[]> Whole => _whole;

    /// <summary>Adds the hash of a leaf.</summary>
    /// <param name="made">Receives this hash and those of the subtrees that it completes, in the order of <see cref="StoredHashes"/>.</param>
    public void Add(byte[] leafHash, ICollection<byte[]>? made = null)
    {
        var hash = leafHash;
        made?.Add(hash);
        for (var size = Size; (size & 1) != 0; size >>= 1)
        {
            hash = Node(_whole[^1], hash);
            made?.Add(hash);
            _whole.RemoveAt(_whole.Count - 1);
        }

        _whole.Add(hash);
        Size++;
    }

    /// <summary>Computes the root; SHA-256 of nothing for an empty tree.</summary>
    public byte[] Root()
    {
        if (Size == 0)
        {
            return SHA256.HashData([]);
        }

        var root = _whole[^1];
        for (var i = _whole.Count - 2; i >= 0; i--)
        {
            root = Node(_whole[i], root);
        }

        return root;
    }

    /// <summary>Computes the hash of a leaf.</summary>
    public static byte[] Leaf(ReadOnlySpan<byte> entry)
    {
        Span<byte> buffer = entry.Length < 2_048 ? stackalloc byte[entry.Length + 1] : new byte[entry.Length + 1];
        buffer[0] = 0;
        entry.CopyTo(buffer[1..]);
        return SHA256.HashData(buffer);
    }

    /// <summary>Computes the hash of a node.</summary>
    public static byte[] Node(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        Span<byte> buffer = stackalloc byte[1 + (2 * HashSize)];
        buffer[0] = 1;
        left.CopyTo(buffer[1..]);
        right.CopyTo(buffer[(1 + HashSize)..]);
        return SHA256.HashData(buffer);
    }
}
