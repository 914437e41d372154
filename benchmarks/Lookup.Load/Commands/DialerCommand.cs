using System.CommandLine;
using System.Globalization;
using Lookup.Cli.Bench;
using Lookup.Load.Latency;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.Load.Streams;
using Lookup.V1;

namespace Lookup.Load.Commands;

/// <summary>
/// Load like that of a dialer: few numbers are asked about often and many seldom (Zipf), 95 of a hundred calls are checks and 5 record
/// an objection.
/// </summary>
internal sealed class DialerCommand : LoadCommand
{
    private const int WritesOfAHundred = 5;

    private readonly Option<int> _rounds;
    private readonly Option<double> _seconds;
    private readonly Option<long> _numbers;
    private readonly Option<int> _rate;

    public DialerCommand()
        : base("dialer", "Checks and objections at a fixed rate like a dialer's, numbers repeated by Zipf, beside a gRPC echo in turn.", "redis-server")
    {
        _rounds = Number("--rounds", "Rounds of each, after one to warm up", 3, 1, 50);
        _seconds = Number("--seconds", "Seconds of a round of each side", 10.0, 0.2, 600);
        _numbers = Number("--numbers", "Numbers on the list; every second has a consent", 1_000_000L, 10_000, 30_000_000);
        _rate = Number("--rate", "Calls a second", 10_000, 100, 100_000);
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        var numbers = parsed.GetValue(_numbers);
        var (rounds, time) = (parsed.GetValue(_rounds), TimeSpan.FromSeconds(parsed.GetValue(_seconds)));
        var (checks, writes) = (parsed.GetValue(_rate) * (100 - WritesOfAHundred) / 100, parsed.GetValue(_rate) * WritesOfAHundred / 100);
        await using var bed = await TestBed.StartWithConsentsAsync(numbers, ct);
        await bed.ServeAsync(ct);
        var (echo, echoAddress) = await LookupTool.EchoAsync(ct);
        await using var echoProcess = echo;
        using var channel = bed.Channel();
        using var echoChannel = TestBed.Connect(echoAddress);
        var (service, bare) = (new Checker(channel, report), new Checker(echoChannel, report));
        var facts = new FactService.FactServiceClient(channel);
        var asked = new LatencyReport("dialer_check", "gRPC echo, checks alone");
        var written = new Series();
        var undecided = new Series();
        var (hits, misses) = (0.0, 0.0);
        long next = 0;
        for (var round = 0; round <= rounds; round++)
        {
            var before = await CacheAsync(bed, ct);
            var writing = Task.Run(() => OpenLoop.RunAsync(writes, _ => TestBed.ObjectAsync(facts, numbers + 1_000_000 + Interlocked.Increment(ref next)), elapsed => elapsed >= time, ct), ct);
            var run = await OpenLoop.RunAsync(checks, i => CheckAsync(service, numbers, i, echo: false), elapsed => elapsed >= time, ct);
            var recorded = await writing;
            var after = await CacheAsync(bed, ct);
            var alone = await OpenLoop.RunAsync(checks, i => CheckAsync(bare, numbers, i, echo: true), elapsed => elapsed >= time, ct);
            if (round == 0)
            {
                continue;
            }

            asked.Add(run, loaded: true);
            asked.Add(alone, loaded: false);
            written.Add(LatencyRun.Percentile(recorded.Latencies, 99));
            undecided.Add(recorded[Outcome.Undecided]);
            (hits, misses) = (hits + after.Hits - before.Hits, misses + after.Misses - before.Misses);
        }

        asked.AddTo(report, string.Create(
            CultureInfo.InvariantCulture,
            $"{checks:N0} checks/s and {writes:N0} objections/s, timed from the planned send; {numbers:N0} numbers with a consent and as many without, repeated by Zipf."));
        report.Add(new Metric("dialer_write_p99", "us", written) { Note = "RecordFacts of one objection." });
        report.Add(new Metric("dialer_write_undecided", "writes", undecided));
        report.Add(new Metric("dialer_cache_hits", "%", new Series(100 * hits / Math.Max(1, hits + misses))) { Note = "Of numbers of which something may be known, found in the record cache." });
    }

    // The k-th number is asked about as often as 1/k says.
    private static Task<Outcome> CheckAsync(Checker checker, long numbers, long i, bool echo)
    {
        var rank = (long)Math.Exp(Math.Log(numbers) * Random.Shared.NextDouble());
        var (place, verdict) = i % 2 == 0 ? (rank % numbers, Verdict.Allow) : (numbers + (rank % 1_000_000), Verdict.Deny);
        return checker.CheckAsync(NumberBlock.Dutch.Text(place), "A number of the list", echo ? EchoService.Answer : verdict);
    }

    private static async Task<(double Hits, double Misses)> CacheAsync(TestBed bed, CancellationToken ct) =>
        (await bed.CounterAsync("lookup_record_cache_hits_total", ct), await bed.CounterAsync("lookup_record_cache_misses_total", ct));
}
