// For: how much a service can do, and how long one call takes when nothing else is under way.
//
// Each of a fixed number of callers sends its next request when it has the answer to the one before. That finds the most a
// service does; its latencies under load leave out what a caller at a fixed rate would have waited, see OpenLoop.
using System.Diagnostics;
using Lookup.Cli.Bench;

namespace Lookup.Load.Latency;

/// <summary>Sends requests as fast as they are answered.</summary>
internal static class ClosedLoop
{
    /// <summary>Runs for a time and until every request has come back.</summary>
    /// <param name="callers">Requests under way.</param>
    /// <param name="call">Sends the next request of a caller: told which caller, from 0 on, and which request in all.</param>
    /// <param name="time">After it no request is sent.</param>
    /// <param name="ct">Stops sending.</param>
    /// <returns>Latencies from the send, and the seconds from the first send to the last answer.</returns>
    internal static async Task<(LatencyRun Run, double Seconds)> RunAsync(
        int callers, Func<int, long, Task<Outcome>> call, TimeSpan time, CancellationToken ct)
    {
        var run = new LatencyRun();
        long sent = 0;
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(
            async () =>
            {
                while (clock.Elapsed < time && !ct.IsCancellationRequested)
                {
                    var begin = Stopwatch.GetTimestamp();
                    var outcome = await call(caller, Interlocked.Increment(ref sent) - 1);
                    LatencyRun.Record(run.Latencies, Stopwatch.GetElapsedTime(begin));
                    run.Count(outcome);
                }
            },
            CancellationToken.None)));
        ct.ThrowIfCancellationRequested();
        return (run, clock.Elapsed.TotalSeconds);
    }
}
