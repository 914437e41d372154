using System.Security.Cryptography;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;

namespace Lookup.Server.Receipts;

/// <summary>The result of auditing a receipt log.</summary>
/// <param name="Receipts">Receipts under the latest head, all proven.</param>
/// <param name="Unsigned">Later receipts, which a running service signs within a second.</param>
/// <param name="Heads">Signed heads, all valid.</param>
/// <param name="First">Time of the oldest head, in Unix milliseconds; 0 without one.</param>
/// <param name="Last">Time of the latest head.</param>
/// <param name="Erased">Receipts erased with their numbers, each by an erasure with a receipt in the log.</param>
public sealed record ReceiptAudit(ulong Receipts, ulong Unsigned, int Heads, long First, long Last, int Erased)
{
    private const int WritingMs = 20;

    /// <summary>
    /// Rebuilds the whole tree from the receipts and compares it with every signed head, every stored hash and heads stored elsewhere.
    /// Only the last comparison detects that the latest receipts and heads were removed together.
    /// </summary>
    /// <param name="folder">The log.</param>
    /// <param name="key">The public key.</param>
    /// <param name="kept">Heads of this log stored elsewhere.</param>
    /// <param name="progress">Receives the number of receipts processed.</param>
    /// <exception cref="ReceiptException">A receipt, hash or head was changed, removed, added or moved; the message says where.</exception>
    public static ReceiptAudit Run(ReceiptFolder folder, ECDsa key, IReadOnlyList<SignedHead> kept, Action<ulong>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(kept);
        var heads = ReadHeads(folder, key);
        foreach (var head in kept)
        {
            if (!head.IsSignedBy(key))
            {
                throw new ReceiptException("A head stored elsewhere is not signed with this key.");
            }
        }

        var due = new PriorityQueue<SignedHead, ulong>(heads.Concat(kept).Select(h => (h, h.TreeSize)));
        var tree = new MerkleTree();
        var made = new List<byte[]>();
        using var hashes = heads.Count > 0 ? ReceiptFolder.Open(folder.Hashes) : null;
        var signed = heads.Count > 0 ? heads[^1].TreeSize : 0;
        var erasures = new ErasureCheck(ErasureIntent.TryRead(folder.Erasing));
        foreach (var content in Contents(folder, heads.Concat(kept).FirstOrDefault()))
        {
            made.Clear();
            var isErased = erasures.Examine(tree.Size, content);
            tree.Add(isErased && tree.Size < signed ? ReceiptFolder.LeafOf(hashes!, tree.Size) : MerkleTree.Leaf(content), made);
            if (tree.Size <= signed)
            {
                CompareHashes(hashes!, made);
            }

            CompareHeads(due, tree);
            if (tree.Size % 65_536 == 0)
            {
                progress?.Invoke(tree.Size);
            }
        }

        if (due.TryPeek(out var missing, out _))
        {
            throw new ReceiptException($"A head was signed for {missing.TreeSize} receipts, but the log has {tree.Size}.");
        }

        return new ReceiptAudit(
            signed,
            tree.Size - signed,
            heads.Count,
            heads.Count > 0 ? heads[0].Time : 0,
            heads.Count > 0 ? heads[^1].Time : 0,
            erasures.Finish());
    }

    /// <summary>Runs the audit and demands that a signed head proves some of the receipts, unless there are none. Waits for the head of a new log.</summary>
    /// <exception cref="ReceiptException">As <see cref="Run"/>, or there is no head: who can write to the folder could have written all receipts.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while it waited.</exception>
    public static ReceiptAudit RunProven(
        ReceiptFolder folder, ECDsa key, IReadOnlyList<SignedHead> kept, Action<ulong>? progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(folder);
        folder.WaitForFirstHead(cancellation);
        var audit = Run(folder, key, kept, progress);
        return audit.Heads > 0 || audit.Unsigned == 0
            ? audit
            : throw new ReceiptException($"{folder.Heads}: there is no signed head, so nothing proves the {audit.Unsigned} receipts. A service signs within a second.");
    }

    private static List<SignedHead> ReadHeads(ReceiptFolder folder, ECDsa key)
    {
        var heads = new List<SignedHead>();
        if (!File.Exists(folder.Heads))
        {
            return heads;
        }

        foreach (var head in folder.AllHeads())
        {
            if (!head.IsSignedBy(key))
            {
                throw new ReceiptException($"{folder.Heads}: head {heads.Count} is not signed with this key.");
            }

            if (heads.Count > 0 && (head.TreeSize < heads[^1].TreeSize || !head.LogId.SequenceEqual(heads[^1].LogId)))
            {
                throw new ReceiptException($"{folder.Heads}: head {heads.Count} is out of order or of another log.");
            }

            heads.Add(head);
        }

        return new FileInfo(folder.Heads).Length % SignedHead.Size == 0
            ? heads
            : throw new ReceiptException($"{folder.Heads}: the bytes after head {heads.Count} are not a head.");
    }

