// For: the files of one receipt log.
//
//   NNNNNNNNNNNNNNNNNNNN.receipts  receipts from the one with this number on: 32 bytes "LRS1", 16 log id, 8 first number, 4 zero;
//                                  then for each 4 bytes length, 4 bytes CRC-32C of what follows, the receipt
//   hashes                         all hashes of the tree, see StoredHashes, 32 bytes each
//   heads                          signed heads, 132 bytes each, the newest last
//   NNNNNNNNNNNNNNNNNNNN.filter    the numbers in such a file once it is full, see ReceiptFilter; it can be rebuilt
//   erasing                        an erasure in progress, see ErasureIntent
//   spare, growing                 space for the next file of receipts
//   lock                           held by the service that writes
//
// The length is written last, so after a crash the receipts end with a length of zero. All integers are big-endian.
using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;

namespace Lookup.Server.Receipts;

/// <summary>Reads the files of a receipt log; safe while a service writes them.</summary>
public sealed class ReceiptFolder(string path)
{
    internal const int SegmentHead = 32;
    internal const int EntryHead = 8;

    private const string Extension = ".receipts";
    private const string FilterExtension = ".filter";

    /// <summary>The folder.</summary>
    public string Path { get; } = path;

    internal string Heads => System.IO.Path.Combine(Path, "heads");

    internal string Hashes => System.IO.Path.Combine(Path, "hashes");

    internal string Growing => System.IO.Path.Combine(Path, "growing");

    internal string Spare => System.IO.Path.Combine(Path, "spare");

    internal string Erasing => System.IO.Path.Combine(Path, "erasing");

    internal string Lock => System.IO.Path.Combine(Path, "lock");

    private static ReadOnlySpan<byte> Magic => "LRS1"u8;

    // A log written within this time may still get its first head, also on a busy machine.
    private static readonly TimeSpan Begun = TimeSpan.FromSeconds(10);

    /// <summary>Returns the latest signed head, or null.</summary>
    /// <exception cref="ReceiptException">The file is damaged.</exception>
    public SignedHead? NewestHead()
    {
        if (!File.Exists(Heads))
        {
            return null;
        }

        using var file = Open(Heads);
        // A head cut off by a power failure does not count.
        var last = (file.Length / SignedHead.Size) - 1;
        return last < 0 ? null : SignedHead.Read(ReadAt(file, last * SignedHead.Size, SignedHead.Size));
    }

