using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Lookup.Load.Gates;
using Lookup.Load.Latency;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;

namespace Lookup.Load.Commands;

/// <summary>Calls through lookup sip and lookup agi, beside servers of the same protocols that decide nothing.</summary>
internal sealed class GatesCommand : LoadCommand
{
    private const long Numbers = 20_000;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly Option<int> _rounds;
    private readonly Option<double> _seconds;
    private readonly Option<int> _inFlight;

    public GatesCommand()
        : base("gates", "Calls through lookup sip and lookup agi, beside a bare SIP redirect server and a bare FastAGI server: rate, p50, p99, and one at a time.", "redis-server")
    {
        _rounds = Number("--rounds", "Rounds of each, after one ten times as long to warm up", 20, 1, 1_000);
        _seconds = Number("--seconds", "Seconds of a round of each side", 0.5, 0.2, 600);
        _inFlight = Number("--in-flight", "Calls under way in all", 32, 2, 256);
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        var (rounds, time, inFlight) = (parsed.GetValue(_rounds), TimeSpan.FromSeconds(parsed.GetValue(_seconds)), parsed.GetValue(_inFlight));
        await using var bed = await TestBed.StartWithConsentsAsync(Numbers, ct);
        await bed.ServeAsync(ct);
        var trunks = bed.PathOf("trunks.json");
        await File.WriteAllTextAsync(
            trunks,
            $$$"""
            {"trunks": [{"name": "load", "from": ["127.0.0.1"], "redirect": "sip:{number}@carrier.example:5060;user=phone",
              "question": {"org": "{{{TestBed.Organisation}}}", "purpose": "commercial", "kind": "marketing", "subscriber": "consumer"}}]}
            """,
            ct);
        await using var sip = new ChildProcess(LookupTool.Path, ["sip", "--json", "--listen", "127.0.0.1:0", "--trunks", trunks, "--timeout", "10", "--address", bed.Address.ToString()]);
        await using var agi = new ChildProcess(LookupTool.Path, ["agi", "--json", "--listen", "127.0.0.1:0", "--timeout", "10", "--address", bed.Address.ToString()]);
        await using var bare = new ChildProcess(Environment.ProcessPath!, ["bare-gates"]);
        var (sipAt, agiAt) = (await EndPointAsync(sip, "sip", ct), await EndPointAsync(agi, "agi", ct));
        var said = await bare.ReadLineAsync(StartLimit, ct);
        var (bareSip, bareAgi) = (EndPoint(said, "sip"), EndPoint(said, "agi"));

        await MeasureAsync("gate_sip", "bare SIP redirect server", sip, callers => Sip(sipAt, callers, bed.Service, sip), callers => Sip(bareSip, callers, bare));
        await MeasureAsync("gate_agi", "bare FastAGI server", agi, _ => Agi(agiAt, bed.Service, agi), _ => Agi(bareAgi, bare));

        async Task MeasureAsync(string name, string baseline, ChildProcess gate, Func<int, ClientSide> with, Func<int, ClientSide> without)
        {
            foreach (var callers in (int[])[inFlight, 1])
            {
                Report.Say($"{name}: {callers} under way ...");
                using var gated = with(callers);
                using var open = without(callers);
                await ClientSide.TurnsAsync([gated, open], callers, rounds, time, ct);
                var own = callers == 1 ? name + "_alone" : name;
                var note = string.Create(
                    CultureInfo.InvariantCulture, $"{callers} {(callers == 1 ? "call" : "calls")} under way; {Numbers:N0} consented numbers again and again; caller, gate, service and redis on one machine.");
                if (callers > 1)
                {
                    report.Add(new Metric(own, "calls/s", gated.Rates) { BaselineName = baseline, Baseline = open.Rates, Note = note });
                    report.Add(new Metric(own + "_cpu", "us/call", gated.Cpu) { BaselineName = baseline, Baseline = open.Cpu, Note = "Processor time of caller, gate and service." });
                }

                report.Add(new Metric(own + "_p50", "us", gated.P50) { BaselineName = baseline, Baseline = open.P50, Note = note });
                report.Add(new Metric(own + "_p99", "us", gated.P99) { BaselineName = baseline, Baseline = open.P99, Note = note });
            }

            if (gate.HasExited)
            {
                report.Wrong($"{name} ended: {gate.Errors}");
            }
        }

        ClientSide Sip(IPEndPoint at, int callers, params ChildProcess[] processes)
        {
            var switches = Enumerable.Range(0, callers).Select(_ => new SipCaller(at, report)).ToArray();
            return ClientSide.Of((caller, number) => switches[caller].CallAsync(number), processes, Consented, report, [.. switches]);
        }

        ClientSide Agi(IPEndPoint at, params ChildProcess[] processes) =>
            ClientSide.Of((_, number) => AgiCaller.CallAsync(at, number, report), processes, Consented, report);

        static string Consented(long i) => NumberBlock.Dutch.Text(i * NumberBlock.Stride % Numbers);
    }

    private static async Task<IPEndPoint> EndPointAsync(ChildProcess process, string name, CancellationToken ct) =>
        EndPoint(await process.ReadLineAsync(StartLimit, ct), name);

    private static IPEndPoint EndPoint(string line, string name)
    {
        using var said = JsonDocument.Parse(line);
        return IPEndPoint.Parse(said.RootElement.GetProperty(name).GetString()!);
    }
}
