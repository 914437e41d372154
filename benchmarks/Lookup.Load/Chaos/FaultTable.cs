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
        [FaultKind.KillStore] = "redis killed with -9 and started again",
        [FaultKind.FreezeStore] = "redis frozen (SIGSTOP) and thawed",
        [FaultKind.StutterStore] = "redis frozen for moments, again and again",
        [FaultKind.SlowLink] = "the link between an instance and redis is slow",
        [FaultKind.CutLink] = "an instance and redis do not hear one another; what was sent arrives later",
        [FaultKind.RefuseLink] = "the connections of an instance to redis break, and no new ones are made",
        [FaultKind.Flush] = "store flushed; an operator restores the newest copy",
        [FaultKind.Exchange] = "another store in place of the store",
        [FaultKind.Restore] = "an older copy in place of the store; an operator makes the loss good",
        [FaultKind.Fork] = "an older copy in place of the store, which others write to before the instances look again; an operator makes the loss good",
        [FaultKind.LoseFilters] = "filters in the store deleted, cut, emptied, or with bits lost; then an instance started again",
        [FaultKind.LoseFacts] = "some facts deleted past the service; an operator restores the newest copy",
        [FaultKind.LoseRegistry] = "the registry alone of an older copy, and changed again; an operator restarts the instances",
        [FaultKind.Full] = "memory limit reached",
        [FaultKind.FailOver] = "primary killed, a replica takes its place",
        [FaultKind.SplitBrain] = "primary frozen, a replica takes its place, the old one thaws",
        [FaultKind.Reshard] = "a partition moves to another server of the cluster",
        [FaultKind.KillReplica] = "a replica killed with -9 and started again",
        [FaultKind.KillService] = "an instance killed with -9 and started again",
        [FaultKind.FreezeService] = "an instance frozen (SIGSTOP) and thawed",
        [FaultKind.SuspendService] = "an instance frozen together with its clocks, and resumed",
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
            throw new InvalidOperationException($"{path} lacks the lines {Begin} and {End}.");
        File.WriteAllText(path, text[..(from + Begin.Length)] + "\n" + Text(histories, run) + text[to..]);
    }

    private static string Text(IReadOnlyList<IReadOnlyList<HistoryEvent>> histories, RunIdentity run)
    {
        var table = new StringBuilder();
        var checks = histories.Sum(history => history.Count(told => told.Event == EventKind.Check));
        table.AppendLine(CultureInfo.InvariantCulture, $"`{run.CommandLine}` at {run.Commit[..10]}: {histories.Count} runs, {checks:N0} checks, no wrong ALLOW, no acknowledged fact lost. Single checks");
        table.AppendLine("during the fault and in the second after it; without a decision is UNKNOWN or a status, never ALLOW. Several faults may overlap.");
        table.AppendLine();
        table.AppendLine(CultureInfo.InvariantCulture, $"| fault | times | decided | without a decision | longest wait for any answer | wait for any answer {Availability.LateMs} ms after its begin and later, median, 99 % (checks) | without a decision for, median (longest) | decided exactly again at every instance after its end, median (longest) |");
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