    /// <summary>Returns all signed heads, oldest first.</summary>
    internal IEnumerable<SignedHead> AllHeads()
    {
        using var file = Open(Heads);
        var bytes = new byte[SignedHead.Size];
        while (file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) == bytes.Length)
        {
            yield return SignedHead.Read(bytes);
        }
    }

    /// <summary>Proves that a receipt is in the log.</summary>
    /// <returns>Null if it is not signed yet or does not exist.</returns>
    /// <exception cref="ReceiptErasedException">The receipt was erased.</exception>
    /// <exception cref="ReceiptException">The files are damaged.</exception>
    public ReceiptProof? Prove(ulong index) => Prove(index, CancellationToken.None);

    /// <inheritdoc cref="Prove(ulong)"/>
    /// <param name="index">Its number.</param>
    /// <param name="cancellation">Cancels the read.</param>
    internal ReceiptProof? Prove(ulong index, CancellationToken cancellation)
    {
        if (NewestHead() is not { } head || index >= head.TreeSize)
        {
            return null;
        }

        var content = new ReceiptSegmentFile(SegmentPathOf(index)).Find(index, cancellation)?.Content
            ?? throw new ReceiptException($"{Path}: receipt {index} is signed but missing.");
        if (ErasedReceipt.IsErased(content, out var erasure))
        {
            throw new ReceiptErasedException(erasure);
        }

        using var hashes = Open(Hashes);
        return new ReceiptProof(
            content,
            index,
            MerkleProofs.Inclusion(index, head.TreeSize, (level, n) => ReadHash(hashes, StoredHashes.Position(level, n))),
            head);
    }

    /// <summary>Returns the receipts of single answers about a number, from one on. Skips files whose filter excludes the number.</summary>
    /// <param name="number">The pseudonyms of the number under every encryption key used while the log was written.</param>
    /// <param name="from">Number of the first receipt.</param>
    /// <param name="cancellation">Cancels the read.</param>
    /// <param name="makesFilters">Whether to write missing filters of files that are read completely.</param>
    internal IEnumerable<StoredReceipt> ReceiptsOf(NumberPseudonym[] number, ulong from, CancellationToken cancellation, bool makesFilters = false)
    {
        var paths = SegmentPaths().ToList();
        for (var i = 0; i < paths.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var (first, next) = (FirstOf(paths[i]), i + 1 < paths.Count ? FirstOf(paths[i + 1]) : ulong.MaxValue);
            // The last file still grows.
            var may = next <= from ? false : next == ulong.MaxValue ? true : ReceiptFilter.MayContain(FilterPath(first), first, next - first, number);
            if (may is false)
            {
                continue;
            }

            var keys = may is null && makesFilters ? new HashSet<NumberPseudonym>() : null;
            var read = 0UL;
            foreach (var receipt in new ReceiptSegmentFile(paths[i]).Receipts())
            {
                cancellation.ThrowIfCancellationRequested();
                read++;
                AddTo(keys, receipt.Content);
                if (receipt.Index >= from && Array.Exists(number, key => ReceiptFormat.IsAbout(receipt.Content, key)))
                {
                    yield return receipt;
                }
            }

            if (keys is not null && read == next - first)
            {
                ReceiptFilter.TryWrite(FilterPath(first), first, read, keys);
            }
        }
    }

    /// <summary>Creates the filter of a full file, if possible.</summary>
    /// <param name="first">Number of its first receipt.</param>
    /// <param name="next">Number of the first receipt of the next file.</param>
    internal void MakeFilter(ulong first, ulong next)
    {
        var keys = new HashSet<NumberPseudonym>();
        var read = 0UL;
        foreach (var receipt in new ReceiptSegmentFile(SegmentPath(first)).Receipts())
        {
            read++;
            AddTo(keys, receipt.Content);
        }

        if (read == next - first)
        {
            ReceiptFilter.TryWrite(FilterPath(first), first, read, keys);
        }
    }

    /// <summary>Deletes a partial filter that a killed process left.</summary>
    internal void RemoveUnfinishedFilters()
    {
        // The default match takes "x.filter" for "x.filter.", as DOS did, and would delete the whole filters too.
        foreach (var file in Directory.EnumerateFiles(Path, $"*{FilterExtension}.*", new EnumerationOptions { MatchType = MatchType.Simple, AttributesToSkip = 0 }))
        {
            File.Delete(file);
        }
    }

    /// <summary>Erases signed receipts and flushes to disk.</summary>
    /// <param name="erased">Their numbers, ascending.</param>
    /// <param name="erasure">Number of the erasure's receipt.</param>
    internal void Erase(IReadOnlyList<ulong> erased, ulong erasure)
    {
        var places = new List<ErasedPlace>();
        foreach (var concerned in erased.GroupBy(SegmentPathOf))
        {
            var file = new ReceiptSegmentFile(concerned.Key);
            var left = concerned.ToHashSet();
            places.AddRange(file.Receipts().Where(receipt => left.Contains(receipt.Index)).Take(left.Count)
                .Select(receipt => new ErasedPlace(receipt.Index, file.First, receipt.End - receipt.Content.Length, receipt.Content.Length)));
        }

        Overwrite(places, erasure, null);
    }

    /// <summary>Overwrites receipts by place, whatever their content, and flushes to disk.</summary>
    /// <param name="places">The places. Skips files that were moved or have other content there.</param>
    /// <param name="erasure">Number of the erasure's receipt.</param>
    /// <param name="step">Called after each, for crash tests.</param>
    internal void Overwrite(IReadOnlyList<ErasedPlace> places, ulong erasure, Action? step)
    {
        foreach (var concerned in places.GroupBy(place => place.Segment))
        {
            if (!File.Exists(SegmentPath(concerned.Key)))
            {
                continue;
            }

            using (var file = new FileStream(SegmentPath(concerned.Key), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, 0))
            {
                var length = new byte[sizeof(int)];
                foreach (var place in concerned)
                {
                    if (RandomAccess.Read(file.SafeFileHandle, length, place.At - EntryHead) < length.Length
                        || BinaryPrimitives.ReadInt32BigEndian(length) != place.Length)
                    {
                        continue;
                    }

                    var entry = new byte[sizeof(uint) + place.Length];
                    ErasedReceipt.Write(entry.AsSpan(sizeof(uint)), erasure);
                    BinaryPrimitives.WriteUInt32BigEndian(entry, Checksum(entry.AsSpan(sizeof(uint))));
                    RandomAccess.Write(file.SafeFileHandle, entry, place.At - sizeof(uint));
                    step?.Invoke();
                }

                file.Flush(flushToDisk: true);
            }

            // The filter still contains the number.
            File.Delete(FilterPath(concerned.Key));
        }
    }

    /// <summary>Returns the tree of the first receipts, from the stored hashes.</summary>
    internal MerkleTree TreeOf(ulong size)
    {
        if (size == 0)
        {
            return new MerkleTree();
        }

        using var hashes = Open(Hashes);
        return new MerkleTree(size, [.. StoredHashes.CompleteSubtrees(size).Select(w => ReadHash(hashes, StoredHashes.Position(w.Level, w.N)))]);
    }

    /// <summary>Waits for the first head of a log that was just begun; a service signs within a second. Returns without one for an older log.</summary>
    /// <exception cref="ReceiptException">The file of heads is damaged.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    internal void WaitForFirstHead(CancellationToken cancellation)
    {
        while (NewestHead() is null && SegmentPaths().LastOrDefault() is { } newest && DateTime.UtcNow - File.GetLastWriteTimeUtc(newest) < Begun)
        {
            cancellation.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(50));
            cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Returns the receipt files, in order.</summary>
    /// <exception cref="ReceiptException">A file is not a receipt file.</exception>
    internal IReadOnlyList<ReceiptSegmentFile> Segments() => [.. SegmentPaths().Select(file => new ReceiptSegmentFile(file))];

    internal string SegmentPath(ulong first) =>
        System.IO.Path.Combine(Path, first.ToString("D20", CultureInfo.InvariantCulture) + Extension);

    // The name is the zero-padded number of the first receipt, so names sort by number.
    private string SegmentPathOf(ulong index)
    {
        var most = SegmentPath(index);
        return SegmentPaths().LastOrDefault(file => string.CompareOrdinal(file, most) <= 0)
            ?? throw new ReceiptException($"{Path}: receipt {index} is signed but missing.");
    }

    internal string FilterPath(ulong first) => System.IO.Path.ChangeExtension(SegmentPath(first), FilterExtension);

    private static ulong FirstOf(string path) =>
        ulong.TryParse(System.IO.Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out var first)
            ? first
            : throw new ReceiptException($"{path}: not the name of a receipt file.");

    /// <summary>Adds the number of a receipt; lists and erased receipts have none.</summary>
    internal static void AddTo(HashSet<NumberPseudonym>? keys, ReadOnlySpan<byte> receipt)
    {
        if (keys is not null && ReceiptFormat.TryReadNumber(receipt, out var key))
        {
            keys.Add(key);
        }
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

    /// <summary>Returns the stored hash of a leaf.</summary>
    internal static byte[] LeafOf(FileStream hashes, ulong index) => ReadHash(hashes, StoredHashes.Position(0, index));

    private static byte[] ReadHash(FileStream hashes, ulong place) =>
        ReadAt(hashes, checked((long)place * MerkleTree.HashSize), MerkleTree.HashSize);

    private static byte[] ReadAt(FileStream file, long at, int count)
    {
        var bytes = new byte[count];
        return RandomAccess.Read(file.SafeFileHandle, bytes, at) == count
            ? bytes
            : throw new ReceiptException($"{file.Name} ends before byte {at + count}.");
    }
}
