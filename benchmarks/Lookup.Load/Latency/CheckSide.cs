using Grpc.Net.Client;
using Lookup.Cli.Bench;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.V1;

namespace Lookup.Load.Latency;

/// <summary>A service, what single checks ask it, and how it did: one of two that take turns.</summary>
internal sealed class CheckSide : IDisposable
{
    private readonly ChildProcess _process;
    private readonly GrpcChannel[] _channels;
    private readonly Checker[] _checkers;
    private readonly Func<long, string> _number;
    private readonly Verdict[] _permitted;
    private readonly Report _report;
    private long _asked;

    internal CheckSide(Uri address, ChildProcess process, int connections, Report report, Func<long, string> number, Verdict permitted)
    {
        (_process, _number, _permitted, _report) = (process, number, [permitted], report);
        _channels = [.. Enumerable.Range(0, connections).Select(_ => TestBed.Connect(address))];
        _checkers = [.. _channels.Select(channel => new Checker(channel, report))];
    }

    internal Series Rates { get; private set; } = new();

    /// <summary>Processor time of the service for each check, in microseconds.</summary>
    internal Series Cpu { get; private set; } = new();

    /// <summary>In microseconds.</summary>
    internal Series P50 { get; private set; } = new();

    /// <summary>Runs two in turns, after a longer round of each to warm up.</summary>
    internal static async Task TurnsAsync(CheckSide subject, CheckSide beside, int callers, int rounds, TimeSpan time, CancellationToken ct)
    {
        subject.Forget();
        beside.Forget();
        foreach (var (side, isWarmUp) in Turns.Of(subject, beside, rounds))
        {
            await side.RunAsync(callers, isWarmUp ? time * Turns.WarmUpRounds : time, keep: !isWarmUp, ct);
        }
    }

    private void Forget() => (Rates, Cpu, P50) = (new Series(), new Series(), new Series());

    /// <summary>The whole answer to a request.</summary>
    internal Task<CheckResponse> AskAsync(long request) => _checkers[0].AskAsync(_number(request));

    internal Task<Outcome> CallAsync(int connection, long request) =>
        _checkers[connection].CheckAsync(_number(request), "A number", _permitted);

    private async Task RunAsync(int inFlight, TimeSpan time, bool keep, CancellationToken ct)
    {
        var (before, first) = (_process.ProcessorTime, _asked);
        var (run, seconds) = await ClosedLoop.RunAsync(
            inFlight * _channels.Length, (caller, request) => CallAsync(caller % _channels.Length, first + request), time, ct);
        var checks = run[Outcome.Right];
        _asked = first + checks;
        _report.Undecided($"checks {string.Concat(_checkers.Select(checker => checker.LastStatus).Distinct())}", run[Outcome.Undecided], checks);

        if (!keep || checks == 0)
        {
            return;
        }

        Rates.Add(checks / seconds);
        Cpu.Add((_process.ProcessorTime - before).TotalMicroseconds / checks);
        P50.Add(LatencyRun.Percentile(run.Latencies, 50));
    }

    public void Dispose() => Array.ForEach(_channels, channel => channel.Dispose());
}
