using Google.Protobuf;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Redis.Credentials;
using Lookup.Redis.Registers;
using Lookup.Server.Store;

namespace Lookup.Server.Access;

/// <summary>lookup.v1.AccessService.</summary>
internal sealed class AccessEndpoint(
    IRegistryStore stored,
    IAccessStore credentials,
    RegistryReplica registry,
    StoreMonitor monitor,
    LookupServerOptions options,
    TimeProvider clock,
    AccessControl access,
    DualApproval approval)
    : V1.AccessService.AccessServiceBase
{
    private readonly CredentialKeeper _keeper = new(stored, credentials, clock);

    /// <inheritdoc/>
    public override Task<V1.CreateCredentialResponse> CreateCredential(V1.CreateCredentialRequest request, ServerCallContext context) => WriteAsync(
        async token =>
        {
            var made = CredentialMapping.Read(request.Credential, access.Now);
            if (made.Roles.HasFlag(Roles.Admin))
            {
                await DemandAsync("create", request, $"create the administrator's credential {made.Id}", context, token);
            }

            return await _keeper.CreateAsync(request, await KnownToAsync(context, token), token);
        },
        context);

    /// <inheritdoc/>
    public override Task<V1.ListCredentialsResponse> ListCredentials(V1.ListCredentialsRequest request, ServerCallContext context) =>
        LimitedAsync(_keeper.ListAsync, context, options.StoreReadLimitMs);

    /// <inheritdoc/>
    public override Task<V1.RotateCredentialResponse> RotateCredential(V1.RotateCredentialRequest request, ServerCallContext context) =>
        WriteAsync(
            async token =>
            {
                var known = await _keeper.FindAsync(request.CredentialId, token);
                var knownTo = await KnownToAsync(context, token);
                // Rotating one's own secret reveals it to no one else.
                if (known.Roles.HasFlag(Roles.Admin) && access.CallerOf(context).Id != known.Id)
                {
                    await DemandAsync("rotate", request, $"give the administrator's credential {known.Id} a new secret", context, token);
                }

                return await _keeper.RotateAsync(request, knownTo, token);
            },
            context);

    /// <inheritdoc/>
    public override Task<V1.RevokeCredentialResponse> RevokeCredential(V1.RevokeCredentialRequest request, ServerCallContext context) =>
        WriteAsync(token => _keeper.RevokeAsync(request, token), context);

    /// <inheritdoc/>
    public override Task<V1.AddGrantResponse> AddGrant(V1.AddGrantRequest request, ServerCallContext context) =>
        WriteAsync(
            async token =>
            {
                var grant = CredentialMapping.Read(request.Grant);
                if ((await _keeper.FindAsync(grant.CredentialId, token)).Roles.HasFlag(Roles.Admin))
                {
                    await DemandAsync(
                        "grant", request, $"grant {grant.Organisation} to the administrator's credential {grant.CredentialId}", context, token);
                }

                return await _keeper.AddGrantAsync(request, token);
            },
            context);

    /// <inheritdoc/>
    public override Task<V1.ListGrantsResponse> ListGrants(V1.ListGrantsRequest request, ServerCallContext context) =>
        LimitedAsync(_keeper.ListGrantsAsync, context, options.StoreReadLimitMs);

    /// <inheritdoc/>
    public override Task<V1.RemoveGrantResponse> RemoveGrant(V1.RemoveGrantRequest request, ServerCallContext context) =>
        WriteAsync(token => _keeper.RemoveGrantAsync(request, token), context);

    private Task<bool> DemandAsync(string verb, IMessage request, string words, ServerCallContext context, CancellationToken cancellation) =>
        approval.DemandAsync($"{verb} {Convert.ToBase64String(request.ToByteArray())}", words, isNeverAlone: false, access.CallerOf(context), cancellation);

    // Without credentials any local caller may have received the secret.
    private async Task<IReadOnlyList<string>?> KnownToAsync(ServerCallContext context, CancellationToken cancellation) =>
        access.IsOn ? (await access.CurrentAsync(cancellation)).OriginOf(access.CallerOf(context)).Holders : null;

    // This instance applies the change before acknowledging it; the others follow within the freshness bound.
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
        using var call = new StoreDeadline(context, limitMs);
        try
        {
            return await ask(call.Token);
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreDeadline.TooSlow();
        }
    }
}
