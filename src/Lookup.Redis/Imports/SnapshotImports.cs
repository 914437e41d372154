using System.Globalization;
using Lookup.Redis.Registers;

namespace Lookup.Redis.Imports;

/// <summary>Determines whether a snapshot load is a new import or continues one.</summary>
public static class SnapshotImports
{
    /// <summary>Checks the date against the loaded snapshots, before the numbers are read.</summary>
    /// <returns>The unfinished import of the same date; null if a new one starts.</returns>
    /// <exception cref="ImportException">This snapshot or a newer one is loaded, or another load is running.</exception>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public static async Task<StoredImport?> CheckAsync(
        IImportStore imports, IRegistryStore registry, string register, long date, TimeProvider clock, CancellationToken cancellation)
    {
        var loads = (await imports.ListOfRegisterAsync(register, cancellation)).ToList();
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        if (loads.Find(import => import.State == ImportState.Reverting) is { } reverting)
        {
            throw new ImportException($"The load {reverting.Id} of this register is being reverted: finish that first.");
        }

        if (loads.Find(import => import.State == ImportState.Running && import.SnapshotDate != date && !import.IsSilent(now)) is { } running)
        {
            throw new ImportException($"The load {running.Id} of this register is running, as of {Day(running.SnapshotDate)}.");
        }

        var unfinished = loads.Find(
            import => import.SnapshotDate == date && (import.State is ImportState.Running or ImportState.BrokenOff));
        var snapshots = (await registry.ReadAsync(cancellation)).Snapshots;
        var newest = snapshots.TryGetValue(register, out var dates) && dates.Length > 0 ? dates[^1] : long.MinValue;
        if (newest > date)
        {
            throw new ImportException($"The register is already loaded as of {Day(newest)}, which is newer: a snapshot must be newer than the loaded one.");
        }

        if (newest == date && unfinished is null)
        {
            throw new ImportException($"The register is already loaded as of {Day(newest)}.");
        }

        return unfinished;
    }

    /// <summary>
    /// Checks whether a date can be stated manually: the entries that an interrupted load has written up to that date would take
    /// effect.
    /// </summary>
    /// <exception cref="ImportException">There is such a load.</exception>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public static async Task CheckStatedAsync(IImportStore imports, string register, long date, CancellationToken cancellation)
    {
        var unfinished = (await imports.ListOfRegisterAsync(register, cancellation)).FirstOrDefault(import =>
            import.SnapshotDate <= date
            && (import.State is ImportState.Running or ImportState.BrokenOff or ImportState.Reverting));
        if (unfinished is not null)
        {
            throw new ImportException(
                $"The load {unfinished.Id} of this register as of {Day(unfinished.SnapshotDate)} has not ended, and a part of it would take effect: continue it, or revert it.");
        }
    }

    /// <summary>Starts the import of a snapshot, or continues the interrupted one.</summary>
    /// <param name="imports">The records of imports.</param>
    /// <param name="registry">The loaded registers.</param>
    /// <param name="description">File, actor, source, register and date.</param>
    /// <param name="difference">The changes, for the record.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="ImportException">
    /// As for <see cref="CheckAsync"/>; or a load of the same date with another file was interrupted, or another process
    /// continues it.
    /// </exception>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public static async Task<ImportSession> OpenAsync(
        IImportStore imports, IRegistryStore registry, StoredImport description, SnapshotDifference difference, TimeProvider clock, CancellationToken cancellation)
    {
        var unfinished = await CheckAsync(imports, registry, description.Register, description.SnapshotDate, clock, cancellation);
        if (unfinished is null)
        {
            var record = description with
            {
                Additions = difference.Additions,
                Removals = difference.Removals,
                Changes = difference.Changes,
                Unchanged = difference.Unchanged,
            };
            return await ImportSession.BeginAsync(imports, record, clock, cancellation);
        }

        if (unfinished.FileSha256 != description.FileSha256)
        {
            throw new ImportException(
                $"The load {unfinished.Id} of another file as of the same date was interrupted: continue it with that file, or revert it first.");
        }

        return await ImportSession.ResumeAsync(imports, unfinished.Id, clock, cancellation);
    }

    private static string Day(long date) =>
        DateTimeOffset.FromUnixTimeMilliseconds(date).UtcDateTime.ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture);
}
