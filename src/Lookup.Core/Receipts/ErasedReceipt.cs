// For: erasing receipts about a person from a log that is append-only.
//
// The tree needs only the hash of a receipt. An erasure overwrites the content with "LRD1", the number of its own receipt in the log
// (8 bytes, big-endian) and zeros; the stored hash represents the content from then on. The receipt of the erasure holds the number of
// overwritten receipts and SHA-256 over their numbers (8 bytes each, big-endian, ascending), so an audit detects receipts that were
// overwritten without an erasure or that do not match it.
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Lookup.Core.Receipts;

/// <summary>Replaces an erased receipt.</summary>
public static class ErasedReceipt
{
    private const int HeadSize = 12;

    private static ReadOnlySpan<byte> Magic => "LRD1"u8;

    /// <summary>Overwrites a receipt.</summary>
    /// <param name="receipt">Its bytes; every receipt is longer than the replacement.</param>
    /// <param name="erasure">Number of the receipt of the erasure.</param>
    public static void Write(Span<byte> receipt, ulong erasure)
    {
        receipt.Clear();
        Magic.CopyTo(receipt);
        BinaryPrimitives.WriteUInt64BigEndian(receipt[Magic.Length..], erasure);
    }

    /// <summary>Returns whether a receipt is erased, and by which erasure.</summary>
    public static bool IsErased(ReadOnlySpan<byte> receipt, out ulong erasure)
    {
        var erased = receipt.Length > HeadSize && receipt.StartsWith(Magic) && receipt[HeadSize..].IndexOfAnyExcept((byte)0) < 0;
        erasure = erased ? BinaryPrimitives.ReadUInt64BigEndian(receipt[Magic.Length..]) : 0;
        return erased;
    }

    /// <summary>Computes the digest in the receipt of the erasure.</summary>
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

    /// <summary>Returns whether the receipt of an erasure covers exactly these receipts.</summary>
    /// <param name="erased">Numbers of erased receipts, ascending.</param>
    public static bool IsErasureOf(Receipt erasure, IReadOnlyList<ulong> erased)
    {
        ArgumentNullException.ThrowIfNull(erasure);
        ArgumentNullException.ThrowIfNull(erased);
        return erasure.Count == (ulong)erased.Count && erasure.Digest.Span.SequenceEqual(Digest(erased));
    }
}
