using System.CommandLine;
using System.Globalization;
using Lookup.Cli.Bench;
using Lookup.Load.Latency;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.V1;

namespace Lookup.Load.Commands;

/// <summary>
/// Loads a newer snapshot of a register under random checks: each answer must be that of the old or of the new snapshot,
/// and after the switch that of the new; then offers a file that lacks most of the register, which must be refused.
/// </summary>
internal sealed class RegisterSwitchCommand : LoadCommand
{
    private const string Register = "uk-tps";

    // What is read back is as new as the service's bound on freshness, 500 ms, says.
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(1);

    private readonly Option<long> _numbers;
    private readonly Option<long> _removed;
    private readonly Option<long> _added;
    private readonly Option<int> _rate;
    private readonly Option<double> _seconds;

    public RegisterSwitchCommand()
        : base("register-switch", "Switches a register to a newer snapshot under load, and looks at every answer.", "redis-server")
    {
        _numbers = Number("--numbers", "Numbers on the register", 10_000_000L, 1_000, 40_000_000);
        _removed = Number("--removed", "Numbers that leave it", 126_000L, 1, 10_000_000);
        _added = Number("--added", "Numbers that come onto it", 5_000L, 1, 10_000_000);
        _rate = Number("--rate", "Checks a second", 1_000, 10, 100_000);
        _seconds = Number("--seconds", "Seconds of checks before the switch and after it", 10.0, 0.5, 600);
        Validators.Add(result =>
        {
            if (result.GetValue(_removed) + result.GetValue(_added) > result.GetValue(_numbers) / 10)
            {
                result.AddError("--removed and --added together: at most a tenth of --numbers, or the switch is refused as it should be.");
            }
        });
    }

    /// <summary>Which numbers are where: places of the block in order kept, removed, added, never registered.</summary>
    private sealed record Layout(long Numbers, long Removed, long Added)
    {
        internal IEnumerable<long> Old => NumberFile.Range(0, Numbers);

        internal IEnumerable<long> New => NumberFile.Range(0, Numbers - Removed).Concat(NumberFile.Range(Numbers, Added));

        internal IEnumerable<long> Broken => NumberFile.Range(0, Numbers / 10);
    }

    private enum Phase
    {
        Before,
        During,
        After,
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        var layout = new Layout(parsed.GetValue(_numbers), parsed.GetValue(_removed), parsed.GetValue(_added));
        var time = TimeSpan.FromSeconds(parsed.GetValue(_seconds));
        var rate = parsed.GetValue(_rate);
        await using var bed = await TestBed.StartAsync();
        var (old, fresh, broken) = (bed.PathOf("old.txt"), bed.PathOf("new.txt"), bed.PathOf("broken.txt"));
        NumberFile.Write(old, null, NumberBlock.British, layout.Old);
        NumberFile.Write(fresh, null, NumberBlock.British, layout.New);
        NumberFile.Write(broken, null, NumberBlock.British, layout.Broken);
        string[] store = ["--redis", bed.Redis.ConnectionString, "--key-file", bed.KeyFile];
        (await LookupTool.RunAsync(["init", .. store, "--expected-facts", Text(layout.Numbers + layout.Added)], ct)).MustSucceed("lookup init");
        Report.Say($"First snapshot of {layout.Numbers:N0} numbers ...");
        var first = (await LookupTool.RunAsync([.. Import(old, 3, store), "--expect", Text(layout.Numbers)], ct)).MustSucceed("The first import");
        await bed.ServeAsync(ct);
        string[] service = ["--address", bed.Address.ToString(), "--timeout", "600"];
        // The other half of the British register is empty.
        var date = DateTime.UtcNow.AddDays(-3).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        (await LookupTool.RunAsync(["register", "snapshot", "uk-ctps", "--date", date, "--timezone", "Europe/London", .. service], ct)).MustSucceed("lookup register");

        using var channel = bed.Channel();
        var checker = new Checker(channel, report);
        Report.Say("Checks before ...");
        var before = await ChecksAsync(checker, layout, Phase.Before, rate, elapsed => elapsed >= time, ct);
        Report.Say("Switch ...");
        var switching = Task.Run(() => SwitchAsync(Import(fresh, 2, service), ct), ct);
        var during = await ChecksAsync(checker, layout, Phase.During, rate, _ => switching.IsCompleted, ct);
        var switched = (await switching).MustSucceed("The switch");
        Report.Say(switched.Output.Trim());
        var after = await ChecksAsync(checker, layout, Phase.After, rate, elapsed => elapsed >= time, ct);

