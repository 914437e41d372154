using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Redis;

/// <summary>
/// The records of imports, and the numbers of their sources. Thread-safe. Every method throws
/// <see cref="StoreUnavailableException"/> where the store cannot answer or take it.
/// </summary>
public interface IImportStore
{
    /// <summary>The record of an import; null if there is none.</summary>
    public Task<StoredImport?> FindAsync(string id, CancellationToken cancellation);

    /// <summary>All records, the newest first.</summary>
    public Task<IReadOnlyList<StoredImport>> ListAsync(CancellationToken cancellation);

    /// <summary>Writes a record if the store still has it as <see cref="StoredImport.Stored"/> says.</summary>
    /// <returns>The record as it is stored now; null if another one wrote first.</returns>
    public Task<StoredImport?> TryPutAsync(StoredImport import, CancellationToken cancellation);

    /// <summary>The number of a source and actor within an import (empty: in none), given out at the first use; 1 or more.</summary>
    public ValueTask<uint> SourceIdAsync(string source, string actor, string importId, CancellationToken cancellation);

    /// <summary>
    /// Tells every timeline of one id in a partition, in no order, each as it was at some moment of the call.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="id">What the timelines are about.</param>
    /// <param name="found">Takes number and value.</param>
    /// <param name="cancellation">Ends it.</param>
    public Task ScanAsync(int partition, FactId id, Action<NumberKey, byte[]> found, CancellationToken cancellation);
}
