namespace Lookup.Redis;

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

    /// <summary>Ends a grant; ends well where there is none.</summary>
    /// <exception cref="StoreUnavailableException">The store could not take it.</exception>
    public Task RemoveGrantAsync(string credentialId, string organisation, CancellationToken cancellation);
}
