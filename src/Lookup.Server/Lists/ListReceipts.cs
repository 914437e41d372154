using Google.Protobuf;
using Lookup.Core.Receipts;
using Lookup.Server.Errors;
using Lookup.Server.Receipts;

namespace Lookup.Server.Lists;

/// <summary>
/// The receipts of one stream: before an answer goes out, one is written for all answers up to it. So a list that breaks off has
/// one for what was answered, and the last is the whole list's.
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

    /// <summary>Adds a chunk that was decided.</summary>
    /// <exception cref="ReceiptsUnavailableException">The receipt could not be written: the answer must not be given.</exception>
    internal V1.Receipt Add(ChunkJob job, ulong sequence)
    {
        _chain.Add(sequence, job.Numbers.Length, job.WriteItems);
        var list = new ListReceipt(
            _open.Organisation, job.Question, _open.Hypothetical, _askedBy, job.Age, _chain.Value.ToArray(), _chain.Count);
        var receipt = _receipts.Write(list, _open.Receipt);
        receipt.Salt = _open.Receipt ? _salt : ByteString.Empty;
        return receipt;
    }
}
