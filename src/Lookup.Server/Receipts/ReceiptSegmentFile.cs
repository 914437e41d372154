using System.Buffers.Binary;
using System.Globalization;
using Lookup.Core.Receipts;

namespace Lookup.Server.Receipts;

/// <summary>A receipt in a file.</summary>
/// <param name="Index">Its number in the log, from 0.</param>
/// <param name="Content">Its bytes.</param>
/// <param name="End">Offset after it.</param>
internal readonly record struct StoredReceipt(ulong Index, byte[] Content, long End);

/// <summary>Reads a receipt file from its start, also while it is written.</summary>
internal sealed class ReceiptSegmentFile
{
    private readonly byte[] _logId;

    /// <summary>Reads the file's header.</summary>
    /// <exception cref="ReceiptException">It is not a receipt file.</exception>
    internal ReceiptSegmentFile(string path)
    {
        Path = path;
        using var file = ReceiptFolder.Open(path);
        Span<byte> head = stackalloc byte[ReceiptFolder.SegmentHead];
        var length = file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        if (!ReceiptFolder.IsSegmentHead(head[..length]))
        {
            throw new ReceiptException($"{path}: not a receipt file that this version can read.");
        }

        _logId = head.Slice(4, SignedHead.LogIdSize).ToArray();
        First = BinaryPrimitives.ReadUInt64BigEndian(head[20..]);
        if (System.IO.Path.GetFileNameWithoutExtension(path) != First.ToString("D20", CultureInfo.InvariantCulture))
        {
            throw new ReceiptException($"{path}: starts with receipt {First}, which does not match its name.");
        }
    }

    internal string Path { get; }

    /// <summary>Number of its first receipt.</summary>
    internal ulong First { get; }

    internal ReadOnlySpan<byte> LogId => _logId;

    /// <summary>Returns the receipts up to the first incomplete one.</summary>
    internal IEnumerable<StoredReceipt> Receipts() => Receipts(First, ReceiptFolder.SegmentHead);

    /// <summary>Returns the receipts from one on, whose offset is known.</summary>
    internal IEnumerable<StoredReceipt> Receipts(ulong index, long place)
    {
        using var file = ReceiptFolder.Open(Path);
        file.Position = place;
        var head = new byte[ReceiptFolder.EntryHead];
        for (; ; index++)
        {
            var length = file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) < head.Length
                ? 0
                : BinaryPrimitives.ReadInt32BigEndian(head);
            if (length is <= 0 or > ReceiptFormat.MaxSize)
            {
                yield break;
            }

            var content = new byte[length];
            if (file.ReadAtLeast(content, length, throwOnEndOfStream: false) < length
                || ReceiptFolder.Checksum(content) != BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(4)))
            {
                yield break;
            }

            yield return new StoredReceipt(index, content, file.Position);
        }
    }

    /// <summary>Finds a receipt without reading earlier ones; null if it is missing or incomplete.</summary>
    internal StoredReceipt? Find(ulong index, CancellationToken cancellation)
    {
        using var file = ReceiptFolder.Open(Path);
        var place = (long)ReceiptFolder.SegmentHead;
        var head = new byte[ReceiptFolder.EntryHead];
        for (var at = First; at <= index; at++)
        {
            cancellation.ThrowIfCancellationRequested();
            file.Position = place;
            var length = file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) < head.Length ? 0 : BinaryPrimitives.ReadInt32BigEndian(head);
            if (length is <= 0 or > ReceiptFormat.MaxSize)
            {
                return null;
            }

            if (at == index)
            {
                return Receipts(index, place).Select(receipt => (StoredReceipt?)receipt).FirstOrDefault();
            }

            place += head.Length + length;
        }

        return null;
    }

    /// <summary>Returns the offset of the first nonzero byte from an offset on; null if there is none.</summary>
    internal long? AnythingFrom(long place)
    {
        using var file = ReceiptFolder.Open(Path);
        file.Position = place;
        var buffer = new byte[64 * 1024];
        for (int count; (count = file.Read(buffer)) > 0; place += count)
        {
            if (buffer.AsSpan(0, count).IndexOfAnyExcept((byte)0) is >= 0 and var at)
            {
                return place + at;
            }
        }

        return null;
    }
}
