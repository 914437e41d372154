using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Lookup.Load.Chaos;
using Lookup.Load.Chaos.Checking;
using Lookup.Load.Chaos.History;
using Lookup.Load.Chaos.Plan;
using Lookup.Load.Processes;
using Lookup.Load.Results;

namespace Lookup.Load.Commands;

/// <summary>Breaks everything around three instances under random writes and reads, and looks for an answer that must not be.</summary>
internal sealed class ChaosCommand : LoadCommand
{
    private const string Folder = "artifacts/chaos";
    private const int MaxShown = 20;
    private const int MaxTries = 5;

    private readonly Option<int> _seconds;
    private readonly Option<int?> _seed = new("--seed") { Description = "The first seed; the same one gives the same plan and the same choices. Default: by the clock.", HelpName = "N" };
    private readonly Option<int> _seeds;
    private readonly Option<StoreMode?> _mode = new("--mode") { Description = "The kind of store; default: by the seed.", HelpName = "MODE" };
    private readonly Option<FaultKind[]> _faults = new("--faults") { Description = "Only these kinds of faults.", HelpName = "KIND", AllowMultipleArgumentsPerToken = true };
    private readonly Option<string?> _defect = new("--defect") { Description = "Build the service with this mistake (Chaos/defects) first.", HelpName = "NAME" };
    private readonly Option<bool> _prove = new("--prove") { Description = "Plant each mistake in turn and show that the checker finds it." };
    private readonly Option<bool> _table = new("--table") { Description = "Write what callers saw of each kind of fault into docs/operate/failures.md, unless there was a breach." };
    private readonly Option<bool> _rekey = new("--rekey") { Description = "Change the number key again and again meanwhile; without the faults after which an operator has to act." };
    private readonly Option<string?> _history = new("--history") { Description = "Judge this history again instead of running.", HelpName = "FILE" };

    public ChaosCommand()
        : base("chaos", "Writers, readers and watchers at 3 instances while stores, links and services are broken by a seeded plan; a checker then judges every answer.", "redis-server")
    {
        _seconds = Number("--seconds", "Seconds of faults for each seed, about", 60, 5, 86_400);
        _seeds = Number("--seeds", "Seeds to run, one after the other", 1, 1, 10_000);
        Options.Add(_seed);
        Options.Add(_mode);
        Options.Add(_faults);
        Options.Add(_defect);
        Options.Add(_prove);
        Options.Add(_rekey);
        Options.Add(_history);
        Options.Add(_table);
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        var rekey = parsed.GetValue(_rekey);
        if (parsed.GetValue(_history) is { } kept)
        {
            var history = HistoryLog.Read(kept);
            Show(ChaosRun.Judge(history, rekey), kept, report);
            Count([history], rekey, report);
            return;
        }

        var first = parsed.GetValue(_seed) ?? Environment.TickCount & int.MaxValue;
        if (parsed.GetValue(_prove))
        {
            foreach (var planted in Defect.All)
            {
                await ProveAsync(planted, first, TimeSpan.FromSeconds(parsed.GetValue(_seconds)), report, ct);
            }

            return;
        }

        using var build = new TempFolder();
        var tool = parsed.GetValue(_defect) is { } name
            ? await Defect.All.First(defect => defect.Name == name).BuildAsync(build.Path, ct)
            : LookupTool.Path;
        var results = new List<ChaosResult>();
        for (var i = 0; i < parsed.GetValue(_seeds); i++)
        {
            var plan = ChaosPlan.Make(first + i, parsed.GetValue(_mode), TimeSpan.FromSeconds(parsed.GetValue(_seconds)), ChaosRun.Instances, Only(parsed));
            if (rekey)
            {
                plan = plan with { Faults = [.. plan.Faults.Where(fault => !ChaosPlan.IsSurgery(fault.Kind))] };
            }

            var folder = Path.Combine(Repository.Root, Folder, $"{plan.Mode.ToString().ToLowerInvariant()}-{plan.Seed}");
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }

            Directory.CreateDirectory(folder);
            var again = string.Create(CultureInfo.InvariantCulture, $"chaos --seed {plan.Seed} --mode {plan.Mode} --seconds {parsed.GetValue(_seconds)}{(rekey ? " --rekey" : "")}");
            Report.Say($"Seed {plan.Seed}, {plan.Mode}, {plan.Faults.Count} faults; again with: {again}");
            ChaosResult result;
            try
            {
                result = await new ChaosRun(plan, tool, folder, rekey).RunAsync(ct);
            }
            catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
            {
                report.Wrong($"{again}: {e.Message}");
                Report.Say(e.ToString());
                continue;
            }

            results.Add(result);
            Show(result.Violations, again, report);
            if (result.Unfollowed > 0)
            {
                report.Wrong($"{again}: services did not find a new primary by themselves.", result.Unfollowed);
            }

            if (result.KeyChanges is { } keys)
            {
                Report.Say($"  The number key was changed {keys.Done} times; lookup rekey was killed {keys.Killed} times and failed {keys.Failed} times in between.");
            }

            if (!result.Watched)
            {
                Report.Say("  The service has no Watch.");
            }
            // A history without breaches is not kept.
            if (result.Violations.Count == 0)
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        IReadOnlyList<IReadOnlyList<HistoryEvent>> histories = [.. results.Select(result => result.History)];
        Count(histories, rekey, report);
        if (!parsed.GetValue(_table))
        {
            return;
        }

        if (results.Count == 0 || results.Any(result => result.Violations.Count > 0))
        {
            Report.Say("There was a breach: docs/operate/failures.md stays as it is.");
        }
        else
        {
            FaultTable.Write(
                Path.Combine(Repository.Root, "docs", "operate", "failures.md"),
                histories,
                await RunIdentity.FindAsync([Name, .. parsed.Tokens.Select(token => token.Value).Where(token => token != Name)], [], ct));
        }
    }

