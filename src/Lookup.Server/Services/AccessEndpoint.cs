using Grpc.Core;
using Lookup.Redis;
using Lookup.Server.Access;
using Lookup.Server.Hosting;
using Lookup.Server.Registry;

namespace Lookup.Server.Services;

/// <summary>lookup.v1.AccessService.</summary>
internal sealed class AccessEndpoint(
    IFactStore store, RegistryReplica registry, StoreMonitor monitor, LookupServerOptions options, TimeProvider clock)
    : V1.AccessService.AccessServiceBase
{
    private readonly CredentialKeeper _keeper = new(store, clock);

    /// <inheritdoc/>
    public override Task<V1.CreateCredentialResponse> CreateCredential(V1.CreateCredentialRequest request, ServerCallContext context) =>
        WriteAsync(token => _keeper.CreateAsync(request, token), context);

    /// <inheritdoc/>
    public override Task<V1.ListCredentialsResponse> ListCredentials(V1.ListCredentialsRequest request, ServerCallContext context) =>
        LimitedAsync(_keeper.ListAsync, context, options.StoreReadLimitMs);

    /// <inheritdoc/>
    public override Task<V1.RotateCredentialResponse> RotateCredential(V1.RotateCredentialRequest request, ServerCallContext context) =>
        WriteAsync(token => _keeper.RotateAsync(request, token), context);

    /// <inheritdoc/>
    public override Task<V1.RevokeCredentialResponse> RevokeCredential(V1.RevokeCredentialRequest request, ServerCallContext context) =>
        WriteAsync(token => _keeper.RevokeAsync(request, token), context);

    /// <inheritdoc/>
    public override Task<V1.AddGrantResponse> AddGrant(V1.AddGrantRequest request, ServerCallContext context) =>
        WriteAsync(token => _keeper.AddGrantAsync(request, token), context);

    /// <inheritdoc/>
    public override Task<V1.ListGrantsResponse> ListGrants(V1.ListGrantsRequest request, ServerCallContext context) =>
        LimitedAsync(_keeper.ListGrantsAsync, context, options.StoreReadLimitMs);

    /// <inheritdoc/>
    public override Task<V1.RemoveGrantResponse> RemoveGrant(V1.RemoveGrantRequest request, ServerCallContext context) =>
        WriteAsync(token => _keeper.RemoveGrantAsync(request, token), context);

    // This instance goes by it before it is acknowledged; the others follow within the bound.
    private Task<T> WriteAsync<T>(Func<CancellationToken, Task<T>> write, ServerCallContext context)
    {
        monitor.ThrowIfUntrusted();
        return LimitedAsync(
            async token =>
            {
                var result = await write(token);
                await registry.ReadAsync(token);
                return result;
            },
            context,
            options.StoreWriteLimitMs);
    }

    private static async Task<T> LimitedAsync<T>(Func<CancellationToken, Task<T>> ask, ServerCallContext context, int limitMs)
    {
        using var call = new StoreCall(context, limitMs);
        try
        {
            return await ask(call.Token);
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreCall.TooSlow();
        }
    }
}
