using System.CommandLine;
using System.Globalization;
using Lookup.Load.Latency;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.Load.Streams;
using Lookup.V1;

namespace Lookup.Load.Commands;

/// <summary>What something costs that a service does for each answer: one that does it beside one that does not.</summary>
internal abstract class BesideCommand : LoadCommand
{
    private const long UnknownNumbers = 1_000_000;

    private readonly string _what;
    private readonly Option<int> _rounds;
    private readonly Option<double> _seconds;
    private readonly Option<long> _numbers;

    /// <param name="name">Name of the command.</param>
    /// <param name="description">What is measured.</param>
    /// <param name="what">What the service does, one word: "receipts".</param>
    protected BesideCommand(string name, string description, string what)
        : base(name, description, "redis-server")
    {
        _what = what;
        _rounds = Number("--rounds", "Rounds of each, after one ten times as long to warm up", 30, 1, 100);
        _seconds = Number("--seconds", "Seconds of a round of each side", 0.6, 0.2, 600);
        _numbers = Number("--numbers", "Numbers with a consent in the store", 100_000L, 1_000, 35_000_000);
    }

    /// <summary>Starts the service that does it.</summary>
    private protected abstract Task<(ChildProcess Process, Uri Address)> StartAsync(TestBed bed, CancellationToken ct);

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        var numbers = parsed.GetValue(_numbers);
        var (rounds, time) = (parsed.GetValue(_rounds), TimeSpan.FromSeconds(parsed.GetValue(_seconds)));
        await using var bed = await TestBed.StartWithConsentsAsync(numbers, ct);
        await bed.ServeAsync(ct);
        var (busy, address) = await StartAsync(bed, ct);
        await using var process = busy;
        await Task.Delay(TimeSpan.FromSeconds(1), ct);

        Report.Say("Checks decided by the filter ...");
        await ChecksAsync($"check_with_{_what}", i => NumberBlock.Dutch.Text(numbers + (i * NumberBlock.Stride % UnknownNumbers)), Verdict.Deny, "Numbers without facts");
        Report.Say("Checks of cached facts ...");
        await ChecksAsync($"check_cached_with_{_what}", i => NumberBlock.Dutch.Text(i * NumberBlock.Stride % 20_000 % numbers), Verdict.Allow, "20,000 consented numbers again and again");
        Report.Say("Lists ...");
        await ListsAsync();

        async Task ChecksAsync(string name, Func<long, string> number, Verdict verdict, string what)
        {
            const int Connections = 4, InFlight = 16;
            using var with = new CheckSide(address, busy, Connections, report, number, verdict);
            using var without = new CheckSide(bed.Address, bed.Service, Connections, report, number, verdict);
            await CheckSide.TurnsAsync(with, without, InFlight, rounds, time, ct);
            var note = string.Create(CultureInfo.InvariantCulture, $"{what}; {Connections} connections with {InFlight} checks under way on each; client, service and redis on one machine.");
            report.Add(new Metric(name, "checks/s", with.Rates) { BaselineName = $"without {_what}", Baseline = without.Rates, Note = note });
            report.Add(new Metric(name + "_cpu", "us/check", with.Cpu) { BaselineName = $"without {_what}", Baseline = without.Cpu, Note = "Processor time of the service, with all that it does behind the answers." });
        }

        async Task ListsAsync()
        {
            var settings = new StreamSettings { Rounds = rounds, Streams = 2, Window = 8, ChunkSize = 8_000, Consented = numbers };
            var expected = new ExpectedAnswer(Verdict.Deny, ReasonCode.NoConsent);
            using var busyChannel = TestBed.Connect(address);
            using var channel = bed.Channel();
            var with = new StreamRates.Side($"stream_with_{_what}", new StreamDriver(busyChannel, settings.Window, settings.ChunkSize, expected), busy);
            var without = new StreamRates.Side($"without {_what}", new StreamDriver(channel, settings.Window, settings.ChunkSize, expected), bed.Service);
            await StreamRates.TurnsAsync(with, without, StreamRates.Free(settings), rounds, time * Turns.WarmUpRounds, time, report, ct);
            report.Add(new Metric(with.Name, "numbers/s", with.Rates) { BaselineName = without.Name, Baseline = without.Rates, Note = $"Numbers without facts; {StreamRates.Shape(settings)}." });
            report.Add(new Metric(with.Name + "_cpu", "ns/number", with.Cpu) { BaselineName = without.Name, Baseline = without.Cpu, Note = "Processor time of the service." });
        }
    }
}