    private FaultKind[]? Only(ParseResult parsed) => parsed.GetValue(_faults) is { Length: > 0 } only ? only : null;

    /// <summary>Plants a mistake and runs until an ALLOW is found that must not be.</summary>
    private static async Task ProveAsync(Defect defect, int first, TimeSpan time, Report report, CancellationToken ct)
    {
        Report.Say($"{defect.Name}: building ...");
        using var build = new TempFolder();
        var tool = await defect.BuildAsync(build.Path, ct);
        for (var seed = first; seed < first + MaxTries; seed++)
        {
            using var folder = new TempFolder();
            var plan = ChaosPlan.Make(seed, StoreMode.Single, time, ChaosRun.Instances, defect.Faults);
            Report.Say($"{defect.Name}, seed {seed}, {plan.Faults.Count} faults");
            var result = await new ChaosRun(plan, tool, folder.Path).RunAsync(ct);
            var found = result.Violations.Where(violation => violation.Fault is Fault.WrongAllow or Fault.Believed).ToList();
            if (found.Count == 0)
            {
                continue;
            }

            Report.Say($"  {found.Count} wrong ALLOWs, the first: {found[0].Text}");
            report.Add(new Metric($"chaos_prove_{defect.Name.Replace('-', '_')}", "wrong ALLOWs", new Series(found.Count)) { Note = $"Found with seed {seed} within {result.Elapsed.TotalSeconds:F0} s: {found[0].Text}" });
            return;
        }

        report.Wrong($"The planted mistake {defect.Name} was not found with {MaxTries} seeds.");
    }

    private static void Show(IReadOnlyList<Violation> violations, string where, Report report)
    {
        foreach (var group in violations.GroupBy(violation => violation.Fault))
        {
            report.Wrong($"{where}: {group.Key}: {group.First().Text}", group.Count());
            foreach (var violation in group.Take(MaxShown))
            {
                Report.Say($"  {violation.Fault} at {violation.At / 1e6:F3} s: {violation.Text}");
            }
        }

        Report.Say($"  {violations.Count} breaches.");
    }

    private static void Count(IReadOnlyList<IReadOnlyList<HistoryEvent>> histories, bool rekeyed, Report report)
    {
        if (histories.Count == 0)
        {
            return;
        }

        var all = histories.SelectMany(history => history).ToList();
        var seconds = histories.Sum(history => history.Max(told => told.At)) / 1e6;
        report.Add(new Metric("chaos_time", "s", new Series(seconds)) { Note = $"{histories.Count} seeds." });
        Add("chaos_writes_acknowledged", all.Count(told => told.Event == EventKind.Ack), $"{all.Count(told => told.Event == EventKind.Failed):N0} attempts without an acknowledgement.");
        // Where the key changes, no token is used.
        foreach (var mode in Enum.GetValues<ReadMode>().Where(mode => !rekeyed || mode != ReadMode.Token))
        {
            foreach (var stream in (bool[])[false, true])
            {
                var checks = all.Where(told => told.Event == EventKind.Check && told.Mode == mode && told.Stream == stream)
                    .GroupBy(told => told.Answer!).ToDictionary(group => group.Key, group => group.Sum(told => Math.Max(1, told.Count)));
                var name = $"{mode.ToString().ToLowerInvariant()}{(stream ? "_in_lists" : "")}";
                Add($"chaos_checks_{name}", checks.Values.Sum(), string.Join(", ", checks.OrderByDescending(pair => pair.Value).Select(pair => $"{pair.Key} {pair.Value:N0}")) + ".");
                // A checker that never sees an ALLOW finds none that is wrong.
                if (checks.GetValueOrDefault(HistoryChecker.Allow) == 0)
                {
                    report.Wrong($"There was no ALLOW among the {name} checks, so the run shows nothing about them.");
                }
            }
        }

        Add("chaos_watched", all.Count(told => told.Event == EventKind.Watched), $"Changes told to consumers; {all.Count(told => told is { Event: EventKind.WatchEnded, Text: not null }):N0} times one was told that it lost continuity.");
        foreach (var fault in Availability.Of(histories))
        {
            report.Add(new Metric($"chaos_{JsonNamingPolicy.SnakeCaseLower.ConvertName(fault.Kind.ToString())}_decided", "%", new Series(fault.DecidedPercent))
            {
                Note = $"{fault.Times} times; single checks then and in the second after. Without a decision: {fault.Undecided}. Longest wait {fault.LongestWait * 1e3:N0} ms.",
            });
            if (fault.Recoveries.Count > 0)
            {
                report.Add(new Metric($"chaos_{JsonNamingPolicy.SnakeCaseLower.ConvertName(fault.Kind.ToString())}_recovery", "s", new Series(fault.Recoveries))
                {
                    Note = "From the end of the fault, with what an operator did, until each instance has decided an exact check.",
                });
            }
        }

        void Add(string name, int count, string note) => report.Add(new Metric(name, "events", new Series(count)) { Note = note });
    }
}
