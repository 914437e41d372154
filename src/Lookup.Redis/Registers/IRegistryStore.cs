namespace Lookup.Redis.Registers;

/// <summary>Organisations and loaded registers. Thread-safe.</summary>
public interface IRegistryStore
{
    /// <summary>
    /// Reads organisations, snapshots of registers, credentials and grants. Cheap if nothing changed since the last call.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public Task<Registry> ReadAsync(CancellationToken cancellation);

    /// <summary>Creates or replaces the record of an organisation.</summary>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    public Task PutOrganisationAsync(StoredOrganisation organisation, CancellationToken cancellation);

    /// <summary>Records that a register is loaded as of a date. Idempotent.</summary>
    /// <param name="register">Name of the register.</param>
    /// <param name="date">Unix milliseconds.</param>
    /// <param name="cancellation">Ends the wait, not the write.</param>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    public Task AddSnapshotAsync(string register, long date, CancellationToken cancellation);
}
