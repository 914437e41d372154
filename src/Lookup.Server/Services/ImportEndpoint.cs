using Grpc.Core;
using Lookup.Redis;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Hosting;
using Lookup.Server.Mapping;
using Lookup.Server.Registry;

namespace Lookup.Server.Services;

/// <summary>lookup.v1.ImportService.</summary>
internal sealed class ImportEndpoint(
    IFactStore store, StoreMonitor monitor, RegistryReplica registry, LookupServerOptions options, TimeProvider clock, Drain drain,
    AccessControl access, SecondPrincipal second)
    : V1.ImportService.ImportServiceBase
{
    /// <summary>Most imports in one answer.</summary>
    internal const int MaxListed = 1_000;

    /// <summary>How often the caller hears how far a revert is.</summary>
    private static readonly TimeSpan ProgressPause = TimeSpan.FromMilliseconds(200);

    private int _reverting;

    /// <inheritdoc/>
    public override async Task<V1.ListImportsResponse> ListImports(V1.ListImportsRequest request, ServerCallContext context)
    {
        using var call = new StoreCall(context, options.StoreReadLimitMs);
        try
        {
            var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
            var imports = await store.Imports.ListAsync(call.Token);
            return new V1.ListImportsResponse { Imports = { imports.Take(MaxListed).Select(import => ImportMapping.ToProto(import, now)) } };
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreCall.TooSlow();
        }
    }

    /// <inheritdoc/>
    public override async Task RevertImport(
        V1.RevertImportRequest request, IServerStreamWriter<V1.RevertImportResponse> responseStream, ServerCallContext context)
    {
        var order = ImportMapping.Read(request);
        if (!order.DryRun)
        {
            await second.DemandAsync(request.ImportId, access.CallerOf(context), context.CancellationToken);
        }

        if (Interlocked.Exchange(ref _reverting, 1) == 1)
        {
            throw Refusals.Exhausted("An import is being reverted already; only one is reverted at a time.", options.RetryAfterMs);
        }

        drain.Track(context);
        using var stop = drain.Link(context);
        var reverting = Task.FromResult<StoredImport>(null!);
        try
        {
            monitor.ThrowIfUntrusted();
            var share = 0.0;
            reverting = store.Imports.RevertAsync(request.ImportId, order, clock, done => Volatile.Write(ref share, done), stop.Token);
            while (await Task.WhenAny(reverting, Task.Delay(ProgressPause, clock, stop.Token)) != reverting)
            {
                stop.Token.ThrowIfCancellationRequested();
                await responseStream.WriteAsync(new V1.RevertImportResponse { ShareDone = Volatile.Read(ref share) }, stop.Token);
            }

            var import = await reverting;
            // The next check of this instance sees that a snapshot is no longer loaded.
            await registry.ReadAsync(stop.Token);
            var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
            await responseStream.WriteAsync(new V1.RevertImportResponse { Import = ImportMapping.ToProto(import, now) }, stop.Token);
        }
        catch (Exception) when (drain.Ends(context))
        {
            throw Refusals.Unavailable("The service is shutting down; revert again, it goes on where it was.", options.RetryAfterMs);
        }
        finally
        {
            // Where the caller is gone it still has to end.
            await stop.CancelAsync();
            await ((Task)reverting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Volatile.Write(ref _reverting, 0);
        }
    }
}
