// For: the files of one receipt log, as they lie in their folder.
//
//   NNNNNNNNNNNNNNNNNNNN.receipts  receipts from the one with this number on: 32 bytes "LRS1", 16 log id, 8 first number, 4 zero;
//                                  then for each 4 bytes length, 4 bytes CRC-32C of what follows, the receipt
//   hashes                         all hashes of the tree, see StoredHashes, 32 bytes each
//   heads                          signed heads, 132 bytes each, the newest last
//   erasing                        an erasure under way: its receipt's number, then those to be erased, a line each in decimal
//   spare, growing                 space for the next file of receipts
//   lock                           held by the service that writes
//
// The length is written last, so where a process was killed the receipts end with a length of zero. All is big-endian.
using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;

namespace Lookup.Server.Receipts;

/// <summary>A receipt log's files: their names and forms, and reading them. Others may write meanwhile.</summary>
public sealed class ReceiptFolder(string path)
{
    internal const int SegmentHead = 32;
    internal const int EntryHead = 8;

    private const string Extension = ".receipts";

    /// <summary>The folder.</summary>
    public string Path { get; } = path;

    internal string Heads => System.IO.Path.Combine(Path, "heads");

    internal string Hashes => System.IO.Path.Combine(Path, "hashes");

    internal string Growing => System.IO.Path.Combine(Path, "growing");

    internal string Spare => System.IO.Path.Combine(Path, "spare");

    internal string Erasing => System.IO.Path.Combine(Path, "erasing");

    internal string Lock => System.IO.Path.Combine(Path, "lock");

    private static ReadOnlySpan<byte> Magic => "LRS1"u8;

    /// <summary>The newest signed head; null where there is none.</summary>
    /// <exception cref="ReceiptException">The file is damaged.</exception>
    public SignedHead? NewestHead()
    {
        if (!File.Exists(Heads))
        {
            return null;
        }

        using var file = Open(Heads);
        // One that was being written when the power went is not there yet.
        var last = (file.Length / SignedHead.Size) - 1;
        return last < 0 ? null : SignedHead.Read(Take(file, last * SignedHead.Size, SignedHead.Size));
    }

