using Lookup.Cli.Bench;
using Lookup.Client;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.V1;

namespace Lookup.Load.Latency;

/// <summary>Checks through the .NET client, or a bare stub: one of several that take turns.</summary>
internal sealed class ClientSide : IDisposable
{
    private readonly Func<int, string, Task<Outcome>> _check;
    private readonly Func<long, string> _number;
    private readonly IDisposable[] _owned;
    private readonly ChildProcess _service;
    private readonly Report _report;
    private long _asked;

    private ClientSide(
        Func<int, string, Task<Outcome>> check, ChildProcess service, Func<long, string> number, Report report, params IDisposable[] owned)
    {
        (_check, _service, _number, _report, _owned) = (check, service, number, report, owned);
    }

    internal Series Rates { get; } = new();

    /// <summary>Processor time of client and service for each check, in microseconds.</summary>
    internal Series Cpu { get; } = new();

    /// <summary>In microseconds.</summary>
    internal Series P50 { get; } = new();

    /// <summary>In microseconds.</summary>
    internal Series P99 { get; } = new();

    /// <summary>A stub on connections of its own, without the client.</summary>
    internal static ClientSide Bare(Uri address, ChildProcess service, int connections, Func<long, string> number, Verdict expected, Report report)
    {
        var channels = Enumerable.Range(0, connections).Select(_ => TestBed.Connect(address)).ToArray();
        var checkers = channels.Select(channel => new Checker(channel, report)).ToArray();
        Verdict[] permitted = [expected];
        return new ClientSide((caller, text) => checkers[caller % connections].CheckAsync(text, "A number", permitted), service, number, report, [.. channels]);
    }

    /// <summary>The client, which reuses no answers: a check that it answers from memory costs nothing.</summary>
    internal static ClientSide Client(Uri address, ChildProcess service, int connections, bool shares, Func<long, string> number, Verdict expected, Report report)
    {
        var client = new LookupClient(new LookupClientOptions { Address = address, Channels = connections, ReuseLimit = 0, ShareChecks = shares });
        var question = Streams.StreamDriver.Open(TestBed.Organisation).Question;
        return new ClientSide(CheckAsync, service, number, report, client);

        async Task<Outcome> CheckAsync(int caller, string text)
        {
            var result = await client.CheckAsync(text, question);
            if (result.Verdict == expected && result.Number == text && result.Message.Length > 0)
            {
                return Outcome.Right;
            }

            if (result.State != CheckState.Answered)
            {
                return Outcome.Undecided;
            }

            report.Wrong($"{text} was answered {result} instead of {expected}.");
            return Outcome.Wrong;
        }
    }

    /// <summary>Runs all in turns, after a longer round of each to warm up. The first changes from round to round.</summary>
    internal static async Task TurnsAsync(IReadOnlyList<ClientSide> sides, int callers, int rounds, TimeSpan time, CancellationToken ct)
    {
        for (var round = 0; round <= rounds; round++)
        {
            for (var i = 0; i < sides.Count; i++)
            {
                await sides[(round + i) % sides.Count].RunAsync(callers, round == 0 ? time * Turns.WarmUpRounds : time, keep: round > 0, ct);
            }
        }
    }

    private async Task RunAsync(int callers, TimeSpan time, bool keep, CancellationToken ct)
    {
        var (first, before) = (_asked, Environment.CpuUsage.TotalTime + _service.ProcessorTime);
        var (run, seconds) = await ClosedLoop.RunAsync(callers, (caller, request) => _check(caller, _number(first + request)), time, ct);
        var checks = run[Outcome.Right];
        _asked = first + checks;
        _report.Undecided("checks", run[Outcome.Undecided], checks);
        if (keep && checks > 0)
        {
            Rates.Add(checks / seconds);
            Cpu.Add((Environment.CpuUsage.TotalTime + _service.ProcessorTime - before).TotalMicroseconds / checks);
            P50.Add(LatencyRun.Percentile(run.Latencies, 50));
            P99.Add(LatencyRun.Percentile(run.Latencies, 99));
        }
    }

    public void Dispose() => Array.ForEach(_owned, static owned => owned.Dispose());
}
