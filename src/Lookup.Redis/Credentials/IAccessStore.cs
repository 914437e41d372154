namespace Lookup.Redis.Credentials;

/// <summary>Writes credentials and grants; the registry contains them. Thread-safe.</summary>
public interface IAccessStore
{
    /// <summary>
    /// Writes a credential if the stored text is still the one it was read from (<see cref="StoredCredential.Stored"/>); a new
    /// one, if there is none with its id.
    /// </summary>
    /// <returns>False if the stored text differs.</returns>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    public Task<bool> TryPutAsync(StoredCredential credential, CancellationToken cancellation);

    /// <summary>Creates a grant, or changes its period.</summary>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    public Task PutGrantAsync(StoredGrant grant, CancellationToken cancellation);

    /// <summary>
    /// Registers an organisation's name for its scope, so that facts of another name with the same scope are rejected.
    /// </summary>
    /// <returns>The name of the scope: this one, or the one registered before.</returns>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    public Task<string> ClaimNameAsync(string organisation, CancellationToken cancellation);

    /// <summary>Returns a first administrator's request that waits for a second one; null if there is none or it has expired.</summary>
    /// <param name="action">Identifies the action; any text.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public Task<StoredApproval?> FindApprovalAsync(string action, CancellationToken cancellation);

    /// <summary>Writes or removes a first administrator's request if the stored one is still <paramref name="before"/>.</summary>
    /// <param name="action">Identifies the action.</param>
    /// <param name="before">The request that was read; null for none.</param>
    /// <param name="after">The new one; null removes it.</param>
    /// <param name="keep">When it expires.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>False if the stored request has changed.</returns>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    public Task<bool> TryReplaceApprovalAsync(
        string action, StoredApproval? before, StoredApproval? after, TimeSpan keep, CancellationToken cancellation);

    /// <summary>Removes a grant; succeeds if there is none.</summary>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    public Task RemoveGrantAsync(string credentialId, string organisation, CancellationToken cancellation);
}
