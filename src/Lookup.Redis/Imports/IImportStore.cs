using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Writing;

namespace Lookup.Redis.Imports;

/// <summary>
/// The records of imports, and the numbers of their sources. Thread-safe. Every method throws
/// <see cref="StoreUnavailableException"/> if the store cannot answer or accept the change.
/// </summary>
public interface IImportStore
{
    /// <summary>Returns the record of an import; null if there is none.</summary>
    public Task<StoredImport?> FindAsync(string id, CancellationToken cancellation);

    /// <summary>Maximum number of records in one page.</summary>
    public const int MaxPage = 1_000;

    /// <summary>Reads all records, the newest first, page by page.</summary>
    public async Task<IReadOnlyList<StoredImport>> ListAsync(CancellationToken cancellation)
    {
        var all = new List<StoredImport>();
        IReadOnlyList<StoredImport> page;
        do
        {
            page = await ListAsync(all.Count == 0 ? null : all[^1].Id, MaxPage, cancellation);
            all.AddRange(page);
        }
        while (page.Count == MaxPage);
        return all;
    }

    /// <summary>Reads records, the newest first.</summary>
    /// <param name="before">Only records older than this id; null starts with the newest.</param>
    /// <param name="most">1 to <see cref="MaxPage"/>; fewer are returned only at the end.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public Task<IReadOnlyList<StoredImport>> ListAsync(string? before, int most, CancellationToken cancellation);

    /// <summary>Returns the records of the loads of a register, the newest first.</summary>
    public Task<IReadOnlyList<StoredImport>> ListOfRegisterAsync(string register, CancellationToken cancellation);

    /// <summary>Writes a record if the stored text is still <see cref="StoredImport.Stored"/>.</summary>
    /// <returns>The record as it is stored now; null if another process wrote first.</returns>
    public Task<StoredImport?> TryPutAsync(StoredImport import, CancellationToken cancellation);

    /// <summary>
    /// Returns the number of a source and actor within an import (empty: outside imports), assigned at the first call; 1 or more.
    /// </summary>
    public ValueTask<uint> SourceIdAsync(string source, string actor, string importId, CancellationToken cancellation) =>
        SourceIdAsync(source, actor, importId, null, cancellation);

    /// <inheritdoc cref="SourceIdAsync(string, string, string, CancellationToken)"/>
    /// <param name="source">The source.</param>
    /// <param name="actor">The person or system who recorded the facts.</param>
    /// <param name="importId">The import.</param>
    /// <param name="budget">The limit of new sources; null for none.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="TooManySourcesException">The source is new and the budget is used up.</exception>
    public ValueTask<uint> SourceIdAsync(string source, string actor, string importId, SourceBudget? budget, CancellationToken cancellation);

    /// <summary>
    /// Reverts one import: removes what only it brought, restores what it changed, and keeps what others assert too. Idempotent;
    /// continues an interrupted revert.
    /// </summary>
    /// <param name="id">The import.</param>
    /// <param name="order">What to do.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="progress">Called with the completed share, 0 to 1.</param>
    /// <param name="cancellation">Interrupts the revert.</param>
    /// <returns>The record, with the counts of what was done, or would be done.</returns>
    /// <exception cref="ImportException">There is no such import, it is running, or a newer snapshot depends on it.</exception>
    public Task<StoredImport> RevertAsync(
        string id, RevertOrder order, TimeProvider clock, Action<double> progress, CancellationToken cancellation);

    /// <summary>
    /// Passes every timeline of one id in a partition to a callback, in no order, each as it was at some moment of the call.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="id">Kind and scope of the timelines.</param>
    /// <param name="found">Receives number and value.</param>
    /// <param name="cancellation">Stops the scan.</param>
    public Task ScanAsync(int partition, FactId id, Action<NumberPseudonym, byte[]> found, CancellationToken cancellation);
}
