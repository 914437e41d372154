using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Server.Access;
using Lookup.Server.Errors;

namespace Lookup.Server.Receipts;

/// <summary>lookup.v1.ReceiptService.</summary>
internal sealed class ReceiptEndpoint(ReceiptWriter receipts, NumberCipher cipher, AccessControl access, LookupServerOptions options)
    : V1.ReceiptService.ReceiptServiceBase
{
    private const int MaxListed = 5_000;

    // The interval of signed heads.
    private const int SigningMs = 1_000;

    private int _reading;

    private ReceiptLog Log => receipts.Log ?? throw RpcErrors.Precondition(ReceiptWriter.NoneKept, "NO_RECEIPTS");

    /// <inheritdoc/>
    public override async Task<V1.GetReceiptProofResponse> GetReceiptProof(V1.GetReceiptProofRequest request, ServerCallContext context)
    {
        var log = Log;
        if (!receipts.TryIndex(request.Id, out var index))
        {
            throw NotFound();
        }

        ReceiptProof? proof;
        try
        {
            proof = await ReadAsync(() => log.Folder.Prove(index, context.CancellationToken), context);
        }
        catch (ReceiptErasedException)
        {
            throw NotFound();
        }

        if (proof is null)
        {
            throw RpcErrors.Unavailable("The receipt is not signed yet; retry.", Math.Max(SigningMs, options.RetryAfterMs));
        }

        return IsShown(proof.Receipt, access.CallerOf(context)) ? new V1.GetReceiptProofResponse { Proof = proof.Write() } : throw NotFound();
    }

    /// <inheritdoc/>
    public override async Task<V1.ListReceiptsResponse> ListReceipts(V1.ListReceiptsRequest request, ServerCallContext context)
    {
        var log = Log;
        List<FieldFault>? faults = null;
        var numbers = FieldFaults.StoredNumbers(request.Number, request.DefaultRegion, ref faults);
        var from = 0UL;
        if (request.PageToken.Length > 0 && !ulong.TryParse(request.PageToken, NumberStyles.None, CultureInfo.InvariantCulture, out from))
        {
            FieldFaults.Add(ref faults, "page_token", "Not a token of an earlier response; omit it to start over.");
        }

        FieldFaults.ThrowIfAny(faults);
        NumberPseudonym[] key = [.. numbers.SelectMany(cipher.EncryptWithAllKeys)];
        var caller = access.CallerOf(context);
        // Every caller may see an erasure, so ListReceipts includes them.
        access.DetectEnumeration(caller, numbers[0].Value);
        var response = new V1.ListReceiptsResponse();
        await ReadAsync(
            () =>
            {
                foreach (var receipt in log.Folder.ReceiptsOf(key, from, context.CancellationToken, makesFilters: true))
                {
                    if (response.Receipts.Count == MaxListed)
                    {
                        response.NextPageToken = receipt.Index.ToString(CultureInfo.InvariantCulture);
                        break;
                    }

                    if (IsShown(receipt.Content, caller))
                    {
                        response.Receipts.Add(new V1.Receipt { Id = receipts.IdOf(receipt.Index), Content = ByteString.CopyFrom(receipt.Content) });
                    }
                }

                return response;
            },
            context);
        return response;
    }

    /// <inheritdoc/>
    public override Task<V1.GetSignedHeadResponse> GetSignedHead(V1.GetSignedHeadRequest request, ServerCallContext context) =>
        Task.FromResult(new V1.GetSignedHeadResponse
        {
            Head = ByteString.CopyFrom((Log.Head ?? throw RpcErrors.Unavailable("No head is signed yet; retry.", SigningMs)).Bytes),
        });

    // Reading old receipts must not delay the writing of new ones.
    private async Task<T> ReadAsync<T>(Func<T> read, ServerCallContext context)
    {
        try
        {
            if (Interlocked.Increment(ref _reading) > options.MaxReceiptReads)
            {
                throw RpcErrors.Exhausted($"{options.MaxReceiptReads} calls are reading the receipt log, the limit; retry later.", options.RetryAfterMs);
            }

            return await Task.Run(read, context.CancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _reading);
        }
    }

    // Ids are easy to guess, and a receipt shows which caller asked about which organisation. An erasure concerns all.
    private bool IsShown(byte[] receipt, Caller caller)
    {
        var read = ReceiptFormat.Read(receipt);
        return read.Kind == ReceiptKind.Erasure || caller.May(read.Organisation, access.Now);
    }

    private static RpcException NotFound() => new(new Status(StatusCode.NotFound, "The receipt log of this instance has no receipt with this id; ask the instance that issued it."));
}
