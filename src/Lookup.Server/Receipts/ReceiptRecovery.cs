using Lookup.Core.Receipts;

namespace Lookup.Server.Receipts;

/// <summary>Recovers a log at start, after a crash or a clean shutdown.</summary>
internal static class ReceiptRecovery
{
    /// <summary>Adds receipts written after the latest head and frees unused space.</summary>
    /// <param name="folder">The log.</param>
    /// <param name="segments">Its receipt files.</param>
    /// <param name="logId">Its id.</param>
    /// <param name="tree">The tree of the latest head; extended.</param>
    /// <param name="made">Receives the new hashes.</param>
    /// <param name="erasures">Receives the erasures' receipts in the files read, the latest ones.</param>
    /// <exception cref="ReceiptException">Receipts are missing.</exception>
    internal static void Replay(
        ReceiptFolder folder,
        IReadOnlyList<ReceiptSegmentFile> segments,
        ReadOnlySpan<byte> logId,
        MerkleTree tree,
        List<byte[]> made,
        List<(ulong Index, Receipt Receipt)> erasures)
    {
        var signed = tree.Size;
        var concerned = segments.Where((s, i) => i == segments.Count - 1 || segments[i + 1].First > signed).ToList();
        var next = concerned.Count > 0 ? concerned[0].First : 0;
        var ends = new List<long>();
        foreach (var segment in concerned)
        {
            if (!segment.LogId.SequenceEqual(logId) || segment.First != next || next > tree.Size)
            {
                throw Missing(folder, $"{segment.Path}: earlier receipts are missing, or the file is of another log.");
            }

            ends.Add(ReceiptFolder.SegmentHead);
            foreach (var receipt in segment.Receipts())
            {
                (ends[^1], next) = (receipt.End, receipt.Index + 1);
                if (receipt.Index >= signed)
                {
                    tree.Add(MerkleTree.Leaf(receipt.Content), made);
                }

                if (receipt.Content[4] == (byte)ReceiptKind.Erasure && !ErasedReceipt.IsErased(receipt.Content, out _))
                {
                    erasures.Add((receipt.Index, ReceiptFormat.Read(receipt.Content)));
                }
            }
        }

        if (next < signed)
        {
            throw Missing(folder, $"{folder.Path}: {signed} receipts are signed, but the log has {next}.");
        }

        File.Delete(folder.Spare);
        File.Delete(folder.Growing);
        foreach (var (segment, end) in concerned.Zip(ends))
        {
            if (segment.First == next)
            {
                File.Delete(segment.Path);
                continue;
            }

            using var file = new FileStream(segment.Path, FileMode.Open, FileAccess.Write);
            file.SetLength(end);
        }
    }

    private static ReceiptException Missing(ReceiptFolder folder, string what) => new($"{what} Run: lookup receipt audit {folder.Path}");
}
