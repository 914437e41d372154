using System.Globalization;
using Grpc.Core;
using Lookup.Cli.Bench;
using Lookup.Load.Commands;
using Lookup.Load.Latency;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.V1;

namespace Lookup.Load.Streams;

/// <summary>Numbers with a consent each, asked again and again, beside the same service without its record cache.</summary>
internal static class CachedRates
{
    private const string Without = "without the record cache";

    // A list is read when it is asked first, kept when it is asked again, and found from then on.
    private const int WarmPasses = 3;

    internal static async Task MeasureAsync(TestBed bed, StreamSettings settings, Report report, CancellationToken ct)
    {
        var (process, address) = await LookupTool.ServeAsync(bed.Redis.ConnectionString, bed.KeyFile, ct, "RecordCacheBytes=0");
        await using var other = process;
        using var channel = bed.Channel();
        using var otherChannel = TestBed.Connect(address);
        await StreamAsync((channel, bed.Service), (otherChannel, other), bed.Redis, settings, report, ct);
        await CheckAsync(channel, otherChannel, settings, report, ct);
    }

    private static async Task StreamAsync(
        (ChannelBase Channel, ChildProcess Process) cached,
        (ChannelBase Channel, ChildProcess Process) uncached,
        LocalRedis redis,
        StreamSettings settings,
        Report report,
        CancellationToken ct)
    {
        var count = Math.Min(settings.Cached, settings.Consented);
        var sources = ChunkSource.Deal(NumberBlock.Dutch, 0, count, settings.ChunkSize, settings.Streams, repeat: true);
        var subject = new Subject("stream_cached", cached, settings);
        var baseline = new Subject(Without, uncached, settings);
        foreach (var (one, isWarmUp) in Turns.Of(subject, baseline, settings.Rounds))
        {
            var (time, numbers) = isWarmUp ? (settings.WarmUp, WarmPasses * count) : (settings.RoundTime, 0);
            var before = redis.Process.ProcessorTime;
            var run = await one.Side.RunAsync(sources, elapsed => elapsed >= time && one.Driver.Numbers >= numbers, report, ct);
            if (isWarmUp)
            {
                continue;
            }

            one.Side.Keep(run);
            one.Redis.Add((redis.Process.ProcessorTime - before).TotalNanoseconds / run.Numbers);
        }

        Add("", "numbers/s", s => s.Side.Rates, $"{count:N0} numbers with a consent, each asked again and again; {StreamRates.Shape(settings)}; all on one machine.");
        Add("_cpu", "ns/number", s => s.Side.Cpu, "Processor time of the service.");
        Add("_redis_cpu", "ns/number", s => s.Redis, "Processor time of redis.");

        void Add(string suffix, string unit, Func<Subject, Series> of, string note) =>
            report.Add(new Metric(subject.Side.Name + suffix, unit, of(subject)) { BaselineName = Without, Baseline = of(baseline), Note = note });
    }

    private static async Task CheckAsync(
        ChannelBase cached, ChannelBase uncached, StreamSettings settings, Report report, CancellationToken ct)
    {
        var latencies = new LatencyReport("check_cached", Without);
        var (checker, other) = (new Checker(cached, report), new Checker(uncached, report));
        var count = Math.Min(settings.Cached, settings.Consented);
        foreach (var (one, isWarmUp) in Turns.Of(checker, other, settings.Rounds))
        {
            var run = await OpenLoop.RunAsync(
                settings.ChecksPerSecond,
                i => one.CheckAsync(NumberBlock.Dutch.Text(i * NumberBlock.Stride % count), "A consented number", Verdict.Allow),
                elapsed => elapsed >= settings.RoundTime,
                ct);
            if (!isWarmUp)
            {
                latencies.Add(run, loaded: one == checker);
            }
        }

        latencies.AddTo(report, string.Create(
            CultureInfo.InvariantCulture,
            $"{settings.ChecksPerSecond:N0} checks/s of the numbers of 'stream_cached', timed from the planned send."));
    }

    private sealed class Subject
    {
        internal Subject(string name, (ChannelBase Channel, ChildProcess Process) service, StreamSettings settings)
        {
            Driver = new StreamDriver(service.Channel, settings.Window, settings.ChunkSize, StreamRates.Consented);
            Side = new StreamRates.Side(name, Driver, service.Process);
        }

        internal StreamDriver Driver { get; }

        internal StreamRates.Side Side { get; }

        internal Series Redis { get; } = new();
    }
}
