using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Server.Errors;

namespace Lookup.Server.Receipts;

/// <summary>Erases receipts. <see cref="ErasureIntent"/> explains why a crash leaves no erasure incomplete.</summary>
public sealed partial class ReceiptLog
{
    private readonly Lock _erasing = new();
    private readonly Action? _step;
    private volatile bool _isErasing;

    /// <summary>
    /// Erases the receipts about a number: writes and signs a receipt of the erasure, then overwrites the others. Their hashes stay, so
    /// the log stays valid. Takes as long as reading the whole log.
    /// </summary>
    /// <param name="number">The number.</param>
    /// <param name="before">The pseudonyms of the number under earlier encryption keys.</param>
    /// <param name="receipt">The erasure's receipt; digest and count are added.</param>
    /// <returns>Number of the erasure's receipt, and how many were erased.</returns>
    /// <exception cref="ReceiptsUnavailableException">The erasure failed and may be retried.</exception>
    internal (ulong Index, int Erased) Erase(NumberPseudonym number, NumberPseudonym[] before, Receipt receipt)
    {
        lock (_erasing)
        {
            try
            {
                FinishErasure();
                Seal();
                ThrowIfFaulty();
                // Filters are not used: a damaged one would hide receipts.
                var scan = ErasureScan.Run(_folder, [number, .. before], Head?.TreeSize ?? 0);
                scan.Mend();
                var content = ReceiptFormat.Write(receipt with
                {
                    Kind = ReceiptKind.Erasure,
                    Number = number,
                    Count = (ulong)scan.About.Count,
                    Digest = ErasedReceipt.Digest([.. scan.About.Select(place => place.Index)]),
                });
                new ErasureIntent(content, Count, null, scan.About).Write(_folder.Erasing, _step);
                _isErasing = true;
                return (FinishErasure()!.Value, scan.About.Count);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new ReceiptsUnavailableException(e);
            }
        }
    }

    /// <summary>Completes the erasure in progress, if there is one.</summary>
    /// <returns>Why it cannot be completed now; null if none is in progress.</returns>
    internal Exception? TryFinishErasure()
    {
        if (!_isErasing)
        {
            return null;
        }

        lock (_erasing)
        {
            try
            {
                FinishErasure();
                return null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ReceiptsUnavailableException)
            {
                return e;
            }
        }
    }

    // Repeating steps is harmless. Returns the number of the erasure's receipt; null if no erasure is in progress.
    private ulong? FinishErasure()
    {
        if (ErasureIntent.TryRead(_folder.Erasing) is not { } intent)
        {
            _isErasing = false;
            return null;
        }

        var erasure = intent.Erasure ?? FindOrAppend(intent);
        _step?.Invoke();
        Seal();
        ThrowIfFaulty();
        _step?.Invoke();
        if (intent.Erasure is null)
        {
            (intent with { Erasure = erasure }).Write(_folder.Erasing, _step);
        }

        _folder.Overwrite(intent.Places, erasure, _step);
        File.Delete(_folder.Erasing);
        _isErasing = false;
        _step?.Invoke();
        return erasure;
    }

    private ulong FindOrAppend(ErasureIntent intent)
    {
        foreach (var segment in _folder.Segments().Reverse())
        {
            foreach (var receipt in segment.Receipts())
            {
                if (receipt.Index >= intent.From && receipt.Content.AsSpan().SequenceEqual(intent.Receipt))
                {
                    return receipt.Index;
                }
            }

            if (segment.First <= intent.From)
            {
                break;
            }
        }

        return Append(intent.Receipt);
    }

    // Completes what was in progress when the process ended, also if an earlier version left it incomplete.
    private void FinishErasures(List<(ulong Index, Receipt Receipt)> newest)
    {
        File.Delete(_folder.Erasing + ".new");
        _isErasing = ErasureIntent.TryRead(_folder.Erasing) is not null;
        if (TryFinishErasure() is not null)
        {
            return;
        }

        var isLeft = File.Exists(_folder.Erasing);
        if (isLeft && ErasureIntent.TryReadOld(_folder.Erasing) is { } old
            && newest.Find(one => one.Index == old.Erasure).Receipt is { } receipt && ErasedReceipt.IsErasureOf(receipt, old.Erased))
        {
            _folder.Erase(old.Erased, old.Erasure);
        }
        else if (isLeft || newest.Exists(IsUnfinished))
        {
            ErasureScan.Run(_folder, [], _next).Mend();
        }

        File.Delete(_folder.Erasing);
    }

    // Older receipts of its number may belong to another erasure; then the scan changes nothing.
    private bool IsUnfinished((ulong Index, Receipt Receipt) erasure) => _folder
        .ReceiptsOf([erasure.Receipt.Number], 0, CancellationToken.None, makesFilters: true)
        .Any(receipt => receipt.Index < erasure.Index && receipt.Content[4] == (byte)ReceiptKind.Check);
}
