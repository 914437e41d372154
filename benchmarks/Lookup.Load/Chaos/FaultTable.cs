using System.Globalization;
using System.Text;
using Lookup.Load.Chaos.History;
using Lookup.Load.Chaos.Plan;
using Lookup.Load.Results;

namespace Lookup.Load.Chaos;

/// <summary>Writes what callers saw of each kind of fault into docs/operate/failures.md.</summary>
internal static class FaultTable
{
    private const string Begin = "<!-- faults: begin -->";
    private const string End = "<!-- faults: end -->";

    private static readonly Dictionary<FaultKind, string> Names = new()
    {
        [FaultKind.KillStore] = "redis killed with -9 and restarted",
        [FaultKind.FreezeStore] = "redis frozen (SIGSTOP) and thawed",
        [FaultKind.StutterStore] = "redis frozen repeatedly for short times",
        [FaultKind.SlowLink] = "slow link between an instance and redis",
        [FaultKind.CutLink] = "link between an instance and redis stalls; delayed data arrives later",
        [FaultKind.RefuseLink] = "connections of an instance to redis break, and new ones fail",
        [FaultKind.Flush] = "store flushed; an operator restores the newest copy",
        [FaultKind.Exchange] = "store replaced by another store",
        [FaultKind.Restore] = "store replaced by an older copy; an operator repairs the loss",
        [FaultKind.Fork] = "store replaced by an older copy that others write to before the instances see it; an operator repairs the loss",
        [FaultKind.LoseFilters] = "stored filters deleted, truncated, emptied, or with lost bits; then an instance restarted",
        [FaultKind.LoseFacts] = "some facts deleted outside the service; an operator restores the newest copy",
        [FaultKind.LoseRegistry] = "registry alone replaced by an older copy, and changed again; an operator restarts the instances",
        [FaultKind.Full] = "memory limit reached",
        [FaultKind.FailOver] = "primary killed, a replica takes over",
        [FaultKind.SplitBrain] = "primary frozen, a replica takes over, the old primary thaws",
        [FaultKind.Reshard] = "partition moves to another server of the cluster",
        [FaultKind.KillReplica] = "replica killed with -9 and restarted",
        [FaultKind.KillService] = "instance killed with -9 and restarted",
        [FaultKind.FreezeService] = "instance frozen (SIGSTOP) and thawed",
        [FaultKind.SuspendService] = "instance suspended together with its clocks, and resumed",
    };

    /// <summary>Replaces the table between the markers of the file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="histories">Of runs without a breach.</param>
    /// <param name="run">What made them.</param>
    /// <exception cref="InvalidOperationException">The file has no markers.</exception>
    internal static void Write(string path, IReadOnlyList<IReadOnlyList<HistoryEvent>> histories, RunIdentity run)
    {
        var text = File.ReadAllText(path);
        var (from, to) = (text.IndexOf(Begin, StringComparison.Ordinal), text.IndexOf(End, StringComparison.Ordinal));
        if (from < 0 || to < from)
        {
            throw new InvalidOperationException($"{path} lacks the lines {Begin} and {End}.");
        }

        File.WriteAllText(path, text[..(from + Begin.Length)] + "\n" + Text(histories, run) + text[to..]);
    }

    private static string Text(IReadOnlyList<IReadOnlyList<HistoryEvent>> histories, RunIdentity run)
    {
        var table = new StringBuilder();
        var checks = histories.Sum(history => history.Count(told => told.Event == EventKind.Check));
        table.AppendLine(CultureInfo.InvariantCulture, $"`{run.CommandLine}` at {run.Commit[..10]}: {histories.Count} runs, {checks:N0} checks, no wrong ALLOW, no acknowledged fact lost. The rows count");
        table.AppendLine("single checks during the fault and in the second after it. Undecided means UNKNOWN or an error status, never ALLOW. Faults may overlap.");
        table.AppendLine();
        table.AppendLine(CultureInfo.InvariantCulture, $"| fault | times | decided | undecided | longest wait for an answer | the same for checks sent {Availability.LateMs} ms or more after its start: median, 99 % (checks) | time without a decision: median (longest) | from its end until every instance has decided an exact check: median (longest) |");
        table.AppendLine("|---|---|---|---|---|---|---|---|");
        foreach (var row in Availability.Of(histories).OrderBy(row => row.Kind))
        {
            table.AppendLine(CultureInfo.InvariantCulture, $"| {Names[row.Kind]} | {row.Times} | {row.DecidedPercent:F0} % | {row.Undecided} | {row.LongestWait * 1e3:N0} ms | {Late(row.LateWaits)} | {Spread(row.Outages)} | {Spread(row.Recoveries)} |");
        }

        return table.ToString().Replace("\r\n", "\n", StringComparison.Ordinal);
    }

    private static string Late(IReadOnlyList<double> ascending) => ascending.Count == 0
        ? ""
        : string.Create(CultureInfo.InvariantCulture, $"{ascending[ascending.Count / 2] * 1e3:N1}, {ascending[ascending.Count * 99 / 100] * 1e3:N0} ms ({ascending.Count:N0})");

    private static string Spread(IReadOnlyList<double> seconds) => seconds.Count == 0
        ? ""
        : string.Create(CultureInfo.InvariantCulture, $"{seconds.Order().ElementAt(seconds.Count / 2):F2} s ({seconds.Max():F2} s)");
}
