// For: receipts that exist when the answer is sent, and are signed a second later.
//
// A receipt is copied into a mapped file under a short lock, so from then on it survives the process. Hashing, flushing and signing are
// batched per second: leaves are added to the tree, the tree's hashes to their file, everything is flushed to disk, and then a head is
// signed. Receipts not signed when the process or the machine failed are signed at the next start. A log that cannot be written or
// signed accepts no receipts until it can.
using System.Security.Cryptography;
using Lookup.Core.Receipts;
using Lookup.Server.Errors;

namespace Lookup.Server.Receipts;

/// <summary>The receipt log of one instance: appends and signs receipts.</summary>
public sealed partial class ReceiptLog : IDisposable
{
    /// <summary>Size of a receipt file in bytes.</summary>
    public const int DefaultSegmentBytes = 16 * 1024 * 1024;

    private readonly ReceiptFolder _folder;
    private readonly ECDsa _key;
    private readonly TimeProvider _clock;
    private readonly int _segmentBytes;
    private readonly FileStream _lock;
    private readonly FileStream _hashes;
    private readonly FileStream _heads;
    private readonly byte[] _logId;
    private readonly Lock _appending = new();
    private readonly Lock _sealing = new();

    // The segments with unsigned receipts, oldest first; new receipts go to the last.
    private readonly List<ReceiptSegment> _open = [];
    private ReceiptSegment? _spare;
    private MerkleTree _tree;
    private long _sealedEnd = ReceiptFolder.SegmentHead;
    private long _headsEnd;
    private ulong _next;
    private volatile Exception? _fault;
    private bool _isClosed;

    private ReceiptLog(ReceiptFolder folder, ECDsa key, TimeProvider clock, int segmentBytes, FileStream held, Action? step)
    {
        (_folder, _key, _clock, _segmentBytes, _lock, _step) = (folder, key, clock, segmentBytes, held, step);
        // Before reading the log: a partly overwritten receipt would appear to end it.
        if (ErasureIntent.TryRead(folder.Erasing) is { Erasure: { } begun } left)
        {
            folder.Overwrite(left.Places, begun, step);
        }

        Head = folder.NewestHead();
        if (Head is not null && !Head.IsSignedBy(key))
        {
            throw new ReceiptException($"{folder.Heads}: the latest head is not signed with this key; use its key, or a new folder for another key.");
        }

        _tree = folder.TreeOf(Head?.TreeSize ?? 0);
        if (Head is not null && !Head.Root.SequenceEqual(_tree.Root()))
        {
            throw new ReceiptException($"{folder.Hashes}: the hashes do not match the latest signed head. Run: lookup receipt audit {folder.Path}");
        }

        var (tree, made) = (new MerkleTree(_tree.Size, _tree.Whole), new List<byte[]>());
        var segments = folder.Segments();
        _logId = Head is not null ? Head.LogId.ToArray()
            : segments.Count > 0 ? segments[0].LogId.ToArray()
            : RandomNumberGenerator.GetBytes(SignedHead.LogIdSize);
        var erasures = new List<(ulong Index, Receipt Receipt)>();
        ReceiptRecovery.Replay(folder, segments, _logId, tree, made, erasures);
        _next = tree.Size;
        _hashes = new FileStream(folder.Hashes, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 0);
        _heads = new FileStream(folder.Heads, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 0);
        _headsEnd = _heads.Length / SignedHead.Size * SignedHead.Size;
        _heads.SetLength(_headsEnd);
        if (made.Count > 0)
        {
            Sign(tree, made);
        }

        _folder.RemoveUnfinishedFilters();
        FinishErasures(erasures);
        MakeSpare();
    }

    /// <summary>Id of the log, 16 bytes.</summary>
    public ReadOnlySpan<byte> LogId => _logId;

    /// <summary>The latest signed head; null before the first receipt.</summary>
    public SignedHead? Head { get; private set; }

    /// <summary>The files, for reading.</summary>
    public ReceiptFolder Folder => _folder;

    /// <summary>The number of receipts.</summary>
    public ulong Count
    {
        get
        {
            lock (_appending)
            {
                return _next;
            }
        }
    }

    /// <summary>Why the log accepts no receipts now; null if it does.</summary>
    public Exception? Fault => _fault;

    /// <summary>Opens a log, or creates an empty one, and signs receipts left unsigned.</summary>
    /// <param name="path">Its folder.</param>
    /// <param name="key">The signing key; the caller disposes of it.</param>
    /// <param name="clock">Gives the time of heads.</param>
    /// <param name="segmentBytes">Size of a receipt file in bytes, at least 4,096.</param>
    /// <exception cref="ReceiptException">The log is damaged, of another key, or in use.</exception>
    public static ReceiptLog Open(string path, ECDsa key, TimeProvider clock, int segmentBytes = DefaultSegmentBytes) =>
        Open(path, key, clock, segmentBytes, null);

