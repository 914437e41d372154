using System.CommandLine;
using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Grpc.Net.Client;
using Lookup.Cli.Bench;
using Lookup.Load.Effect;
using Lookup.Load.Latency;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.V1;

namespace Lookup.Load.Commands;

/// <summary>Measures the time from an acknowledged objection to its effect at three instances.</summary>
internal sealed class EffectCommand : LoadCommand
{
    private const int Instances = 3;

    // Of the numbers that have a consent, those behind the ones that are objected to are for the background.
    private const int Background = 50_000;
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CatchUpLimit = TimeSpan.FromSeconds(20);

    private readonly Option<int> _objections;
    private readonly Option<int> _pace;
    private readonly Option<int> _checks;
    private readonly Option<int> _writes;

    public EffectCommand()
        : base("effect", "Time from an acknowledged objection until 3 instances deny, and until each tells it through Watch, beside PUBLISH to SUBSCRIBE.", "redis-server")
    {
        _objections = Number("--objections", "Objections", 10_000, 10, 1_000_000);
        _pace = Number("--pace", "Objections a second", 50, 1, 1_000);
        _checks = Number("--rate", "Checks a second in the background, over all instances", 500, 10, 100_000);
        _writes = Number("--writes", "Consents a second written in the background", 100, 1, 10_000);
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        var count = parsed.GetValue(_objections);
        var consents = (count / 2) + 1 + Background;
        await using var bed = await TestBed.StartWithConsentsAsync(consents, ct, room: count);
        var processes = new List<ChildProcess>();
        var channels = new List<GrpcChannel>();
        try
        {
            for (var i = 0; i < Instances; i++)
            {
                var (process, address) = await LookupTool.ServeAsync(bed.Redis.ConnectionString, bed.KeyFile, ct);
                processes.Add(process);
                channels.Add(TestBed.Connect(address));
            }

            await TestBed.StateAsync(channels[0], emptyRegisters: true, ct);
            await MeasureAsync(parsed, bed, [.. channels], count, report, ct);
        }
        finally
        {
            channels.ForEach(channel => channel.Dispose());
            foreach (var process in processes)
            {
                await process.DisposeAsync();
            }
        }
    }

    private async Task MeasureAsync(ParseResult parsed, TestBed bed, GrpcChannel[] channels, int count, Report report, CancellationToken ct)
    {
        var (pace, rate, writes) = (parsed.GetValue(_pace), parsed.GetValue(_checks), parsed.GetValue(_writes));
        var rung = new Arrivals(count, Instances);
        await using var bell = await Bell.ConnectAsync(bed.Redis.ConnectionString, rung, Instances);
        var run = new EffectRun(channels, bell, count, report) { Rung = rung };
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var watching = Enumerable.Range(0, Instances).Select(place => Task.Run(() => run.WatchAsync(place, stop.Token), ct)).ToArray();
        await Task.Delay(Settling, ct);
        Report.Say($"{count:N0} objections, {pace:N0} a second, under {rate:N0} checks/s and {writes:N0} writes/s ...");
        var over = false;
        var checkers = channels.Select(channel => new Checker(channel, report)).ToArray();
        var checks = OpenLoop.RunAsync(rate, i => checkers[i % Instances].CheckAsync(BackgroundNumber(count, i), "A number in the background", Verdict.Allow), _ => over, ct);
        var writing = OpenLoop.RunAsync(writes, i => WriteAsync(channels[i % Instances], BackgroundNumber(count, i)), _ => over, ct);
        var objecting = OpenLoop.RunAsync(pace, i => ObjectAsync(run, (int)i, count, ct), elapsed => elapsed.TotalSeconds * pace > count + 1, ct);
        try
        {
            await objecting;
        }
        finally
        {
            over = true;
        }

        var (checkRun, writeRun) = (await checks, await writing);
        await CaughtUpAsync(run, ct);
        await stop.CancelAsync();
        await Task.WhenAll(watching);
        Tell(run, rung, report, string.Create(
            CultureInfo.InvariantCulture,
            $"From the acknowledgement, {Instances} instances, {count:N0} objections at {pace:N0}/s written at each in turn, under {rate:N0} checks/s ({checkRun[Outcome.Undecided]:N0} undecided) and {writes:N0} writes/s ({writeRun[Outcome.Undecided]:N0} failed), all on one machine."));
    }

    private static async Task<Outcome> ObjectAsync(EffectRun run, int number, int count, CancellationToken ct)
    {
        if (number < count)
        {
            await run.ObjectAsync(number, ct);
        }

        return Outcome.Right;
    }

    private static async Task CaughtUpAsync(EffectRun run, CancellationToken ct)
    {
        for (var left = CatchUpLimit; run.Watched.Missing > 0 && left > TimeSpan.Zero; left -= Settling)
        {
            await Task.Delay(Settling, ct);
        }
    }

    private static void Tell(EffectRun run, Arrivals rung, Report report, string note)
    {
        var baseline = rung.Milliseconds(_ => true);
        const string Baseline = "PUBLISH to SUBSCRIBE";
        Arrivals.AddTo(report, "effect_check", run.Checked.Milliseconds(_ => true), Baseline, baseline, note + " Bounded checks without a pause until DENY came back, the time of that check included.");
        Arrivals.AddTo(report, "effect_check_consented", run.Checked.Milliseconds(EffectRun.HasConsent), Baseline, baseline, "Numbers with a consent, which were read just before: what is known of them is in the record cache.");
        Arrivals.AddTo(report, "effect_check_unknown", run.Checked.Milliseconds(number => !EffectRun.HasConsent(number)), Baseline, baseline, "Numbers of which nothing was known: the filter answered for them.");
        Arrivals.AddTo(report, "effect_watch", run.Watched.Milliseconds(_ => true), Baseline, baseline, "The same objections, told through Watch of each instance. What is told before the acknowledgement counts as 0.");
        foreach (var (name, times) in (ReadOnlySpan<(string, Arrivals)>)[("check", run.Checked), ("watch", run.Watched)])
        {
            var all = times.Milliseconds(_ => true);
            report.Add(new Metric($"effect_{name}_within_bound", "%", new Series(100.0 * all.Count(time => time < EffectRun.BoundMs) / all.Length)) { Note = $"Within {EffectRun.BoundMs} ms, of {all.Length:N0}." });
            report.Wrong($"An objection was not seen through {name} at every instance.", times.Missing);
        }
    }

    private static string BackgroundNumber(int count, long i) => NumberBlock.Dutch.Text((count / 2) + 1 + (i % Background));

    private static async Task<Outcome> WriteAsync(GrpcChannel channel, string number)
    {
        try
        {
            var consent = new Consent
            {
                Organisation = TestBed.Organisation,
                Purposes = { Purpose.Commercial },
                Captured = Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow),
                Evidence = new Evidence { Reference = "recording 4712" },
            };
            await new FactService.FactServiceClient(channel).RecordFactsAsync(
                new RecordFactsRequest { Facts = { new Fact { Number = number, Source = "background", Consent = consent } } }, deadline: DateTime.UtcNow.AddSeconds(10));
            return Outcome.Right;
        }
        catch (Grpc.Core.RpcException)
        {
            return Outcome.Undecided;
        }
    }
}