    private static IEnumerable<byte[]> Contents(ReceiptFolder folder, SignedHead? head)
    {
        var next = 0UL;
        var logId = head?.LogId.ToArray();
        var segments = folder.Segments();
        for (var i = 0; i < segments.Count; i++)
        {
            var segment = segments[i];
            var keys = new HashSet<NumberPseudonym>();
            logId ??= segment.LogId.ToArray();
            if (segment.First != next || !segment.LogId.SequenceEqual(logId))
            {
                throw new ReceiptException($"{segment.Path}: must start with receipt {next} of log {Convert.ToHexStringLower(logId)}.");
            }

            var end = (long)ReceiptFolder.SegmentHead;
            for (var tries = 0; ; tries++)
            {
                foreach (var receipt in segment.Receipts(next, end))
                {
                    (next, end, tries) = (receipt.Index + 1, receipt.End, 0);
                    ReceiptFolder.AddTo(keys, receipt.Content);
                    yield return receipt.Content;
                }

                if (segment.AnythingFrom(end) is not { } place)
                {
                    break;
                }

                // A running service may be writing this receipt.
                if (tries == 2)
                {
                    throw new ReceiptException($"{segment.Path}, byte {place}: neither receipt {next} nor empty space.");
                }

                Thread.Sleep(WritingMs);
            }

            // The last file has none yet.
            if (i < segments.Count - 1 && File.Exists(folder.FilterPath(segment.First)))
            {
                ReceiptFilter.Check(folder.FilterPath(segment.First), segment.First, next - segment.First, keys);
            }
        }
    }

    private static void CompareHashes(FileStream hashes, List<byte[]> made)
    {
        Span<byte> stored = stackalloc byte[MerkleTree.HashSize];
        foreach (var hash in made)
        {
            if (hashes.ReadAtLeast(stored, stored.Length, throwOnEndOfStream: false) < stored.Length || !stored.SequenceEqual(hash))
            {
                throw new ReceiptException($"{hashes.Name}, before byte {hashes.Position}: does not match the hash of the receipts.");
            }
        }
    }

    private static void CompareHeads(PriorityQueue<SignedHead, ulong> due, MerkleTree tree)
    {
        while (due.TryPeek(out var head, out var size) && size == tree.Size)
        {
            due.Dequeue();
            if (!head.Root.SequenceEqual(tree.Root()))
            {
                throw new ReceiptException($"The first {size} receipts do not match a signed head: one was changed, removed or moved.");
            }
        }
    }

    // Checks that the receipts of erasures account for the erased receipts.
    private sealed class ErasureCheck(ErasureIntent? underWay)
    {
        private readonly Dictionary<ulong, List<ulong>> _erased = [];
        private readonly Dictionary<ulong, Receipt> _receipts = [];
        private readonly HashSet<ulong> _underWay = [];

        internal bool Examine(ulong index, byte[] content)
        {
            if (ErasedReceipt.IsErased(content, out var erasure))
            {
                if (!_erased.TryGetValue(erasure, out var list))
                {
                    _erased.Add(erasure, list = []);
                }

                list.Add(index);
                return true;
            }

            if (ReceiptFormat.Read(content) is { Kind: ReceiptKind.Erasure } receipt)
            {
                _receipts.Add(index, receipt);
                if (underWay is not null && content.AsSpan().SequenceEqual(underWay.Receipt))
                {
                    _underWay.Add(index);
                }
            }

            return false;
        }

        internal int Finish()
        {
            foreach (var (erasure, erased) in _erased)
            {
                if (!_receipts.ContainsKey(erasure))
                {
                    throw new ReceiptException($"Receipt {erased[0]} was overwritten, but receipt {erasure}, which should explain this, is not an erasure.");
                }
            }

            foreach (var (erasure, receipt) in _receipts)
            {
                var erased = _erased.GetValueOrDefault(erasure, []);
                if (!ErasedReceipt.IsErasureOf(receipt, erased) && !IsUnderWay(erasure, receipt, erased) && !IsDoneByLaterOnes(erasure, receipt, erased))
                {
                    throw new ReceiptException($"{erased.Count} receipts were overwritten for erasure {erasure}, which was for {receipt.Count}, or for others.");
                }
            }

            return _erased.Values.Sum(list => list.Count);
        }

        // In progress: only its own receipts were overwritten; the others follow within a second or at the next start.
        private bool IsUnderWay(ulong erasure, Receipt receipt, List<ulong> erased)
        {
            ulong[] meant = _underWay.Contains(erasure) ? [.. underWay!.Places.Select(place => place.Index)] : [];
            return meant.Length > 0 && ErasedReceipt.IsErasureOf(receipt, meant) && !erased.Except(meant).Any();
        }

        // An earlier version left it incomplete, and a later erasure of the same number covered its receipts. It must account for
        // every receipt that was overwritten in its name.
        private bool IsDoneByLaterOnes(ulong erasure, Receipt receipt, List<ulong> erased)
        {
            var all = _receipts.Where(other => other.Key >= erasure && other.Value.Number == receipt.Number)
                .SelectMany(other => _erased.GetValueOrDefault(other.Key, []));
            ulong[] meant = [.. all.Where(index => index < erasure).Order().Take(checked((int)receipt.Count))];
            return ErasedReceipt.IsErasureOf(receipt, meant) && !erased.Except(meant).Any();
        }
    }
}
