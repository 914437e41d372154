using Lookup.Core.Numbers;
using Lookup.Load.Commands;
using Lookup.Load.Latency;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.V1;

namespace Lookup.Load.Streams;

/// <summary>Numbers a second over streams, each in turn with what it is compared with.</summary>
internal static class StreamRates
{
    // More than the caches of a processor hold, and soon built.
    private const long FilterNumbers = 1_000_000;

    internal static readonly ExpectedAnswer Consented = new(Verdict.Allow, ReasonCode.Consent);
    private static readonly ExpectedAnswer NoConsent = new(Verdict.Deny, ReasonCode.NoConsent);

    /// <summary>Numbers without facts, which the filter decides, beside the echo.</summary>
    internal static async Task FilterAsync(TestBed bed, StreamSettings settings, Report report, CancellationToken ct)
    {
        using var channel = bed.Channel();
        var subject = new Side("stream_filter_decided", new StreamDriver(channel, settings.Window, settings.ChunkSize, NoConsent), bed.Service);
        await BesideEchoAsync(
            subject, $"Numbers without facts beside {settings.Consented:N0} facts; {Shape(settings)}; client, service and redis on one machine.", settings, report, ct);
    }

    /// <summary>The echo beside itself: how far two equal things are apart in this run.</summary>
    internal static async Task SelfAsync(StreamSettings settings, Report report, CancellationToken ct)
    {
        var (echo, address) = await LookupTool.EchoAsync(ct);
        await using var process = echo;
        using var channel = TestBed.Connect(address);
        var subject = new Side("stream_echo_self", new StreamDriver(channel, settings.Window, settings.ChunkSize, NoConsent), echo);
        await BesideEchoAsync(subject, $"Two processes of the echo; {Shape(settings)}.", settings, report, ct);
    }

    private static async Task BesideEchoAsync(Side subject, string note, StreamSettings settings, Report report, CancellationToken ct)
    {
        var (echo, address) = await LookupTool.EchoAsync(ct);
        await using var process = echo;
        using var channel = TestBed.Connect(address);
        var sources = Free(settings);
        var baseline = new Side("bare stream echo", new StreamDriver(channel, settings.Window, settings.ChunkSize, NoConsent), echo);
        await TurnsAsync(subject, baseline, sources, settings.Rounds, settings.WarmUp, settings.RoundTime, report, ct);
        report.Add(new Metric(subject.Name, "numbers/s", subject.Rates) { BaselineName = baseline.Name, Baseline = baseline.Rates, Note = note });
        report.Add(new Metric(subject.Name + "_cpu", "ns/number", subject.Cpu)
        {
            BaselineName = baseline.Name,
            Baseline = baseline.Cpu,
            Note = "Processor time of the service.",
        });
    }

    /// <summary>Runs two in turns, after a round of each to warm up.</summary>
    internal static async Task TurnsAsync(
        Side subject, Side baseline, ChunkSource[] sources, int rounds, TimeSpan warmUp, TimeSpan roundTime, Report report, CancellationToken ct)
    {
        foreach (var (side, isWarmUp) in Turns.Of(subject, baseline, rounds))
        {
            var time = isWarmUp ? warmUp : roundTime;
            var run = await side.RunAsync(sources, elapsed => elapsed >= time, report, ct);
            if (!isWarmUp)
            {
                side.Keep(run);
            }
        }
    }

    /// <summary>Numbers with a consent each, every one asked once in the whole run, beside redis-benchmark.</summary>
    internal static async Task ConsentAsync(TestBed bed, StreamSettings settings, Report report, CancellationToken ct)
    {
        long keys = Math.Min(settings.Consented, bed.Partitions * (long)NumberPseudonym.Buckets);
        // A number meets its own fields and those of the others in its bucket.
        var fields = 1 + (int)Math.Round(settings.Consented / (double)(bed.Partitions * NumberPseudonym.Buckets));
        var length = StoreFiller.ValueLength(StoreFiller.Consents(NumberBlock.Dutch, 1, TestBed.Organisation).First(), bed.Cipher);
        await using var yardstick = await Yardstick.StartAsync(keys, fields, length, settings.FieldsRead, ct);
        using var channel = bed.Channel();
        var side = new Side("stream_all_consented", new StreamDriver(channel, settings.Window, settings.ChunkSize, Consented), bed.Service);
        var slice = settings.Consented / (settings.Rounds + 1);
        var (redis, redisCpu) = (new Series(), new Series());
        for (var round = 0; round <= settings.Rounds; round++)
        {
            var sources = ChunkSource.Deal(NumberBlock.Dutch, round * slice, slice, settings.ChunkSize, settings.Streams, repeat: false);
            var before = bed.Redis.Process.ProcessorTime;
            var run = await side.RunAsync(sources, static _ => false, report, ct);
            var spent = (bed.Redis.Process.ProcessorTime - before).TotalNanoseconds / run.Numbers;
            var reached = await yardstick.MeasureAsync(Math.Max(slice, 100_000), ct);
            if (round == 0)
            {
                continue;
            }

            side.Keep(run);
            redis.Add(reached);
            redisCpu.Add(spent);
        }

        report.Add(new Metric(side.Name, "numbers/s", side.Rates)
        {
            BaselineName = $"redis-benchmark -P 64 HMGET of {settings.FieldsRead} fields",
            Baseline = redis,
            Note = $"Each number has a consent and is asked once in the run, so that no cache helps; {Shape(settings)}. "
                + $"redis-benchmark: {keys:N0} hashes of {fields} fields of 21 + {length} bytes, 50 connections.",
        });
        report.Add(new Metric(side.Name + "_cpu", "ns/number", side.Cpu) { Note = "Processor time of the service." });
        report.Add(new Metric(side.Name + "_redis_cpu", "ns/number", redisCpu) { Note = "Processor time of redis." });
    }

    /// <summary>Numbers without facts, again and again.</summary>
    internal static ChunkSource[] Free(StreamSettings settings) => ChunkSource.Deal(
        NumberBlock.Dutch,
        settings.Consented,
        Math.Max(FilterNumbers, settings.ChunkSize * settings.Streams),
        settings.ChunkSize,
        settings.Streams,
        repeat: true);

    internal static string Shape(StreamSettings settings) =>
        $"{settings.Streams} streams, {settings.Window} chunks of {settings.ChunkSize:N0} in flight on each";

    /// <summary>One of two that take turns.</summary>
    internal sealed class Side(string name, StreamDriver driver, ChildProcess server)
    {
        private double _spent;

        internal string Name { get; } = name;

        internal Series Rates { get; } = new();

        internal Series Cpu { get; } = new();

        internal async Task<StreamRun> RunAsync(ChunkSource[] sources, Func<TimeSpan, bool> isOver, Report report, CancellationToken ct)
        {
            var before = server.ProcessorTime;
            var run = await driver.RunAsync(StreamDriver.Open(TestBed.Organisation), sources, isOver, ct);
            _spent = (server.ProcessorTime - before).TotalNanoseconds / run.Numbers;
            report.Wrong($"{Name}: {run.FirstWrong}", run.Wrong);
            report.Undecided(Name, run.Undecided, run.Numbers);
            return run;
        }

        internal void Keep(StreamRun run)
        {
            Rates.Add(run.PerSecond);
            Cpu.Add(_spent);
        }
    }
}
