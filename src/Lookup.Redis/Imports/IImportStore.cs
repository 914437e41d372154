using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Writing;

namespace Lookup.Redis.Imports;

/// <summary>
/// The records of imports, and the numbers of their sources. Thread-safe. Every method throws
/// <see cref="StoreUnavailableException"/> where the store cannot answer or take it.
/// </summary>
public interface IImportStore
{
    /// <summary>The record of an import; null if there is none.</summary>
    public Task<StoredImport?> FindAsync(string id, CancellationToken cancellation);

    /// <summary>Most records in one page.</summary>
    public const int MaxPage = 1_000;

    /// <summary>All records, the newest first, page by page.</summary>
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

    /// <summary>Records, the newest first.</summary>
    /// <param name="before">Only records older than this id; null starts with the newest.</param>
    /// <param name="most">1 to <see cref="MaxPage"/>; fewer are returned only at the end.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public Task<IReadOnlyList<StoredImport>> ListAsync(string? before, int most, CancellationToken cancellation);

    /// <summary>The records of the loads of a register, the newest first.</summary>
    public Task<IReadOnlyList<StoredImport>> ListOfRegisterAsync(string register, CancellationToken cancellation);

    /// <summary>Writes a record if the store still has it as <see cref="StoredImport.Stored"/> says.</summary>
    /// <returns>The record as it is stored now; null if another one wrote first.</returns>
    public Task<StoredImport?> TryPutAsync(StoredImport import, CancellationToken cancellation);

    /// <summary>The number of a source and actor within an import (empty: in none), given out at the first use; 1 or more.</summary>
    public ValueTask<uint> SourceIdAsync(string source, string actor, string importId, CancellationToken cancellation) =>
        SourceIdAsync(source, actor, importId, null, cancellation);

    /// <inheritdoc cref="SourceIdAsync(string, string, string, CancellationToken)"/>
    /// <param name="source">The source.</param>
    /// <param name="actor">Who recorded.</param>
    /// <param name="importId">The import.</param>
    /// <param name="budget">The limit of new sources; null for none.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="TooManySourcesException">The source is new and the budget is used up.</exception>
    public ValueTask<uint> SourceIdAsync(string source, string actor, string importId, SourceBudget? budget, CancellationToken cancellation);

    /// <summary>
    /// Undoes one import: what only it brought goes, what it changed is as it would be without it, and what others
    /// assert too stays. It can be repeated, and goes on where it was broken off.
    /// </summary>
    /// <param name="id">The import.</param>
    /// <param name="order">What to do.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="progress">Takes the share that is done, 0 to 1.</param>
    /// <param name="cancellation">Breaks it off.</param>
    /// <returns>The record, with what was done, or would be.</returns>
    /// <exception cref="ImportException">There is no such import, it is running, or a newer snapshot rests on it.</exception>
    public Task<StoredImport> RevertAsync(
        string id, RevertOrder order, TimeProvider clock, Action<double> progress, CancellationToken cancellation);

    /// <summary>
    /// Tells every timeline of one id in a partition, in no order, each as it was at some moment of the call.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="id">What the timelines are about.</param>
    /// <param name="found">Takes number and value.</param>
    /// <param name="cancellation">Ends it.</param>
    public Task ScanAsync(int partition, FactId id, Action<NumberPseudonym, byte[]> found, CancellationToken cancellation);
}
