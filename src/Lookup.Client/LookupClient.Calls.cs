using Grpc.Core;
using Grpc.Health.V1;
using Lookup.V1;

namespace Lookup.Client;

// Facts, registers, imports and receipts. Never hedged, except ListFacts.
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
            // A failed call may have recorded the facts.
            foreach (var fact in request.Facts)
            {
                ForgetAsGiven(fact.Number);
            }
        }
    }

    /// <summary>Records the outcome of a call. Repeating it with the same time counts once.</summary>
    /// <exception cref="LookupException">The service rejected the call, or could not be reached.</exception>
    public async Task<RecordOutcomeResponse> RecordOutcomeAsync(RecordOutcomeRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            return await CallAsync(options => _facts.RecordOutcomeAsync(request, options), cancellationToken);
        }
        finally
        {
            // A failed call may have recorded the outcome.
            ForgetAsGiven(request.Number);
        }
    }

    /// <inheritdoc/>
    public Task<ListFactsResponse> ListFactsAsync(ListFactsRequest request, CancellationToken cancellationToken) => ReadAsync(
        (channel, options) => new FactService.FactServiceClient(channel).ListFactsAsync(request, options), Strictness.Stricter, cancellationToken);

    /// <summary>Records blocks of number ranges. Earlier answers are not reused.</summary>
    /// <exception cref="LookupException">The service rejected the call, or could not be reached; it may have recorded the blocks.</exception>
    public async Task<RecordBlocksResponse> RecordBlocksAsync(RecordBlocksRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            return await CallAsync(options => _facts.RecordBlocksAsync(request, options), cancellationToken);
        }
        finally
        {
            ForgetAll();
        }
    }

    /// <summary>Removes blocks of number ranges.</summary>
    public Task<RemoveBlocksResponse> RemoveBlocksAsync(RemoveBlocksRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _facts.RemoveBlocksAsync(request, options), cancellationToken);

    /// <summary>Lists blocks of number ranges.</summary>
    public Task<ListBlocksResponse> ListBlocksAsync(ListBlocksRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _facts.ListBlocksAsync(request, options), cancellationToken);

    /// <summary>Erases a number's facts and records a permanent objection.</summary>
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

    /// <summary>Lists the organisations.</summary>
    public Task<ListOrganisationsResponse> ListOrganisationsAsync(ListOrganisationsRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _registry.ListOrganisationsAsync(request, options), cancellationToken);

    /// <summary>Returns the proof of a signed receipt.</summary>
    public Task<GetReceiptProofResponse> GetReceiptProofAsync(GetReceiptProofRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _receipts.GetReceiptProofAsync(request, options), cancellationToken);

    /// <summary>Lists the queried instance's receipts of single answers about a number.</summary>
    public Task<ListReceiptsResponse> ListReceiptsAsync(ListReceiptsRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _receipts.ListReceiptsAsync(request, options), cancellationToken);

    /// <summary>Returns the newest signed head of the queried instance's receipts.</summary>
    public Task<GetSignedHeadResponse> GetSignedHeadAsync(GetSignedHeadRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _receipts.GetSignedHeadAsync(request, options), cancellationToken);

    /// <summary>Marks a register as loaded as of a date.</summary>
    public Task<RecordSnapshotResponse> RecordSnapshotAsync(RecordSnapshotRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _registry.RecordSnapshotAsync(request, options), cancellationToken);

    /// <summary>Starts to load a newer snapshot of a register.</summary>
    /// <param name="open">Register, date and file.</param>
    /// <param name="cancellationToken">Cancels the load.</param>
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

    /// <summary>Lists the registers that the rules use.</summary>
    public Task<ListRegistersResponse> ListRegistersAsync(ListRegistersRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _registry.ListRegistersAsync(request, options), cancellationToken);

    /// <summary>Lists imports, newest first.</summary>
    public Task<ListImportsResponse> ListImportsAsync(ListImportsRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _imports.ListImportsAsync(request, options), cancellationToken);

    /// <summary>Undoes one import, or counts what a revert would change.</summary>
    /// <param name="request">The import, the actor and the reason.</param>
    /// <param name="progress">Receives the progress, 0 to 1.</param>
    /// <param name="cancellationToken">Cancels the revert; the same call resumes it.</param>
    /// <returns>The import with the counts of the revert.</returns>
    public Task<Import> RevertImportAsync(RevertImportRequest request, Action<double> progress, CancellationToken cancellationToken) => ChangeAsync(
        () => _imports.RevertImport(request, cancellationToken: cancellationToken), step => step.Import, step => step.ShareDone, progress, cancellationToken);

    /// <summary>Deletes facts that no longer have to be kept, or counts them.</summary>
    /// <param name="request">The actor and the reason.</param>
    /// <param name="progress">Receives the progress, 0 to 1.</param>
    /// <param name="cancellationToken">Stops the run; another call deletes what is left.</param>
    /// <returns>What was deleted, or is due, by country and kind.</returns>
    public Task<RetentionResult> ApplyRetentionAsync(ApplyRetentionRequest request, Action<double> progress, CancellationToken cancellationToken) => ChangeAsync(
        () => _facts.ApplyRetention(request, cancellationToken: cancellationToken), step => step.Result, step => step.ShareDone, progress, cancellationToken);

    // Runs a call that returns its progress and then its result.
    private async Task<TResult> ChangeAsync<TStep, TResult>(
        Func<AsyncServerStreamingCall<TStep>> start, Func<TStep, TResult?> resultOf, Func<TStep, double> shareOf, Action<double> progress, CancellationToken cancellationToken)
        where TResult : class
    {
        ArgumentNullException.ThrowIfNull(progress);
        try
        {
            using var call = start();
            while (await call.ResponseStream.MoveNext(cancellationToken))
            {
                if (resultOf(call.ResponseStream.Current) is { } result)
                {
                    return result;
                }

                progress(shareOf(call.ResponseStream.Current));
            }

            throw new RpcException(new Status(StatusCode.Internal, "The service ended the call without a result."));
        }
        catch (RpcException exception)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw LookupException.From(exception, Address);
        }
        finally
        {
            // It may have changed facts of any number.
            ForgetAll();
        }
    }

    /// <summary>Returns whether the service can answer now, by grpc.health.v1.</summary>
    public async Task<bool> IsServingAsync(CancellationToken cancellationToken)
    {
        var response = await CallAsync(options => _health.CheckAsync(new HealthCheckRequest(), options), cancellationToken);
        return response.Status == HealthCheckResponse.Types.ServingStatus.Serving;
    }
}