    /// <summary>All signed heads, the oldest first.</summary>
    internal IEnumerable<SignedHead> AllHeads()
    {
        using var file = Open(Heads);
        var bytes = new byte[SignedHead.Size];
        while (file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) == bytes.Length)
        {
            yield return SignedHead.Read(bytes);
        }
    }

    /// <summary>Proves that a receipt stands in the log.</summary>
    /// <returns>Null where it is not signed yet, or not there.</returns>
    /// <exception cref="ReceiptErasedException">It was erased.</exception>
    /// <exception cref="ReceiptException">The files are damaged.</exception>
    public ReceiptProof? Prove(ulong index)
    {
        if (NewestHead() is not { } head || index >= head.TreeSize)
        {
            return null;
        }

        var content = new ReceiptSegmentFile(SegmentPathOf(index)).Receipts().Where(r => r.Index == index).Select(r => r.Content).FirstOrDefault()
            ?? throw new ReceiptException($"{Path}: receipt {index} is signed, and not there.");
        if (ErasedReceipt.Is(content, out var erasure))
        {
            throw new ReceiptErasedException(erasure);
        }

        using var hashes = Open(Hashes);
        return new ReceiptProof(
            content,
            index,
            MerkleProofs.Inclusion(index, head.TreeSize, (level, n) => ReadHash(hashes, StoredHashes.Place(level, n))),
            head);
    }

    /// <summary>The receipts about a number, but for lists, from one on; the whole log is read for it.</summary>
    /// <param name="number">The number, as it is under each number key that there was while the log was written.</param>
    /// <param name="from">Number of the first receipt.</param>
    /// <param name="cancellation">Ends it.</param>
    internal IEnumerable<StoredReceipt> ReceiptsOf(NumberKey[] number, ulong from, CancellationToken cancellation)
    {
        var segments = Segments();
        foreach (var segment in segments.Where((_, i) => i == segments.Count - 1 || segments[i + 1].First > from))
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (var receipt in segment.Receipts())
            {
                if (receipt.Index >= from && Array.Exists(number, key => ReceiptFormat.IsAbout(receipt.Content, key)))
                {
                    yield return receipt;
                }
            }
        }
    }

    /// <summary>Erases receipts that are signed, and waits until that is on the disk.</summary>
    /// <param name="erased">Their numbers, ascending.</param>
    /// <param name="erasure">Number of the erasure's receipt.</param>
    internal void Erase(IReadOnlyList<ulong> erased, ulong erasure)
    {
        foreach (var concerned in erased.GroupBy(SegmentPathOf))
        {
            var left = concerned.ToHashSet();
            using var file = new FileStream(concerned.Key, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, 0);
            foreach (var receipt in new ReceiptSegmentFile(concerned.Key).Receipts())
            {
                if (!left.Remove(receipt.Index))
                {
                    continue;
                }

                // Together with its checksum: it must read well even if this is as far as it gets.
                var entry = new byte[sizeof(uint) + receipt.Content.Length];
                ErasedReceipt.Write(entry.AsSpan(sizeof(uint)), erasure);
                BinaryPrimitives.WriteUInt32BigEndian(entry, Checksum(entry.AsSpan(sizeof(uint))));
                RandomAccess.Write(file.SafeFileHandle, entry, receipt.End - entry.Length);
                if (left.Count == 0)
                {
                    break;
                }
            }

            file.Flush(flushToDisk: true);
        }
    }

    /// <summary>The tree of so many receipts, from the stored hashes.</summary>
    internal MerkleTree TreeOf(ulong size)
    {
        if (size == 0)
        {
            return new MerkleTree();
        }

        using var hashes = Open(Hashes);
        return new MerkleTree(size, [.. StoredHashes.Whole(size).Select(w => ReadHash(hashes, StoredHashes.Place(w.Level, w.N)))]);
    }

    /// <summary>The files of receipts, in order.</summary>
    /// <exception cref="ReceiptException">One is no such file.</exception>
    internal IReadOnlyList<ReceiptSegmentFile> Segments() => [.. SegmentPaths().Select(file => new ReceiptSegmentFile(file))];

    internal string SegmentPath(ulong first) =>
        System.IO.Path.Combine(Path, first.ToString("D20", CultureInfo.InvariantCulture) + Extension);

    // Named by its first receipt, in digits enough that the order of names is that of numbers.
    private string SegmentPathOf(ulong index)
    {
        var most = SegmentPath(index);
        return SegmentPaths().LastOrDefault(file => string.CompareOrdinal(file, most) <= 0)
            ?? throw new ReceiptException($"{Path}: receipt {index} is signed, and not there.");
    }

    private IEnumerable<string> SegmentPaths() => Directory.EnumerateFiles(Path, "*" + Extension).Order(StringComparer.Ordinal);

    internal static void WriteSegmentHead(Span<byte> to, ReadOnlySpan<byte> logId, ulong first)
    {
        to[..SegmentHead].Clear();
        Magic.CopyTo(to);
        logId.CopyTo(to[4..]);
        BinaryPrimitives.WriteUInt64BigEndian(to[20..], first);
    }

    internal static bool IsSegmentHead(ReadOnlySpan<byte> head) =>
        head.Length == SegmentHead && head.StartsWith(Magic) && BinaryPrimitives.ReadUInt32BigEndian(head[28..]) == 0;

    internal static uint Checksum(ReadOnlySpan<byte> receipt)
    {
        var crc = uint.MaxValue;
        for (; receipt.Length >= sizeof(ulong); receipt = receipt[sizeof(ulong)..])
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(receipt));
        }

        foreach (var one in receipt)
        {
            crc = BitOperations.Crc32C(crc, one);
        }

        return ~crc;
    }

    internal static FileStream Open(string file)
    {
        try
        {
            return new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 64 * 1024);
        }
        catch (IOException e)
        {
            throw new ReceiptException($"{file} cannot be read: {e.Message}");
        }
    }

    /// <summary>The stored hash of a leaf.</summary>
    internal static byte[] LeafOf(FileStream hashes, ulong index) => ReadHash(hashes, StoredHashes.Place(0, index));

    private static byte[] ReadHash(FileStream hashes, ulong place) =>
        Take(hashes, checked((long)place * MerkleTree.HashSize), MerkleTree.HashSize);

    private static byte[] Take(FileStream file, long at, int count)
    {
        var bytes = new byte[count];
        return RandomAccess.Read(file.SafeFileHandle, bytes, at) == count
            ? bytes
            : throw new ReceiptException($"{file.Name} ends before byte {at + count}.");
    }
}
