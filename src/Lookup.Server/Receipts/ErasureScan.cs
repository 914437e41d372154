using Lookup.Core.Numbers;
using Lookup.Core.Receipts;

namespace Lookup.Server.Receipts;

/// <summary>Reads the whole log for an erasure, and completes interrupted older ones.</summary>
internal sealed class ErasureScan
{
    private readonly ReceiptFolder _folder;
    private readonly NumberPseudonym[] _number;
    private readonly Dictionary<ulong, List<ulong>> _overwritten = [];
    private readonly List<(ulong Index, Receipt Receipt)> _erasures = [];

    private ErasureScan(ReceiptFolder folder, NumberPseudonym[] number)
    {
        (_folder, _number) = (folder, number);
    }

    /// <summary>The receipts of single answers about the number.</summary>
    internal List<ErasedPlace> About { get; } = [];

    /// <summary>Reads the log.</summary>
    /// <param name="folder">The log.</param>
    /// <param name="number">The pseudonyms of the number under every encryption key used.</param>
    /// <param name="signed">The count of signed receipts; later ones are ignored.</param>
    internal static ErasureScan Run(ReceiptFolder folder, NumberPseudonym[] number, ulong signed)
    {
        var scan = new ErasureScan(folder, number);
        foreach (var segment in folder.Segments())
        {
            foreach (var receipt in segment.Receipts().TakeWhile(receipt => receipt.Index < signed))
            {
                scan.Examine(segment, receipt);
            }
        }

        return scan;
    }

    /// <summary>
    /// Completes erasures that an earlier version left incomplete. Their count and digest identify the receipts to erase.
    /// </summary>
    internal void Mend()
    {
        foreach (var (index, erasure) in _erasures)
        {
            var done = _overwritten.GetValueOrDefault(index, []);
            if (ErasedReceipt.IsErasureOf(erasure, done))
            {
                continue;
            }

            var number = Array.IndexOf(_number, erasure.Number) >= 0 ? _number : [erasure.Number];
            ulong[] meant =
            [
                .. _folder.ReceiptsOf(number, 0, CancellationToken.None)
                    .Where(receipt => receipt.Index < index && receipt.Content[4] == (byte)ReceiptKind.Check)
                    .Select(receipt => receipt.Index).Concat(done).Order().Take(checked((int)erasure.Count)),
            ];
            if (ErasedReceipt.IsErasureOf(erasure, meant))
            {
                _folder.Erase([.. meant.Except(done)], index);
            }
        }
    }

    private void Examine(ReceiptSegmentFile segment, in StoredReceipt receipt)
    {
        var (index, content) = (receipt.Index, receipt.Content);
        if (ErasedReceipt.IsErased(content, out var erasure))
        {
            if (!_overwritten.TryGetValue(erasure, out var list))
            {
                _overwritten.Add(erasure, list = []);
            }

            list.Add(index);
        }
        else if (content[4] == (byte)ReceiptKind.Erasure)
        {
            _erasures.Add((index, ReceiptFormat.Read(content)));
        }
        else if (Array.Exists(_number, key => ReceiptFormat.IsAbout(content, key)))
        {
            About.Add(new ErasedPlace(index, segment.First, receipt.End - content.Length, content.Length));
        }
    }
}
