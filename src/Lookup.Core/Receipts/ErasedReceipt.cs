// For: receipts of somebody who must be forgotten, in a log from which nothing can be taken.
//
// The tree needs only the hash of a receipt. So the content is overwritten with "LRD1", the number of the erasure's own receipt in
// the log (8 bytes, big-endian) and zeros, and the stored hash stands for it from then on. The erasure's receipt holds how many were
// overwritten and SHA-256 over their numbers (8 bytes each, big-endian, ascending): what was overwritten without one, or beside
// what it says, is told by an audit.
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Lookup.Core.Receipts;

/// <summary>What stands where a receipt was erased.</summary>
public static class ErasedReceipt
{
    private const int HeadSize = 12;

    private static ReadOnlySpan<byte> Magic => "LRD1"u8;

    /// <summary>Overwrites a receipt.</summary>
    /// <param name="receipt">Its bytes; each receipt is longer than what is written.</param>
    /// <param name="erasure">Number of the erasure's receipt.</param>
    public static void Write(Span<byte> receipt, ulong erasure)
    {
        receipt.Clear();
        Magic.CopyTo(receipt);
        BinaryPrimitives.WriteUInt64BigEndian(receipt[Magic.Length..], erasure);
    }

    /// <summary>Whether a receipt is erased, and by which.</summary>
    public static bool Is(ReadOnlySpan<byte> receipt, out ulong erasure)
    {
        var erased = receipt.Length > HeadSize && receipt.StartsWith(Magic) && receipt[HeadSize..].IndexOfAnyExcept((byte)0) < 0;
        erasure = erased ? BinaryPrimitives.ReadUInt64BigEndian(receipt[Magic.Length..]) : 0;
        return erased;
    }

    /// <summary>The digest of the erasure's receipt.</summary>
    /// <param name="erased">Numbers of the erased receipts, ascending.</param>
    public static byte[] Digest(IReadOnlyList<ulong> erased)
    {
        ArgumentNullException.ThrowIfNull(erased);
        var bytes = new byte[erased.Count * sizeof(ulong)];
        for (var i = 0; i < erased.Count; i++)
        {
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(i * sizeof(ulong)), erased[i]);
        }

        return SHA256.HashData(bytes);
    }

    /// <summary>Whether an erasure's receipt is for just these.</summary>
    /// <param name="erasure">The receipt.</param>
    /// <param name="erased">Numbers of erased receipts, ascending.</param>
    public static bool IsOf(Receipt erasure, IReadOnlyList<ulong> erased)
    {
        ArgumentNullException.ThrowIfNull(erasure);
        ArgumentNullException.ThrowIfNull(erased);
        return erasure.Count == (ulong)erased.Count && erasure.Digest.Span.SequenceEqual(Digest(erased));
    }
}