        Report.Say("A file that lacks nine tenths ...");
        var refused = await LookupTool.RunAsync(Import(broken, 1, service), ct);
        if (refused.ExitCode == 0)
        {
            report.Wrong("A file that drops nine tenths of the register was loaded.");
        }
        else if (!refused.Error.Contains("would change", StringComparison.Ordinal))
        {
            report.Wrong("The file that drops nine tenths was refused for another reason: " + ToolResult.Tail(refused.Error));
        }

        Report.Say(ToolResult.Tail(refused.Error));
        var still = await ChecksAsync(checker, layout, Phase.After, rate, elapsed => elapsed >= time / 2, ct);

        report.Add(new Metric("register_first_load", "s", new Series(first.Elapsed.TotalSeconds)) { Note = $"{layout.Numbers:N0} numbers into an empty redis-server." });
        report.Add(new Metric("register_switch", "s", new Series(switched.Elapsed.TotalSeconds))
        {
            BaselineName = "first load",
            Baseline = new Series(first.Elapsed.TotalSeconds),
            Note = $"lookup import --register of {layout.Numbers - layout.Removed + layout.Added:N0} numbers, {layout.Removed:N0} removed and {layout.Added:N0} added, over the service under {rate:N0} checks/s.",
        });
        report.Add(new Metric("register_refused", "s", new Series(refused.Elapsed.TotalSeconds)) { Note = $"A file of {layout.Numbers / 10:N0} of the numbers: exit code {refused.ExitCode}, and the answers stay." });
        var latencies = new LatencyReport("register_switch_check", "outside the switch");
        latencies.Add(before, loaded: false);
        latencies.Add(during, loaded: true);
        latencies.Add(after, loaded: false);
        latencies.AddTo(report, string.Create(
            CultureInfo.InvariantCulture,
            $"{rate:N0} checks/s, timed from the planned send; {before[Outcome.Right] + during[Outcome.Right] + after[Outcome.Right] + still[Outcome.Right]:N0} answers, each looked at."));
        if (during[Outcome.Right] == 0)
        {
            report.Wrong("No check was answered during the switch.");
        }

        async Task<ToolResult> SwitchAsync(string[] arguments, CancellationToken stop)
        {
            var result = await LookupTool.RunAsync(arguments, stop);
            await Task.Delay(Settling, stop);
            return result;
        }
    }

    private static Task<LatencyRun> ChecksAsync(
        Checker checker, Layout layout, Phase phase, int rate, Func<TimeSpan, bool> isOver, CancellationToken ct) =>
        OpenLoop.RunAsync(rate, i => CheckAsync(checker, layout, phase, i / 4 * NumberBlock.Stride, (int)(i % 4)), isOver, ct);

    private static Task<Outcome> CheckAsync(Checker checker, Layout layout, Phase phase, long any, int group)
    {
        var (block, kept) = (NumberBlock.British, layout.Numbers - layout.Removed);
        return group switch
        {
            0 => checker.CheckAsync(block.Text(any % kept), "A number in both snapshots", Verdict.Deny),
            1 => checker.CheckAsync(block.Text(kept + (any % layout.Removed)), $"A removed number ({phase})", Of(phase, Verdict.Deny, Verdict.Allow)),
            2 => checker.CheckAsync(block.Text(layout.Numbers + (any % layout.Added)), $"An added number ({phase})", Of(phase, Verdict.Allow, Verdict.Deny)),
            _ => checker.CheckAsync(block.Text(layout.Numbers + layout.Added + (any % 1_000_000)), "A number on neither snapshot", Verdict.Allow),
        };
    }

    private static Verdict[] Of(Phase phase, Verdict old, Verdict fresh) => phase switch
    {
        Phase.Before => [old],
        Phase.During => [old, fresh],
        _ => [fresh],
    };

    private static string[] Import(string file, int daysAgo, string[] where) =>
    [
        "import", file, "--no-header", "--map", "number=1", "--register", Register, "--timezone", "Europe/London",
        "--snapshot", DateTime.UtcNow.AddDays(-daysAgo).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), .. where,
    ];

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
