using Lookup.V1;

namespace Lookup.Client;

// Administration of credentials and grants. Never hedged.
public sealed partial class LookupClient
{
    private readonly AccessService.AccessServiceClient _access;
    private readonly TrailService.TrailServiceClient _trail;

    /// <summary>Creates a credential. For an API key, only this response contains the key.</summary>
    public Task<CreateCredentialResponse> CreateCredentialAsync(CreateCredentialRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _access.CreateCredentialAsync(request, options), cancellationToken);

    /// <summary>Lists all credentials.</summary>
    public Task<ListCredentialsResponse> ListCredentialsAsync(ListCredentialsRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _access.ListCredentialsAsync(request, options), cancellationToken);

    /// <summary>Replaces the secret of an API key. Only this response contains the new key.</summary>
    public Task<RotateCredentialResponse> RotateCredentialAsync(RotateCredentialRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _access.RotateCredentialAsync(request, options), cancellationToken);

    /// <summary>Revokes a credential permanently.</summary>
    public Task<RevokeCredentialResponse> RevokeCredentialAsync(RevokeCredentialRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _access.RevokeCredentialAsync(request, options), cancellationToken);

    /// <summary>Grants an organisation to a credential.</summary>
    public Task<AddGrantResponse> AddGrantAsync(AddGrantRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _access.AddGrantAsync(request, options), cancellationToken);

    /// <summary>Lists all grants.</summary>
    public Task<ListGrantsResponse> ListGrantsAsync(ListGrantsRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _access.ListGrantsAsync(request, options), cancellationToken);

    /// <summary>Removes a grant.</summary>
    public Task<RemoveGrantResponse> RemoveGrantAsync(RemoveGrantRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _access.RemoveGrantAsync(request, options), cancellationToken);

    /// <summary>Lists entries of the admin trail, as the store has them.</summary>
    public Task<ListTrailResponse> ListTrailAsync(ListTrailRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _trail.ListTrailAsync(request, options), cancellationToken);
}
