namespace Lookup.Redis.Maintenance;

/// <summary>Probes a store, deletes what no longer has to be kept, and rotates its encryption key. Thread-safe.</summary>
public interface IStoreMaintenance
{
    /// <summary>The known servers of the store.</summary>
    public StoreServers Servers { get; }

    /// <summary>Checks the manifest, every partition, the servers' settings, and whether writes are accepted.</summary>
    /// <exception cref="StoreUnavailableException">The service must not use this store.</exception>
    public Task<StoreHealth> ProbeAsync(CancellationToken cancellation);

    /// <summary>Reads the evidence of every consent while others write.</summary>
    /// <param name="visit">Called for each consent with evidence, for each of its purposes.</param>
    /// <param name="progress">Called with the completed share, 0 to 1.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public Task VisitEvidenceAsync(Action<StoredEvidence> visit, Action<double> progress, CancellationToken cancellation);

    /// <summary>Deletes what no longer has to be kept while services read and write; see RetentionScan.cs. A stopped run is simply repeated.</summary>
    /// <param name="order">The terms, and whether to count only.</param>
    /// <param name="progress">Called with the completed share, 0 to 1.</param>
    /// <param name="cancellation">Stops the run.</param>
    /// <returns>What was deleted, or is due, by country and kind.</returns>
    /// <exception cref="KeyRotationException">The encryption key is being rotated.</exception>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public Task<IReadOnlyList<RetentionCount>> RetainAsync(RetentionOrder order, Action<double> progress, CancellationToken cancellation);

    /// <summary>
    /// Rotates the encryption key while services read and write, or continues an interrupted rotation; see KeyRotation.cs.
    /// Returns immediately if the store already uses only this key.
    /// </summary>
    /// <param name="keyCheck">Check value of the new key; the cipher with which the store was opened must have it.</param>
    /// <param name="options">Limits and waits.</param>
    /// <param name="progress">Called with the step and its completed share, 0 to 1.</param>
    /// <param name="cancellation">Interrupts the rotation; a later call continues it.</param>
    /// <exception cref="KeyRotationException">The rotation cannot run now; the message says why and how to fix it.</exception>
    /// <exception cref="StoreUnavailableException">The store failed; a later call continues the rotation.</exception>
    public Task<KeyRotationResult> ChangeKeyAsync(
        string keyCheck, KeyRotationOptions options, Action<KeyRotationStep, double> progress, CancellationToken cancellation);
}
