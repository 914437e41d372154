using Lookup.V1;

namespace Lookup.Client;

// What administrators ask about who may ask. Never hedged.
public sealed partial class LookupClient
{
    private readonly AccessService.AccessServiceClient _access;

    /// <summary>Makes a credential; the answer to an API key holds the key, this once.</summary>
    public Task<CreateCredentialResponse> CreateCredentialAsync(CreateCredentialRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _access.CreateCredentialAsync(request, options), cancellationToken);

    /// <summary>All credentials.</summary>
    public Task<ListCredentialsResponse> ListCredentialsAsync(ListCredentialsRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _access.ListCredentialsAsync(request, options), cancellationToken);

    /// <summary>Gives an API key a new secret; the answer holds the key, this once.</summary>
    public Task<RotateCredentialResponse> RotateCredentialAsync(RotateCredentialRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _access.RotateCredentialAsync(request, options), cancellationToken);

    /// <summary>Ends a credential for good.</summary>
    public Task<RevokeCredentialResponse> RevokeCredentialAsync(RevokeCredentialRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _access.RevokeCredentialAsync(request, options), cancellationToken);

    /// <summary>Grants an organisation to a credential.</summary>
    public Task<AddGrantResponse> AddGrantAsync(AddGrantRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _access.AddGrantAsync(request, options), cancellationToken);

    /// <summary>All grants.</summary>
    public Task<ListGrantsResponse> ListGrantsAsync(ListGrantsRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _access.ListGrantsAsync(request, options), cancellationToken);

    /// <summary>Takes a grant back.</summary>
    public Task<RemoveGrantResponse> RemoveGrantAsync(RemoveGrantRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _access.RemoveGrantAsync(request, options), cancellationToken);
}
