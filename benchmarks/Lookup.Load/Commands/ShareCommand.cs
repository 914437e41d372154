using System.CommandLine;
using System.Globalization;
using Lookup.Load.Latency;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.Load.Streams;
using Lookup.V1;

namespace Lookup.Load.Commands;

/// <summary>The client with checks that share a call, beside a bare gRPC echo and the client without.</summary>
internal sealed class ShareCommand : LoadCommand
{
    private const long UnknownNumbers = 1_000_000;

    private readonly Option<int> _rounds;
    private readonly Option<double> _seconds;
    private readonly Option<int> _connections;
    private readonly Option<int> _inFlight;
    private readonly Option<long> _numbers;

    public ShareCommand()
        : base("share", "Single checks of the .NET client that share calls, beside a bare gRPC echo and the client without: rate, p99, and one at a time.", "redis-server")
    {
        _rounds = Number("--rounds", "Rounds of each, after one ten times as long to warm up", 20, 1, 1_000);
        _seconds = Number("--seconds", "Seconds of a round of each side", 0.5, 0.2, 600);
        _connections = Number("--connections", "Connections", 4, 1, 16);
        _inFlight = Number("--in-flight", "Checks under way in all", 64, 2, 1_000);
        _numbers = Number("--numbers", "Numbers with a consent in the store", 100_000L, 1_000, 35_000_000);
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        var numbers = parsed.GetValue(_numbers);
        var (rounds, time) = (parsed.GetValue(_rounds), TimeSpan.FromSeconds(parsed.GetValue(_seconds)));
        var (connections, inFlight) = (parsed.GetValue(_connections), parsed.GetValue(_inFlight));
        await using var bed = await TestBed.StartWithConsentsAsync(numbers, ct);
        await bed.ServeAsync(ct);
        var (echo, echoAddress) = await LookupTool.EchoAsync(ct);
        await using var echoProcess = echo;

        Report.Say($"{inFlight} under way ...");
        await MeasureAsync("check_shared", inFlight, string.Create(CultureInfo.InvariantCulture, $"Numbers without facts; {connections} connections with {inFlight} checks under way in all; client, service and redis on one machine."), alone: false);
        Report.Say("One at a time ...");
        await MeasureAsync("check_shared_alone", 1, "One check under way, numbers without facts.", alone: true);

        async Task MeasureAsync(string name, int callers, string note, bool alone)
        {
            using var shared = ClientSide.Client(bed.Address, bed.Service, connections, shares: true, Unknown, Verdict.Deny, report);
            using var unary = ClientSide.Client(bed.Address, bed.Service, connections, shares: false, Unknown, Verdict.Deny, report);
            using var bare = ClientSide.Bare(echoAddress, echo, connections, Unknown, EchoService.Answer, report);
            await ClientSide.TurnsAsync([shared, unary, bare], callers, rounds, time, ct);
            if (!alone)
            {
                report.Add(new Metric(name, "checks/s", shared.Rates) { BaselineName = "bare gRPC echo", Baseline = bare.Rates, Note = note });
                report.Add(new Metric(name + "_rate_by_client", "checks/s", shared.Rates) { BaselineName = "client without sharing", Baseline = unary.Rates, Note = note });
                report.Add(new Metric(name + "_cpu", "us/check", shared.Cpu) { BaselineName = "bare gRPC echo", Baseline = bare.Cpu, Note = "Processor time of client and service." });
                report.Add(new Metric(name + "_p99", "us", shared.P99) { BaselineName = "client without sharing", Baseline = unary.P99, Note = note });
            }

            report.Add(new Metric(name + "_p50", "us", shared.P50) { BaselineName = "client without sharing", Baseline = unary.P50, Note = note });
        }

        string Unknown(long i) => NumberBlock.Dutch.Text(numbers + (i * NumberBlock.Stride % UnknownNumbers));
    }
}
