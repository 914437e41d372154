using Grpc.Core;
using Grpc.Health.V1;
using Lookup.V1;

namespace Lookup.Client;

// What those ask who keep the facts. Never hedged, apart from ListFacts.
public sealed partial class LookupClient
{
    /// <inheritdoc/>
    public async Task<RecordFactsResponse> RecordFactsAsync(RecordFactsRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            return await CallAsync(options => _facts.RecordFactsAsync(request, options), cancellationToken);
        }
        finally
        {
            // A call that failed may have recorded all the same.
            foreach (var fact in request.Facts)
            {
                ForgetAsGiven(fact.Number);
            }
        }
    }

    /// <summary>Records what came of a call. It can be sent again with the same time and counts once.</summary>
    /// <exception cref="LookupException">The service refused, or could not be asked.</exception>
    public async Task<RecordOutcomeResponse> RecordOutcomeAsync(RecordOutcomeRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            return await CallAsync(options => _facts.RecordOutcomeAsync(request, options), cancellationToken);
        }
        finally
        {
            // As for facts: it may have been recorded though it failed.
            ForgetAsGiven(request.Number);
        }
    }

    /// <inheritdoc/>
    public Task<ListFactsResponse> ListFactsAsync(ListFactsRequest request, CancellationToken cancellationToken) => ReadAsync(
        (channel, options) => new FactService.FactServiceClient(channel).ListFactsAsync(request, options), Strictness.Stricter, cancellationToken);

    /// <summary>Erases a number and leaves a lasting objection.</summary>
    public async Task<EraseNumberResponse> EraseNumberAsync(EraseNumberRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            return await CallAsync(options => _facts.EraseNumberAsync(request, options), cancellationToken);
        }
        finally
        {
            ForgetAsGiven(request.Number);
        }
    }

    /// <summary>Creates or replaces an organisation's record.</summary>
    public Task<PutOrganisationResponse> PutOrganisationAsync(PutOrganisationRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _registry.PutOrganisationAsync(request, options), cancellationToken);

    /// <summary>The organisations on record.</summary>
    public Task<ListOrganisationsResponse> ListOrganisationsAsync(ListOrganisationsRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _registry.ListOrganisationsAsync(request, options), cancellationToken);

    /// <summary>The proof of a receipt, once it is signed.</summary>
    public Task<GetReceiptProofResponse> GetReceiptProofAsync(GetReceiptProofRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _receipts.GetReceiptProofAsync(request, options), cancellationToken);

    /// <summary>The receipts of single answers about a number, of the instance that is asked.</summary>
    public Task<ListReceiptsResponse> ListReceiptsAsync(ListReceiptsRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _receipts.ListReceiptsAsync(request, options), cancellationToken);

    /// <summary>The newest signed head of the receipts of the instance that is asked.</summary>
    public Task<GetSignedHeadResponse> GetSignedHeadAsync(GetSignedHeadRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _receipts.GetSignedHeadAsync(request, options), cancellationToken);

    /// <summary>States that a register is loaded as of a date.</summary>
    public Task<RecordSnapshotResponse> RecordSnapshotAsync(RecordSnapshotRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _registry.RecordSnapshotAsync(request, options), cancellationToken);

    /// <summary>Begins to bring a register to a newer snapshot.</summary>
    /// <param name="open">Register, date and file.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    public async Task<SnapshotUpload> LoadSnapshotAsync(LoadSnapshotOpen open, CancellationToken cancellationToken)
    {
        var upload = new SnapshotUpload(_registry.LoadSnapshot(cancellationToken: cancellationToken), Address, cancellationToken);
        try
        {
            await upload.SendAsync(new LoadSnapshotRequest { Open = open });
            return upload;
        }
        catch
        {
            upload.Dispose();
            throw;
        }
    }

    /// <summary>The registers that the regimes know.</summary>
    public Task<ListRegistersResponse> ListRegistersAsync(ListRegistersRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _registry.ListRegistersAsync(request, options), cancellationToken);

    /// <summary>The imports on record, the newest first.</summary>
    public Task<ListImportsResponse> ListImportsAsync(ListImportsRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _imports.ListImportsAsync(request, options), cancellationToken);

    /// <summary>Undoes one import, or counts what that would do.</summary>
    /// <param name="request">Which, by whom and why.</param>
    /// <param name="progress">Takes the share that is done, 0 to 1.</param>
    /// <param name="cancellationToken">Breaks it off; the same call goes on where it was.</param>
    /// <returns>The import with what was done, or would be.</returns>
    public async Task<Import> RevertImportAsync(RevertImportRequest request, Action<double> progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(progress);
        try
        {
            using var call = _imports.RevertImport(request, cancellationToken: cancellationToken);
            while (await call.ResponseStream.MoveNext(cancellationToken))
            {
                if (call.ResponseStream.Current is { Import: { } import })
                {
                    return import;
                }

                progress(call.ResponseStream.Current.ShareDone);
            }

            throw new RpcException(new Status(StatusCode.Internal, "The service ended the revert without a result."));
        }
        catch (RpcException exception)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw LookupException.From(exception, Address);
        }
        finally
        {
            // What it took away or brought back may be about any number.
            ForgetAll();
        }
    }

    /// <summary>Whether the service can answer now, by grpc.health.v1.</summary>
    public async Task<bool> IsServingAsync(CancellationToken cancellationToken)
    {
        var response = await CallAsync(options => _health.CheckAsync(new HealthCheckRequest(), options), cancellationToken);
        return response.Status == HealthCheckResponse.Types.ServingStatus.Serving;
    }
}
