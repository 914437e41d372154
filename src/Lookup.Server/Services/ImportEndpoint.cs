using Grpc.Core;
using Lookup.Redis;
using Lookup.Server.Hosting;
using Lookup.Server.Mapping;

namespace Lookup.Server.Services;

/// <summary>lookup.v1.ImportService.</summary>
internal sealed class ImportEndpoint(IFactStore store, LookupServerOptions options, TimeProvider clock) : V1.ImportService.ImportServiceBase
{
    /// <summary>Most imports in one answer.</summary>
    internal const int MaxListed = 1_000;

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
}
