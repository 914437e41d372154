using Grpc.Core;
using Lookup.Core.Facts;
using Lookup.Redis.Following;
using Lookup.Redis.Imports;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Store;

namespace Lookup.Server.Imports;

/// <summary>lookup.v1.ImportService.</summary>
internal sealed class ImportEndpoint(
    IImportStore store, StoreMonitor monitor, RegistryReplica registry, FilterReplica replica, LookupServerOptions options, TimeProvider clock, Drain drain,
    AccessControl access, DualApproval approval)
    : V1.ImportService.ImportServiceBase
{
    private readonly LongRun _revert = new(drain, options, clock);

    /// <inheritdoc/>
    public override async Task<V1.ListImportsResponse> ListImports(V1.ListImportsRequest request, ServerCallContext context)
    {
        List<FieldFault>? faults = null;
        var size = request.PageSize == 0 ? IImportStore.MaxPage : Math.Min(request.PageSize, IImportStore.MaxPage);
        if (size < 0)
        {
            FieldFaults.Add(ref faults, "page_size", $"{request.PageSize} is negative; must be 1 to 1,000, or 0 for 1,000.");
        }

        if (request.PageToken.Length > 0 && !ImportSession.IsId(request.PageToken))
        {
            FieldFaults.Add(ref faults, "page_token", "Not a token of an earlier response; omit it to start over.");
        }

        FieldFaults.ThrowIfAny(faults);
        // Uses the time limit of writes, because no decision waits for it.
        using var call = new StoreDeadline(context, options.StoreWriteLimitMs);
        try
        {
            var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
            var imports = await store.ListAsync(request.PageToken.Length == 0 ? null : request.PageToken, size, call.Token);
            return new V1.ListImportsResponse
            {
                Imports = { imports.Select(import => ImportMapping.ToProto(import, now)) },
                NextPageToken = imports.Count == size ? imports[^1].Id : "",
            };
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreDeadline.TooSlow();
        }
    }

    /// <inheritdoc/>
    public override async Task RevertImport(
        V1.RevertImportRequest request, IServerStreamWriter<V1.RevertImportResponse> responseStream, ServerCallContext context)
    {
        var order = ImportMapping.Read(request);
        if (!order.DryRun)
        {
            order = order with { Expected = await DemandAsync(request.ImportId, access.CallerOf(context), context.CancellationToken) };
        }

        await _revert.RunAsync(
            async (progress, stop) =>
            {
                monitor.ThrowIfUntrusted();
                var import = await store.RevertAsync(request.ImportId, order, clock, progress, stop);
                // The next check of this instance sees that a snapshot is no longer loaded, and no cached fact from before.
                await registry.ReadAsync(stop);
                await replica.CatchUpAsync(TimeSpan.FromMilliseconds(options.FreshnessBoundMs), stop);
                return new V1.RevertImportResponse { Import = ImportMapping.ToProto(import, clock.GetUtcNow().ToUnixTimeMilliseconds()) };
            },
            share => new V1.RevertImportResponse { ShareDone = share },
            responseStream,
            context,
            busy: "Another import is being reverted; only one can be reverted at a time. Retry when it has ended.",
            stopping: "The service is shutting down; send the request again and the revert continues.");
    }

    // Reverting can permit calls. The revert applies only to the record that was checked here.
    private async Task<string?> DemandAsync(string importId, Caller caller, CancellationToken cancellation)
    {
        // The revert itself reports a missing, running or reverted import; one that is being reverted was approved.
        if (await store.FindAsync(importId, cancellation) is not { } import
            || import.State is ImportState.Reverted or ImportState.Reverting
            || (import.State == ImportState.Running && !import.IsSilent(access.Now)))
        {
            return null;
        }

        var listed = import.Unchanged + import.Additions + import.Changes;
        if (import.FactsAtMost > options.RevertApprovalFacts)
        {
            await approval.DemandAsync(
                "revert " + import.Id,
                $"revert the import {import.Id} of more than {options.RevertApprovalFacts} facts",
                isNeverAlone: true,
                caller,
                cancellation);
        }
        else if (import.Register.Length > 0 && (import.Additions + import.Changes) * 100.0 > listed * (double)options.RegisterApprovalPercent)
        {
            await approval.DemandAsync(
                "revert " + import.Id,
                $"revert the load {import.Id}, which added or changed more than {options.RegisterApprovalPercent} % of the register's numbers",
                isNeverAlone: false,
                caller,
                cancellation);
        }

        return import.Stored;
    }
}
