namespace Lookup.Redis.Registers;

/// <summary>Organisations, loaded registers and blocks of numbers. Thread-safe.</summary>
public interface IRegistryStore
{
    /// <summary>
    /// Reads organisations, snapshots of registers, credentials, grants and blocks. Cheap if nothing changed since the last call.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public Task<Registry> ReadAsync(CancellationToken cancellation);

    /// <summary>Creates or replaces the record of an organisation.</summary>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    public Task PutOrganisationAsync(StoredOrganisation organisation, CancellationToken cancellation);

    /// <summary>Changes blocks of numbers. Every <see cref="ReadAsync"/> that starts later has the changes.</summary>
    /// <returns>For each change whether it changed something.</returns>
    /// <exception cref="StoreUnavailableException">The store could not accept them; some may be stored.</exception>
    public Task<bool[]> ChangeBlocksAsync(IReadOnlyList<BlockChange> changes, CancellationToken cancellation);

    /// <summary>Records that a register is loaded as of a date. Idempotent.</summary>
    /// <param name="register">Name of the register.</param>
    /// <param name="date">Unix milliseconds.</param>
    /// <param name="cancellation">Ends the wait, not the write.</param>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    public Task AddSnapshotAsync(string register, long date, CancellationToken cancellation);
}
