using System.Buffers.Binary;
using System.Globalization;
using Lookup.Core.Receipts;

namespace Lookup.Server.Receipts;

/// <summary>A receipt as it lies in a file.</summary>
/// <param name="Index">Its number in the log, from 0.</param>
/// <param name="Content">Its bytes.</param>
/// <param name="End">Place in the file behind it.</param>
internal readonly record struct StoredReceipt(ulong Index, byte[] Content, long End);

/// <summary>Reads a file of receipts from its begin, also while it is written.</summary>
internal sealed class ReceiptSegmentFile
{
    private readonly byte[] _logId;

    /// <summary>Reads the file's head.</summary>
    /// <exception cref="ReceiptException">It is no such file.</exception>
    internal ReceiptSegmentFile(string path)
    {
        Path = path;
        using var file = ReceiptFolder.Open(path);
        Span<byte> head = stackalloc byte[ReceiptFolder.SegmentHead];
        var length = file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        if (!ReceiptFolder.IsSegmentHead(head[..length]))
        {
            throw new ReceiptException($"{path}: this is no file of receipts that this version reads.");
        }

        _logId = head.Slice(4, SignedHead.LogIdSize).ToArray();
        First = BinaryPrimitives.ReadUInt64BigEndian(head[20..]);
        if (System.IO.Path.GetFileNameWithoutExtension(path) != First.ToString("D20", CultureInfo.InvariantCulture))
        {
            throw new ReceiptException($"{path}: it begins with receipt {First}, which is not its name.");
        }
    }

    internal string Path { get; }

    /// <summary>Number of its first receipt.</summary>
    internal ulong First { get; }

    internal ReadOnlySpan<byte> LogId => _logId;

    /// <summary>Its receipts up to the first that is not wholly there.</summary>
    internal IEnumerable<StoredReceipt> Receipts() => Receipts(First, ReceiptFolder.SegmentHead);

    /// <summary>Those from one on of which the place is known.</summary>
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

    /// <summary>Finds one without reading those before it; null where it is not there, or not whole.</summary>
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

    /// <summary>Place of the first byte other than zero from a place on; null where there is none.</summary>
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