    /// <inheritdoc cref="Open(string, ECDsa, TimeProvider, int)"/>
    /// <param name="path">Its folder.</param>
    /// <param name="key">The key.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="segmentBytes">Size of a receipt file in bytes.</param>
    /// <param name="step">Called between the steps of an erasure, for crash tests.</param>
    internal static ReceiptLog Open(string path, ECDsa key, TimeProvider clock, int segmentBytes, Action? step)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(segmentBytes, 4_096);
        var folder = new ReceiptFolder(path);
        FileStream? held = null;
        try
        {
            Directory.CreateDirectory(path);
            held = new FileStream(folder.Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            return new ReceiptLog(folder, key, clock, segmentBytes, held, step);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            held?.Dispose();
            throw new ReceiptException($"The receipt log {path} cannot be opened: {e.Message}", e);
        }
        catch
        {
            held?.Dispose();
            throw;
        }
    }

    /// <summary>Appends a receipt. Once it returns, the receipt survives the process.</summary>
    /// <returns>Its number in the log.</returns>
    /// <exception cref="ReceiptsUnavailableException">The receipt could not be written.</exception>
    internal ulong Append(ReadOnlySpan<byte> receipt)
    {
        lock (_appending)
        {
            if (_fault is not null || _isClosed)
            {
                throw new ReceiptsUnavailableException(_fault);
            }

            if (_open.Count == 0 || !_open[^1].TryAppend(receipt))
            {
                Grow().TryAppend(receipt);
            }

            return _next++;
        }
    }

    /// <summary>Signs the receipts appended since the last call. After a failure the log accepts none until a later call succeeds.</summary>
    public void Seal()
    {
        lock (_sealing)
        {
            try
            {
                SealOpen();
                _fault = null;
                MakeSpare();
            }
            catch (Exception e)
            {
                _fault = e;
            }
        }
    }

    /// <summary>Signs all receipts, accepts no more and closes the files.</summary>
    public void Dispose()
    {
        lock (_appending)
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
        }

        Seal();
        lock (_sealing)
        {
            _open.ForEach(segment => segment.Dispose());
            _spare?.Discard();
            _hashes.Dispose();
            _heads.Dispose();
            _lock.Dispose();
        }
    }

    // Called under the append lock.
    private ReceiptSegment Grow()
    {
        try
        {
            // Another name than the spare's, which may be being created now.
            var segment = _spare ?? ReceiptSegment.Create(_folder.Growing, _segmentBytes);
            _spare = null;
            try
            {
                segment.Attach(_folder, _logId, _next);
            }
            catch
            {
                segment.Dispose();
                throw;
            }

            _open.Add(segment);
            return segment;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ReceiptsUnavailableException(e);
        }
    }

    private void SealOpen()
    {
        (ReceiptSegment Segment, long End)[] open;
        ulong size;
        lock (_appending)
        {
            open = [.. _open.Select(segment => (segment, segment.End))];
            size = _next;
        }

        if (size == (Head?.TreeSize ?? 0))
        {
            return;
        }

        var tree = new MerkleTree(_tree.Size, _tree.Whole);
        var made = new List<byte[]>();
        var from = _sealedEnd;
        foreach (var (segment, end) in open)
        {
            foreach (var leaf in segment.Leaves(from, end))
            {
                tree.Add(leaf, made);
            }

            segment.Flush();
            from = ReceiptFolder.SegmentHead;
        }

        Sign(tree, made);
        _sealedEnd = open.Length > 0 ? open[^1].End : _sealedEnd;
        lock (_appending)
        {
            // All but the last are full and signed.
            foreach (var (segment, _) in open.SkipLast(1))
            {
                _open.Remove(segment);
                segment.Dispose();
            }
        }

        for (var i = 0; i < open.Length - 1; i++)
        {
            _folder.MakeFilter(open[i].Segment.First, open[i + 1].Segment.First);
        }
    }

    private void Sign(MerkleTree tree, List<byte[]> made)
    {
        var bytes = new byte[made.Count * MerkleTree.HashSize];
        for (var i = 0; i < made.Count; i++)
        {
            made[i].CopyTo(bytes, i * MerkleTree.HashSize);
        }

        RandomAccess.Write(_hashes.SafeFileHandle, bytes, checked((long)StoredHashes.Count(_tree.Size) * MerkleTree.HashSize));
        _hashes.Flush(flushToDisk: true);
        var head = SignedHead.Sign(_key, _logId, tree.Size, _clock.GetUtcNow().ToUnixTimeMilliseconds(), tree.Root());
        RandomAccess.Write(_heads.SafeFileHandle, head.Bytes, _headsEnd);
        _heads.Flush(flushToDisk: true);
        _headsEnd += head.Bytes.Length;
        (_tree, Head) = (tree, head);
    }

    private void ThrowIfFaulty()
    {
        if (_fault is { } fault)
        {
            throw new ReceiptsUnavailableException(fault);
        }
    }

    // Creating a file takes time, so the next one is created in advance.
    private void MakeSpare()
    {
        lock (_appending)
        {
            if (_spare is not null || _isClosed)
            {
                return;
            }
        }

        try
        {
            var spare = ReceiptSegment.Create(_folder.Spare, _segmentBytes);
            lock (_appending)
            {
                _spare = spare;
            }
        }
        catch (IOException)
        {
            // Retried when the file is needed; a failure is then reported to the caller.
        }
    }
}
