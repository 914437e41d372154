// For: finding the receipts of a number without reading the whole log.
//
// Each full file of receipts has a Bloom filter of the numbers in it. It is written when the file is closed, or the next time the
// file is read as a whole. A number belongs to one block of 64 bytes, so a lookup reads 64 bytes of a file instead of 16 MB. The log holds
// encrypted numbers, so a filter reveals nothing without the encryption key. A filter that is missing, damaged or of another file is
// ignored, and the file is read. An erasure ignores filters and deletes those of the files that it changes.
//
//   32 bytes "LRF1", 8 first receipt, 8 receipts, 4 blocks, 4 CRC-32C of these, 4 zero; then blocks of 60 bytes of bits and 4 CRC-32C
using System.Buffers.Binary;
using System.Numerics;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;

namespace Lookup.Server.Receipts;

/// <summary>Selects the receipt files that may contain a number.</summary>
internal static class ReceiptFilter
{
    private const int HeadSize = 32;
    private const int Checked = 24;
    private const int BlockSize = 64;
    private const int BlockBits = (BlockSize - sizeof(uint)) * 8;

    // Twelve bits per number and eight probes: about 1 in 200 absent numbers passes.
    private const int NumbersPerBlock = BlockBits / 12;
    private const int Probes = 8;

    private static ReadOnlySpan<byte> Magic => "LRF1"u8;

    /// <summary>Returns whether a file may have receipts of any of the keys; null if the filter cannot be used.</summary>
    /// <param name="path">The filter.</param>
    /// <param name="first">Number of the file's first receipt.</param>
    /// <param name="count">Receipts in the file.</param>
    /// <param name="keys">The keys.</param>
    internal static bool? MayContain(string path, ulong first, ulong count, ReadOnlySpan<NumberPseudonym> keys)
    {
        try
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            Span<byte> head = stackalloc byte[HeadSize];
            if (RandomAccess.Read(file, head, 0) < HeadSize || !head.StartsWith(Magic)
                || BinaryPrimitives.ReadUInt64BigEndian(head[4..]) != first || BinaryPrimitives.ReadUInt64BigEndian(head[12..]) != count
                || BinaryPrimitives.ReadUInt32BigEndian(head[Checked..]) != ReceiptFolder.Checksum(head[..Checked]))
            {
                return null;
            }

            var blocks = BinaryPrimitives.ReadUInt32BigEndian(head[20..]);
            Span<byte> block = stackalloc byte[BlockSize];
            foreach (var key in keys)
            {
                if (RandomAccess.Read(file, block, HeadSize + (BlockOf(key, blocks) * BlockSize)) < BlockSize
                    || BinaryPrimitives.ReadUInt32BigEndian(block[^sizeof(uint)..]) != ReceiptFolder.Checksum(block[..^sizeof(uint)]))
                {
                    return null;
                }

                if (Has(block, key))
                {
                    return true;
                }
            }

            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Checks a filter against the numbers of its file for an audit: a changed filter could hide receipts.</summary>
    /// <exception cref="ReceiptException">The filter was changed or belongs to other receipts.</exception>
    internal static void Check(string path, ulong first, ulong count, IEnumerable<NumberPseudonym> keys)
    {
        var bytes = File.ReadAllBytes(path);
        var blocks = bytes.Length < HeadSize ? 0 : BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(20));
        var isWhole = blocks > 0 && bytes.Length == HeadSize + (blocks * BlockSize) && bytes.AsSpan(0, HeadSize).SequenceEqual(Head(first, count, blocks));
        for (var at = HeadSize; isWhole && at < bytes.Length; at += BlockSize)
        {
            var block = bytes.AsSpan(at, BlockSize);
            isWhole = BinaryPrimitives.ReadUInt32BigEndian(block[^sizeof(uint)..]) == ReceiptFolder.Checksum(block[..^sizeof(uint)]);
        }

        if (!isWhole || !keys.All(key => Has(bytes.AsSpan((int)(HeadSize + (BlockOf(key, blocks) * BlockSize)), BlockSize), key)))
        {
            throw new ReceiptException($"{path}: the filter does not match its receipts. Delete the file; the service creates it again.");
        }
    }

    /// <summary>Writes the filter of a file. A failure is ignored, since a filter only saves time.</summary>
    internal static void TryWrite(string path, ulong first, ulong count, IReadOnlyCollection<NumberPseudonym> keys)
    {
        var blocks = (uint)Math.Max(1, (keys.Count + NumbersPerBlock - 1) / NumbersPerBlock);
        var bytes = new byte[HeadSize + (blocks * BlockSize)];
        Head(first, count, blocks).CopyTo(bytes.AsSpan());
        foreach (var key in keys)
        {
            Add(bytes.AsSpan((int)(HeadSize + (BlockOf(key, blocks) * BlockSize)), BlockSize), key);
        }

        for (var at = HeadSize; at < bytes.Length; at += BlockSize)
        {
            var block = bytes.AsSpan(at, BlockSize);
            BinaryPrimitives.WriteUInt32BigEndian(block[^sizeof(uint)..], ReceiptFolder.Checksum(block[..^sizeof(uint)]));
        }

        try
        {
            var made = $"{path}.{Guid.NewGuid():n}";
            File.WriteAllBytes(made, bytes);
            File.Move(made, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Lookups read the file of receipts instead.
        }
    }

    private static byte[] Head(ulong first, ulong count, uint blocks)
    {
        var head = new byte[HeadSize];
        Magic.CopyTo(head);
        BinaryPrimitives.WriteUInt64BigEndian(head.AsSpan(4), first);
        BinaryPrimitives.WriteUInt64BigEndian(head.AsSpan(12), count);
        BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(20), blocks);
        BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(Checked), ReceiptFolder.Checksum(head.AsSpan(0, Checked)));
        return head;
    }

    private static long BlockOf(NumberPseudonym key, uint blocks) => (long)Math.BigMul(Mix(key.Low), blocks, out _);

    private static bool Has(ReadOnlySpan<byte> block, NumberPseudonym key)
    {
        var hash = Mix(key.High ^ BitOperations.RotateLeft(key.Low, 32));
        for (var i = 0; i < Probes; i++)
        {
            var bit = Bit(hash, i);
            if ((block[bit >> 3] & (1 << (bit & 7))) == 0)
            {
                return false;
            }
        }

        return true;
    }

    private static void Add(Span<byte> block, NumberPseudonym key)
    {
        var hash = Mix(key.High ^ BitOperations.RotateLeft(key.Low, 32));
        for (var i = 0; i < Probes; i++)
        {
            var bit = Bit(hash, i);
            block[bit >> 3] |= (byte)(1 << (bit & 7));
        }
    }

    private static int Bit(ulong hash, int probe) => (int)(((uint)hash + ((uint)probe * ((uint)(hash >> 32) | 1))) % BlockBits);

    // The finaliser of SplitMix64.
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
