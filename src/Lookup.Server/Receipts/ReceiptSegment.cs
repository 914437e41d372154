using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using Lookup.Core.Receipts;

namespace Lookup.Server.Receipts;

/// <summary>
/// The file of receipts that is written to, mapped into memory: what is written stays although the process is killed the moment
/// after, without a call of the system for each receipt. Not safe for several writers.
/// </summary>
internal sealed class ReceiptSegment : IDisposable
{
    private readonly FileStream _file;
    private readonly MemoryMappedFile _mapped;
    private readonly MemoryMappedViewAccessor _view;
    private readonly long _size;

    private ReceiptSegment(FileStream file, long size)
    {
        _file = file;
        _size = size;
        _mapped = MemoryMappedFile.CreateFromFile(file, null, size, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
        _view = _mapped.CreateViewAccessor(0, size);
        End = ReceiptFolder.SegmentHead;
    }

    /// <summary>Place behind the last receipt.</summary>
    internal long End { get; private set; }

    /// <summary>Number of its first receipt, once it is part of the log.</summary>
    internal ulong First { get; private set; }

    /// <summary>Makes a file with all its space, not yet part of the log.</summary>
    /// <exception cref="IOException">There is no space for it.</exception>
    internal static ReceiptSegment Create(string path, int size)
    {
        var file = new FileStream(path, FileMode.Create, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete, 0);
        try
        {
            // A mapped page for which the disk has no space would end the process: the space is taken before.
            var zeros = new byte[1024 * 1024];
            for (var at = 0L; at < size; at += zeros.Length)
            {
                RandomAccess.Write(file.SafeFileHandle, zeros.AsSpan(0, (int)Math.Min(zeros.Length, size - at)), at);
            }

            return new ReceiptSegment(file, size);
        }
        catch
        {
            file.Dispose();
            File.Delete(path);
            throw;
        }
    }

    /// <summary>Makes it part of the log.</summary>
    /// <param name="folder">The log's folder.</param>
    /// <param name="logId">The log's id.</param>
    /// <param name="first">Number of its first receipt.</param>
    internal void Begin(ReceiptFolder folder, ReadOnlySpan<byte> logId, ulong first)
    {
        Span<byte> head = stackalloc byte[ReceiptFolder.SegmentHead];
        ReceiptFolder.WriteSegmentHead(head, logId, first);
        _view.SafeMemoryMappedViewHandle.WriteSpan<byte>(0, head);
        File.Move(_file.Name, folder.SegmentPath(first));
        First = first;
    }

    /// <summary>Writes a receipt.</summary>
    /// <returns>False where it does not fit.</returns>
    internal bool TryAppend(ReadOnlySpan<byte> receipt)
    {
        if (End + ReceiptFolder.EntryHead + receipt.Length > _size)
        {
            return false;
        }

        var view = _view.SafeMemoryMappedViewHandle;
        view.WriteSpan((ulong)(End + ReceiptFolder.EntryHead), receipt);
        view.Write((ulong)(End + 4), BinaryPrimitives.ReverseEndianness(ReceiptFolder.Checksum(receipt)));
        Thread.MemoryBarrier();
        view.Write((ulong)End, BinaryPrimitives.ReverseEndianness(receipt.Length));
        End += ReceiptFolder.EntryHead + receipt.Length;
        return true;
    }

    /// <summary>Hashes of the leaves from a place on, up to another.</summary>
    internal IEnumerable<byte[]> Leaves(long from, long to)
    {
        var head = new byte[ReceiptFolder.EntryHead];
        var content = new byte[ReceiptFormat.MaxSize];
        while (from < to)
        {
            _view.ReadArray(from, head, 0, head.Length);
            var length = BinaryPrimitives.ReadInt32BigEndian(head);
            _view.ReadArray(from + head.Length, content, 0, length);
            yield return MerkleTree.Leaf(content.AsSpan(0, length));
            from += head.Length + length;
        }
    }

    /// <summary>Waits until all of it is on the disk.</summary>
    internal void Flush()
    {
        _view.Flush();
        _file.Flush(flushToDisk: true);
    }

    /// <summary>Closes the file and gives back the space that it did not need.</summary>
    public void Dispose()
    {
        _view.Dispose();
        _mapped.Dispose();
        _file.SetLength(End);
        _file.Dispose();
    }

    /// <summary>Closes and deletes a file that is not part of the log.</summary>
    internal void Discard()
    {
        Dispose();
        File.Delete(_file.Name);
    }
}
