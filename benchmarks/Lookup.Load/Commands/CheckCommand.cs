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
/// Single checks, each kind beside a gRPC service that decides nothing: what the service adds to gRPC itself, and to one read in
/// redis.
/// </summary>
internal sealed class CheckCommand : LoadCommand
{
    // The record cache has all of them, and the processor's caches do not.
    private const long CachedNumbers = 20_000;

    private const long UnknownNumbers = 1_000_000;

    // Parts of the rate that the service reaches, at which its latencies are drawn.
    private static readonly double[] Shares = [0.1, 0.25, 0.5, 0.75];

    // A part of the curve takes this part of the rounds.
    private const int CurvePart = 10;

    private readonly Option<int> _starts;
    private readonly Option<int> _rounds;
    private readonly Option<double> _seconds;
    private readonly Option<int> _connections;
    private readonly Option<int> _inFlight;
    private readonly Option<long> _numbers;
    private readonly Option<int> _rate;
    private readonly Option<int> _blocks;

    public CheckCommand()
        : base("check", "Single checks decided by the filter, read in redis and cached, each beside a gRPC echo in turn: rate, processor time, latency.", "redis-server")
    {
        _starts = Number("--starts", "Times that the services are started anew", 4, 1, 100);
        _rounds = Number("--rounds", "Rounds of each in a start, after one ten times as long to warm up", 15, 1, 1_000);
        _seconds = Number("--seconds", "Seconds of a round of each side", 0.5, 0.2, 600);
        _connections = Number("--connections", "Connections", 4, 1, 64);
        _inFlight = Number("--in-flight", "Checks under way on each connection", 16, 1, 1_000);
        _numbers = Number("--numbers", "Numbers with a consent in the store", 1_000_000L, CachedNumbers, 35_000_000);
        _blocks = Number("--blocks", "Blocks of prefixes of the organisation, below and above the numbers", 0, 0, 200_000);
        _rate = Number("--rate", "Checks a second of the part at a fixed rate; 0: half of what the service reached in this run", 0, 0, 100_000);
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        var numbers = parsed.GetValue(_numbers);
        await using var bed = await TestBed.StartWithConsentsAsync(numbers, ct);
        var starts = parsed.GetValue(_starts);
        var (rounds, time) = (parsed.GetValue(_rounds), TimeSpan.FromSeconds(parsed.GetValue(_seconds)));
        var (connections, inFlight) = (parsed.GetValue(_connections), parsed.GetValue(_inFlight));
        var shape = string.Create(CultureInfo.InvariantCulture, $"{connections} connections with {inFlight} checks under way on each; client, service and redis on one machine.");

        var byFilter = new CheckComparison("check_filter_decided", "gRPC echo", $"Numbers without facts beside {numbers:N0} facts; {shape}");
        var sameAnswer = new CheckComparison("check_filter_decided_same_answer", "gRPC echo with the same answer", "As above; the echo answers with the fields of the service's answer instead of a verdict alone.");
        var byCache = new CheckComparison("check_cached", "gRPC echo", $"{CachedNumbers:N0} consented numbers again and again; {shape}");
        var byRedis = new CheckComparison("check_confirmed", "gRPC echo with one HMGET", $"Consented numbers, the record cache switched off; {shape}");
        var alone = new CheckComparison("check_one_at_a_time", "gRPC echo", "One connection, one check under way, numbers without facts.");

        // The same program is up to a twentieth faster or slower from start to start.
        for (var start = 1; start < starts; start++)
        {
            await StartAsync($"start {start} of {starts}", static (_, _) => Task.CompletedTask);
        }

        await StartAsync($"start {starts} of {starts}", AtRatesAsync);

        async Task StartAsync(string which, Func<CheckSide, CheckSide, Task> last)
        {
            var (service, address) = await LookupTool.ServeAsync(bed.Redis.ConnectionString, bed.KeyFile, ct);
            await using var serviceProcess = service;
            var (uncached, uncachedAddress) = await LookupTool.ServeAsync(bed.Redis.ConnectionString, bed.KeyFile, ct, "RecordCacheBytes=0");
            await using var uncachedProcess = uncached;
            var (echo, echoAddress) = await LookupTool.EchoAsync(ct);
            await using var echoProcess = echo;
            var (reading, readingAddress) = await LookupTool.EchoAsync(ct, bed.Redis.ConnectionString);
            await using var readingProcess = reading;
            using (var channel = TestBed.Connect(address))
            {
                await TestBed.BlockAsync(channel, parsed.GetValue(_blocks), ct);
                await TestBed.StateAsync(channel, emptyRegisters: false, ct);
            }

            using var unknown = new CheckSide(address, service, connections, report, Unknown, Verdict.Deny);
            using var bare = new CheckSide(echoAddress, echo, connections, report, Unknown, EchoService.Answer);
            var (same, sameAddress) = await LookupTool.EchoAsync(ct, answer: await unknown.AskAsync(0));
            await using var sameProcess = same;
            using var filled = new CheckSide(sameAddress, same, connections, report, Unknown, Verdict.Deny);
            using var cached = new CheckSide(address, service, connections, report, i => NumberBlock.Dutch.Text(i * NumberBlock.Stride % CachedNumbers), Verdict.Allow);
            using var read = new CheckSide(uncachedAddress, uncached, connections, report, Consented, Verdict.Allow);
            using var hmget = new CheckSide(readingAddress, reading, connections, report, Consented, EchoService.Answer);
            using var one = new CheckSide(address, service, 1, report, Unknown, Verdict.Deny);
            using var oneBare = new CheckSide(echoAddress, echo, 1, report, Unknown, EchoService.Answer);
            foreach (var (what, comparison, subject, beside, callers) in ((string, CheckComparison, CheckSide, CheckSide, int)[])
                [
                    ("Decided by the filter", byFilter, unknown, bare, inFlight),
                    ("Decided by the filter, beside an echo with the same answer", sameAnswer, unknown, filled, inFlight),
                    ("Cached", byCache, cached, bare, inFlight),
                    ("Read in redis", byRedis, read, hmget, inFlight),
                    ("One at a time", alone, one, oneBare, 1),
                ])
            {
                Report.Say($"{what}, {which} ...");
                await comparison.MeasureAsync(subject, beside, callers, rounds, time, ct);
            }

            await last(unknown, bare);
        }

        async Task AtRatesAsync(CheckSide unknown, CheckSide bare)
        {
            foreach (var comparison in (CheckComparison[])[byFilter, sameAnswer, byCache, byRedis])
            {
                comparison.AddRatesTo(report);
            }

            alone.AddMedianTo(report);
            var saturation = byFilter.Rates.Median;
            var given = parsed.GetValue(_rate);
            var half = given > 0 ? given : (int)(saturation / 2);
            try
            {
                var (open, brokenOff) = await AtRateAsync(half, rounds, given > 0 ? "check_at_rate" : "check_at_half");
                open.AddTo(report, string.Create(
                    CultureInfo.InvariantCulture,
                    $"{half:N0} checks/s of numbers without facts, timed from the planned send; {brokenOff} of {rounds} turns broke off and are left out."));
            }
            catch (InvalidOperationException e) when (given == 0)
            {
                // The rest of the figures are as good.
                Report.Say($"Half of the rate is not told: {e.Message}");
            }

            if (given == 0)
            {
                var curve = new ResultCurve("checks/s", "linear");
                var atHalf = new Series();
                var few = Math.Max(1, rounds / CurvePart);
                foreach (var share in Shares)
                {
                    try
                    {
                        var (p99, echoAlone) = (await AtRateAsync((int)(saturation * share), few, "")).Open.P99;
                        curve.Add(Math.Round(saturation * share), p99, echoAlone);
                        if (share == 0.5)
                        {
                            atHalf.Add(p99);
                        }
                    }
                    catch (InvalidOperationException e)
                    {
                        // Service and client together do not keep the rate: the curve ends before it.
                        Report.Say(e.Message);
                        break;
                    }
                }

                if (atHalf.Count > 0)
                {
                    report.Add(new Metric("check_p99_by_rate", "us", atHalf)
                    {
                        Curve = curve,
                        Note = string.Create(CultureInfo.InvariantCulture, $"p99 from the planned send at {string.Join(", ", Shares.Select(s => $"{s:P0}"))} of {saturation:N0} checks/s, the median of {few} rounds each; the figure is that of half."),
                    });
                }
            }

            // A machine that stands still for a second breaks off a turn, which is not the service's doing; where most do, it is.
            async Task<(LatencyReport Open, int BrokenOff)> AtRateAsync(int rate, int count, string name)
            {
                Report.Say($"At {rate:N0}/s ...");
                var open = new LatencyReport(name, "gRPC echo");
                var brokenOff = 0;
                foreach (var turn in Turns.Of(unknown, bare, count).Chunk(2))
                {
                    var isWarmUp = turn[0].IsWarmUp;
                    try
                    {
                        var first = await RunAsync(turn[0].Side, isWarmUp);
                        var second = await RunAsync(turn[1].Side, isWarmUp);
                        if (isWarmUp)
                        {
                            continue;
                        }

                        open.Add(first, loaded: turn[0].Side == unknown);
                        open.Add(second, loaded: turn[1].Side == unknown);
                    }
                    catch (InvalidOperationException e)
                    {
                        if (!isWarmUp && ++brokenOff > count / 2)
                        {
                            throw new InvalidOperationException($"{brokenOff} turns of {count} broke off: {e.Message}", e);
                        }
                    }
                }

                return (open, brokenOff);

                Task<LatencyRun> RunAsync(CheckSide side, bool isWarmUp)
                {
                    var limit = isWarmUp ? time * Turns.WarmUpRounds : time;
                    return OpenLoop.RunAsync(rate, i => side.CallAsync((int)(i % connections), i), elapsed => elapsed >= limit, ct);
                }
            }
        }

        string Unknown(long i) => NumberBlock.Dutch.Text(numbers + (i * NumberBlock.Stride % UnknownNumbers));

        string Consented(long i) => NumberBlock.Dutch.Text(i * NumberBlock.Stride % numbers);
    }
}
