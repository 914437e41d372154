using System.Collections.Concurrent;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Lookup.Cli.Bench;
using Lookup.Load.Latency;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.V1;

namespace Lookup.Load.Commands;

/// <summary>
/// Rebuilds the filters of a store under writes and checks. Every answer is looked at: numbers that objected before,
/// numbers that object meanwhile (forbidden from the freshness bound after the acknowledgement on), numbers with a consent, and
/// numbers of which nothing is known.
/// </summary>
internal sealed class RebuildCommand : LoadCommand
{
    // The freshness bound, 500 ms, and what a write's acknowledgement may take on its way back.
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(1);


    private readonly Option<long> _numbers;
    private readonly Option<int> _writes;
    private readonly Option<int> _rate;
    private readonly Option<double> _seconds;
    private readonly Option<int> _share;

    public RebuildCommand()
        : base("rebuild", "Rebuilds the filters of a store under writes and checks, and looks at every answer.", "redis-server")
    {
        _numbers = Number("--numbers", "Numbers with a consent in the store", 10_000_000L, 20_000, 35_000_000);
        _writes = Number("--writes", "Objections a second, each a call of its own", 1_000, 10, 20_000);
        _rate = Number("--rate", "Checks a second", 1_000, 10, 100_000);
        _seconds = Number("--seconds", "Seconds of checks and writes before the rebuild and after it", 20.0, 0.5, 600);
        _share = Number("--share", "Part of the time that the builder works, percent", 25, 1, 100);
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        var numbers = parsed.GetValue(_numbers);
        var time = TimeSpan.FromSeconds(parsed.GetValue(_seconds));
        var (rate, writeRate) = (parsed.GetValue(_rate), parsed.GetValue(_writes));
        var share = parsed.GetValue(_share).ToString(CultureInfo.InvariantCulture);
        await using var bed = await TestBed.StartWithConsentsAsync(numbers, ct);
        await bed.ServeAsync(ct);
        using var channel = bed.Channel();
        using var writeChannel = bed.Channel();
        var traffic = new Traffic(new Checker(channel, report), new FactService.FactServiceClient(writeChannel), numbers);
        string[] rebuild = ["rebuild", "--redis", bed.Redis.ConnectionString, "--key-file", bed.KeyFile, "--share", share];

        var latencies = new LatencyReport("rebuild_check", "outside the rebuild");
        var writes = new LatencyReport("rebuild_write", "outside the rebuild");
        Report.Say("Checks and writes before ...");
        var right = await RunAsync(elapsed => elapsed >= time, loaded: false);
        Report.Say("Rebuild ...");
        var building = Task.Run(() => LookupTool.RunAsync(rebuild, ct), ct);
        right += await RunAsync(_ => building.IsCompleted, loaded: true);
        var built = (await building).MustSucceed("lookup rebuild");
        Report.Say(built.Output.Trim());
        Report.Say("Checks and writes after ...");
        right += await RunAsync(elapsed => elapsed >= time, loaded: false);
        if (traffic.Acknowledged == 0)
        {
            report.Wrong("No objection was acknowledged.");
        }

        report.Add(new Metric("rebuild", "s", new Series(built.Elapsed.TotalSeconds))
        {
            Note = string.Create(
                CultureInfo.InvariantCulture,
                $"lookup rebuild --share {share} of the filters of {numbers:N0} facts under {writeRate:N0} writes/s and {rate:N0} checks/s; {right:N0} answers, each looked at; {traffic.Acknowledged:N0} objections acknowledged."),
        });
        var note = string.Create(CultureInfo.InvariantCulture, $"{rate:N0} checks/s and {writeRate:N0} writes/s, timed from the planned send, all on one machine.");
        latencies.AddTo(report, note);
        writes.AddTo(report, note);

        async Task<long> RunAsync(Func<TimeSpan, bool> isOver, bool loaded)
        {
            var over = false;
            var writing = Task.Run(() => OpenLoop.RunAsync(writeRate, _ => traffic.WriteAsync(), _ => Volatile.Read(ref over), ct), ct);
            try
            {
                var run = await OpenLoop.RunAsync(rate, traffic.CheckAsync, isOver, ct);
                latencies.Add(run, loaded);
                return run[Outcome.Right];
            }
            finally
            {
                Volatile.Write(ref over, true);
                writes.Add(await writing, loaded);
            }
        }
    }

    /// <summary>
    /// Consented numbers in the lower half of the block object one after another; those of the upper half keep their consent.
    /// </summary>
    private sealed class Traffic(Checker checker, FactService.FactServiceClient facts, long numbers)
    {
        private readonly ConcurrentQueue<(long Place, long At)> _fresh = new();
        private readonly List<long> _objected = [];
        private long _next;

        internal long Acknowledged { get; private set; }

        internal async Task<Outcome> WriteAsync()
        {
            var place = Interlocked.Increment(ref _next) - 1;
            if (place >= numbers / 2)
            {
                throw new InvalidOperationException("There are fewer numbers than objections; --numbers must be higher.");
            }

            var outcome = await TestBed.ObjectAsync(facts, place);
            if (outcome == Outcome.Right)
            {
                _fresh.Enqueue((place, Stopwatch.GetTimestamp()));
            }

            return outcome;
        }

        internal Task<Outcome> CheckAsync(long i)
        {
            Settle();
            var any = i / 4 * NumberBlock.Stride;
            return (i % 4) switch
            {
                0 => checker.CheckAsync(NumberBlock.Dutch.Text((numbers / 2) + (any % (numbers - (numbers / 2)))), "A consented number", Verdict.Allow),
                1 or 2 when Objected(any) is { } place => checker.CheckAsync(NumberBlock.Dutch.Text(place), "A number that objected", Verdict.Deny),
                _ => checker.CheckAsync(NumberBlock.Dutch.Text(numbers + (any % 1_000_000)), "A number without consent", Verdict.Deny),
            };
        }

        // The newest half of the time: these are the ones that a rebuild could lose.
        private long? Objected(long any)
        {
            lock (_objected)
            {
                return _objected.Count == 0 ? null : any % 2 == 0 ? _objected[^1] : _objected[(int)(any % _objected.Count)];
            }
        }

        private void Settle()
        {
            lock (_objected)
            {
                while (_fresh.TryPeek(out var oldest) && Stopwatch.GetElapsedTime(oldest.At) > Bound && _fresh.TryDequeue(out oldest))
                {
                    _objected.Add(oldest.Place);
                    Acknowledged++;
                }
            }
        }
    }
}
