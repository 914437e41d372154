using Google.Protobuf;
using Grpc.Core;
using Lookup.Server.Errors;
using Lookup.Server.Hosting;
using Lookup.Server.Receipts;

namespace Lookup.Server.Services;

/// <summary>lookup.v1.ReceiptService.</summary>
internal sealed class ReceiptEndpoint(ReceiptWriter receipts, LookupServerOptions options) : V1.ReceiptService.ReceiptServiceBase
{
    // As long as until the next head.
    private const int SigningMs = 1_000;

    private ReceiptLog Log => receipts.Log ?? throw Refusals.Precondition("This service keeps no receipts.", "NO_RECEIPTS");

    /// <inheritdoc/>
    public override async Task<V1.GetReceiptProofResponse> GetReceiptProof(V1.GetReceiptProofRequest request, ServerCallContext context)
    {
        var log = Log;
        if (!receipts.TryIndex(request.Id, out var index))
        {
            throw new RpcException(new Status(StatusCode.NotFound, "There is no receipt of this id in the log of this instance."));
        }

        var proof = await Task.Run(() => log.Folder.Prove(index), context.CancellationToken);
        return proof is null
            ? throw Refusals.Unavailable("The receipt is not signed yet.", Math.Max(SigningMs, options.RetryAfterMs))
            : new V1.GetReceiptProofResponse { Proof = proof.Write() };
    }

    /// <inheritdoc/>
    public override Task<V1.GetSignedHeadResponse> GetSignedHead(V1.GetSignedHeadRequest request, ServerCallContext context) =>
        Task.FromResult(new V1.GetSignedHeadResponse
        {
            Head = ByteString.CopyFrom((Log.Head ?? throw Refusals.Unavailable("Nothing is signed yet.", SigningMs)).Bytes),
        });
}
