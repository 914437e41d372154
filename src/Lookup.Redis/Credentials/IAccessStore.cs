using Lookup.Redis.Store;

namespace Lookup.Redis.Credentials;

/// <summary>Credentials and grants. They are read with the registry, <see cref="IFactStore.ReadRegistryAsync"/>.</summary>
public interface IAccessStore
{
    /// <summary>
    /// Writes a credential if the store still has what it was read from (<see cref="StoredCredential.Stored"/>); a new one, if
    /// there is none of its id.
    /// </summary>
    /// <returns>False if another one is there.</returns>
    /// <exception cref="StoreUnavailableException">The store could not take it.</exception>
    public Task<bool> TryPutAsync(StoredCredential credential, CancellationToken cancellation);

    /// <summary>Grants an organisation, or changes the period of a grant.</summary>
    /// <exception cref="StoreUnavailableException">The store could not take it.</exception>
    public Task PutGrantAsync(StoredGrant grant, CancellationToken cancellation);

    /// <summary>
    /// Registers an organisation's name for its scope, so that facts of another name with the same scope are refused.
    /// </summary>
    /// <returns>The name that the scope has: this one, or the one registered before.</returns>
    /// <exception cref="StoreUnavailableException">The store could not take it.</exception>
    public Task<string> ClaimNameAsync(string organisation, CancellationToken cancellation);

    /// <summary>Returns a first administrator's request that waits for a second one; null if there is none or it has expired.</summary>
    /// <param name="action">Identifies the action; any text.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public Task<StoredApproval?> FindApprovalAsync(string action, CancellationToken cancellation);

    /// <summary>
    /// Writes or removes a first administrator's request if the stored one is still <paramref name="before"/>.
    /// </summary>
    /// <param name="action">Identifies the action.</param>
    /// <param name="before">The request that was read; null for none.</param>
    /// <param name="after">The new one; null removes it.</param>
    /// <param name="keep">When it expires.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>False if the stored request has changed.</returns>
    /// <exception cref="StoreUnavailableException">The store could not take it.</exception>
    public Task<bool> TryReplaceApprovalAsync(
        string action, StoredApproval? before, StoredApproval? after, TimeSpan keep, CancellationToken cancellation);

    /// <summary>Ends a grant; ends well where there is none.</summary>
    /// <exception cref="StoreUnavailableException">The store could not take it.</exception>
    public Task RemoveGrantAsync(string credentialId, string organisation, CancellationToken cancellation);
}
