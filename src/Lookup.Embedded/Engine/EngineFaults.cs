using System.Globalization;
using System.Text.RegularExpressions;

namespace Lookup.Embedded.Engine;

/// <summary>The only place that converts errors of RocksDB and the operating system to sentences for an operator.</summary>
internal static partial class EngineFaults
{
    private const string Restore = "Restore the data folder from a backup.";

    /// <summary>Converts an error that prevented a store from opening.</summary>
    internal static EngineFault FromOpenError(Exception e, string folder)
    {
        if (IsFull(e.Message))
        {
            return new EngineFault(EngineFault.Stopped, $"The disk of {folder} is full: free some space, then start again.", e);
        }

        if (IsLocked(e.Message))
        {
            return new EngineFault(EngineFault.Stopped, $"The data folder {Path.GetDirectoryName(folder)} is in use by another process.", e);
        }

        if (!e.Message.StartsWith("Corruption", StringComparison.Ordinal))
        {
            return new EngineFault(EngineFault.Stopped, $"The store in {folder} cannot be opened: {Plain(e.Message)}.", e);
        }
        // An error about a table names the file and offset; one about a log names neither.
        var place = Place().IsMatch(e.Message) ? Plain(e.Message) : LogScan.FindDamage(folder) ?? Plain(e.Message);
        return new EngineFault(EngineFault.Damaged, $"The store is damaged: {place}. {Restore}", e);
    }

    /// <summary>Returns the fault of a folder whose store is missing.</summary>
    internal static EngineFault ForMissingStore(string folder) => new(
        EngineFault.Damaged, $"The file {Path.Combine(folder, StoreEngine.FirstFile)} is missing, and with it the store, which is therefore not treated as empty. {Restore}");

    /// <summary>Returns the fault of a store that lacks durable changes.</summary>
    internal static EngineFault ForMissingChanges(ulong changes, string folder, string newestLog) => new(
        EngineFault.Damaged,
        string.Create(CultureInfo.InvariantCulture, $"The store is damaged: its files in {folder} were truncated or are older than its commit mark, and the newest {changes} changes are missing ({newestLog}). {Restore}"));

    /// <summary>Describes the log that should have the newest changes, and its end.</summary>
    internal static string NewestLog(string folder)
    {
        var newest = new DirectoryInfo(folder).EnumerateFiles("*.log").OrderBy(file => file.Name, StringComparer.Ordinal).LastOrDefault();
        return newest is null ? "there is no log file" : string.Create(CultureInfo.InvariantCulture, $"the newest log is {newest.Name}, which ends at offset {newest.Length}");
    }

    /// <summary>Converts an error that prevented a write.</summary>
    internal static EngineFault FromWriteError(Exception e) => e.Message.StartsWith("Corruption", StringComparison.Ordinal)
        ? new EngineFault(EngineFault.Damaged, $"The store is damaged: {Plain(e.Message)}. {Restore}", e)
        : new EngineFault(
            EngineFault.ReadOnly,
            IsFull(e.Message)
                ? "The disk of the data folder is full, and the store accepts no more writes. Free some space, then restart the service."
                : $"The store cannot write to its data folder and accepts no more writes: {Plain(e.Message)}. Fix that, then restart the service.",
            e);

    /// <summary>Converts an error that prevented a read.</summary>
    internal static EngineFault FromReadError(Exception e) =>
        new(EngineFault.Damaged, $"The store is damaged: {Plain(e.Message)}. {Restore}", e);

    private static bool IsFull(string message) => message.Contains("No space left", StringComparison.Ordinal) || message.Contains("NoSpace", StringComparison.Ordinal);

    private static bool IsLocked(string message) => message.Contains("lock ", StringComparison.OrdinalIgnoreCase) && message.Contains("LOCK", StringComparison.Ordinal);

    private static string Plain(string message) => message.ReplaceLineEndings(" ").Trim().TrimEnd('.');

    [GeneratedRegex(@"\.(sst|log)\b|MANIFEST|CURRENT")]
    private static partial Regex Place();
}
