using Google.Protobuf;
using Lookup.Core.Receipts;
using Lookup.Server.Errors;
using Lookup.Server.Receipts;

namespace Lookup.Server.Lists;

/// <summary>
/// Writes the receipts of one stream. Before an answer is sent, a receipt is written for all answers so far. So an interrupted list has
/// a receipt for the answers it got, and the last receipt covers the whole list.
/// </summary>
internal sealed class ListReceipts
{
    private readonly ReceiptWriter _receipts;
    private readonly OpenStream _open;
    private readonly string _askedBy;
    private readonly ByteString _salt;
    private readonly ListChain _chain;

    internal ListReceipts(ReceiptWriter receipts, OpenStream open, string askedBy)
    {
        (_receipts, _open, _askedBy) = (receipts, open, askedBy);
        var salt = ReceiptWriter.NewSalt();
        _chain = new ListChain(salt);
        _salt = ByteString.CopyFrom(salt);
    }

    /// <summary>Adds a decided chunk and writes the receipt.</summary>
    /// <exception cref="ReceiptsUnavailableException">The receipt could not be written, so the answer must not be sent.</exception>
    internal V1.Receipt Add(ChunkJob job, ulong sequence)
    {
        var before = _chain.Count;
        _chain.Add(sequence, job.Numbers.Length, job.WriteItems);
        var list = new ListReceipt(
            _open.Organisation, job.Question, _open.Hypothetical, _askedBy, job.Age, _chain.Value.ToArray(), before, _chain.Count);
        var receipt = _receipts.Write(list, _open.Receipt);
        receipt.Salt = _open.Receipt ? _salt : ByteString.Empty;
        return receipt;
    }
}
