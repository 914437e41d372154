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

/// <summary>Measures single checks with and without lists that take all they can get, and floods the service with streams.</summary>
internal sealed class OverloadCommand : LoadCommand
{
    // A stream and a saturated service have found their pace by then.
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(1);

    private readonly Option<int> _rounds;
    private readonly Option<double> _seconds;
    private readonly Option<int> _rate;
    private readonly Option<int> _streams;
    private readonly Option<int> _window;
    private readonly Option<int> _chunk;
    private readonly Option<long> _numbers;
    private readonly Option<int> _nice;
    private readonly Option<int> _flood;

    public OverloadCommand()
        : base("overload", "Checks at a fixed rate, timed from the planned send, with and without a saturating CheckStream; then a flood of streams.", "redis-server")
    {
        _rounds = Number("--rounds", "Rounds of each", 5, 1, 50);
        _seconds = Number("--seconds", "Seconds of a round", 10.0, 0.5, 600);
        _rate = Number("--rate", "Checks a second", 1_000, 10, 100_000);
        _streams = Number("--streams", "Streams that saturate, half of them with consented numbers", 4, 2, 64);
        _window = Number("--window", "Chunks unanswered on a stream", 8, 1, 64);
        _chunk = Number("--chunk", "Numbers in a chunk", 8_000, 1, 8_192);
        _numbers = Number("--numbers", "Numbers with a consent in the store", 1_000_000L, 20_000, 35_000_000);
        _nice = Number("--nice", "Priority of the saturating client, which stands for other machines; 0: that of everything else", 10, 0, 19);
        _flood = Number("--flood", "Streams of the flood, more than the service takes at a time", 96, 1, 1_000);
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        var settings = new StreamSettings
        {
            Rounds = parsed.GetValue(_rounds),
            RoundTime = TimeSpan.FromSeconds(parsed.GetValue(_seconds)),
            Streams = parsed.GetValue(_streams),
            Window = parsed.GetValue(_window),
            ChunkSize = parsed.GetValue(_chunk),
            Consented = parsed.GetValue(_numbers),
        };
        await using var bed = await TestBed.StartWithConsentsAsync(settings.Consented, ct);
        await bed.ServeAsync(ct);
        using var channel = bed.Channel();
        var checker = new Checker(channel, report);
        var rate = parsed.GetValue(_rate);
        await BesideStreamsAsync(bed, settings, rate, parsed.GetValue(_nice), checker, report, ct);
        await FloodAsync(bed, settings, rate, parsed.GetValue(_flood), checker, report, ct);
    }

    private static async Task BesideStreamsAsync(
        TestBed bed, StreamSettings settings, int rate, int nice, Checker checker, Report report, CancellationToken ct)
    {
        var latencies = new LatencyReport("check_beside_streams", "without a stream");
        var streamed = new Series();
        for (var round = 0; round <= settings.Rounds; round++)
        {
            var alone = await ChecksAsync(checker, settings, rate, elapsed => elapsed >= settings.RoundTime, ct);
            await using var saturator = Saturator.Start(bed.Address, settings, nice);
            await Task.Delay(Settling, ct);
            var loaded = await ChecksAsync(checker, settings, rate, elapsed => elapsed >= settings.RoundTime, ct);
            var result = await Saturator.EndAsync(saturator, ct);
            report.Wrong($"saturating stream: {result.FirstWrong}", result.Wrong);
            if (round == 0)
            {
                continue;
            }

            latencies.Add(alone, loaded: false);
            latencies.Add(loaded, loaded: true);
            streamed.Add(result.Numbers / result.Seconds);
        }

        latencies.AddTo(report, string.Create(
            CultureInfo.InvariantCulture,
            $"{rate:N0} checks/s, half of them of consented numbers, timed from the planned send; {settings.Streams} streams from a process with nice {nice}, all on one machine.{Status(checker)}"));
        report.Add(new Metric("check_beside_streams_streamed", "numbers/s", streamed) { Note = "What the saturating streams got beside the checks." });
    }

    private static async Task FloodAsync(
        TestBed bed, StreamSettings settings, int rate, int streams, Checker checker, Report report, CancellationToken ct)
    {
        var flooding = Task.Run(() => StreamFlood.RunAsync(bed, settings, streams, report, ct), ct);
        var checks = await ChecksAsync(checker, settings, rate, _ => flooding.IsCompleted, ct);
        var refused = await flooding;
        report.Add(new Metric("flood_refused", "streams", new Series(refused))
        {
            Note = $"Of {streams} streams opened together; each refusal RESOURCE_EXHAUSTED with RetryInfo, each other stream answered.",
        });
        report.Add(new Metric("flood_check_p99", "us", new Series(LatencyRun.Percentile(checks.Latencies, 99)))
        {
            Note = $"Checks meanwhile: {checks[Outcome.Right]:N0} right, {checks[Outcome.Undecided]:N0} undecided.{Status(checker)}",
        });
        if (checks[Outcome.Right] == 0)
        {
            report.Wrong($"flood: no check was answered.{Status(checker)}");
        }
    }

    private static Task<LatencyRun> ChecksAsync(Checker checker, StreamSettings settings, int rate, Func<TimeSpan, bool> isOver, CancellationToken ct) =>
        OpenLoop.RunAsync(
            rate,
            i => i % 2 == 0
                ? checker.CheckAsync(NumberBlock.Dutch.Text(i * NumberBlock.Stride % settings.Consented), "A consented number", Verdict.Allow)
                : checker.CheckAsync(NumberBlock.Dutch.Text(settings.Consented + (i * NumberBlock.Stride % 1_000_000)), "A number without consent", Verdict.Deny),
            isOver,
            ct);

    private static string Status(Checker checker) => checker.LastStatus.Length == 0 ? "" : $" Last status: {checker.LastStatus}.";
}
