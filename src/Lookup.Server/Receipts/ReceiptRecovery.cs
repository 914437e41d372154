using Lookup.Core.Receipts;

namespace Lookup.Server.Receipts;

/// <summary>What a start finds of a log whose process died, or that was closed in order.</summary>
internal static class ReceiptRecovery
{
    /// <summary>Adds what was written behind the newest head, and gives back space that was not used.</summary>
    /// <param name="folder">The log.</param>
    /// <param name="segments">Its files of receipts.</param>
    /// <param name="logId">Its id.</param>
    /// <param name="tree">The tree of the newest head; grows.</param>
    /// <param name="made">Gets the hashes that it makes.</param>
    /// <param name="erasures">Gets the erasures' receipts in the files that are read for it: the newest.</param>
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
                throw Missing(folder, $"{segment.Path}: receipts before it are missing, or it is of another log.");
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
            throw Missing(folder, $"{folder.Path}: {signed} receipts are signed, and {next} are there.");
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
