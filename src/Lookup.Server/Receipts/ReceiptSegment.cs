using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using Lookup.Core.Receipts;

namespace Lookup.Server.Receipts;

/// <summary>
/// The receipt file being written, mapped into memory: a write survives a killed process without a system call per receipt. Not safe
/// for concurrent writers.
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

    /// <summary>Offset after the last receipt.</summary>
    internal long End { get; private set; }

    /// <summary>Number of its first receipt, once it is part of the log.</summary>
    internal ulong First { get; private set; }

    /// <summary>Creates a file with all its space allocated, not yet part of the log.</summary>
    /// <exception cref="IOException">The disk is full.</exception>
    internal static ReceiptSegment Create(string path, int size)
    {
        var file = new FileStream(path, FileMode.Create, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete, 0);
        try
        {
            // Writing a mapped page without disk space would end the process, so the space is allocated first.
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

    /// <summary>Makes the file part of the log.</summary>
    /// <param name="folder">The log's folder.</param>
    /// <param name="logId">The log's id.</param>
    /// <param name="first">Number of its first receipt.</param>
    internal void Attach(ReceiptFolder folder, ReadOnlySpan<byte> logId, ulong first)
    {
        Span<byte> head = stackalloc byte[ReceiptFolder.SegmentHead];
        ReceiptFolder.WriteSegmentHead(head, logId, first);
        _view.SafeMemoryMappedViewHandle.WriteSpan<byte>(0, head);
        File.Move(_file.Name, folder.SegmentPath(first));
        First = first;
    }

    /// <summary>Writes a receipt.</summary>
    /// <returns>False if it does not fit.</returns>
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

    /// <summary>Returns the leaf hashes between two offsets.</summary>
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

    /// <summary>Flushes the file to disk.</summary>
    internal void Flush()
    {
        _view.Flush();
        _file.Flush(flushToDisk: true);
    }

    /// <summary>Closes the file and frees unused space.</summary>
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
