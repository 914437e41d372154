// For: latencies as callers see them.
//
// A generator that waits for an answer before it sends the next request leaves out just the requests that would have
// met a slow service (coordinated omission). Here each request has a planned time, by the rate alone, and its latency
// counts from that, sent late or not.
using System.Diagnostics;
using System.Runtime.InteropServices;
using HdrHistogram;

namespace Lookup.Cli.Bench;

/// <summary>What came of one request.</summary>
internal enum Outcome
{
    /// <summary>The answer was one of those that may be given.</summary>
    Right,

    /// <summary>An answer that must not be given.</summary>
    Wrong,

    /// <summary>No decision: a status, or UNKNOWN.</summary>
    Undecided,
}

/// <summary>What a run gave. Latencies in microseconds from the planned send.</summary>
internal sealed class LatencyRun
{
    private const long Longest = 60_000_000;
    private const int Digits = 3;

    private readonly long[] _outcomes = new long[3];

    /// <summary>Latencies of all requests.</summary>
    internal HistogramBase Latencies { get; } = Histogram();

    /// <summary>How late requests were sent: what of the latencies is the generator's own.</summary>
    internal HistogramBase Lateness { get; } = Histogram();

    internal long this[Outcome outcome] => Interlocked.Read(ref _outcomes[(int)outcome]);

    internal static double Percentile(HistogramBase histogram, double percentile) => histogram.GetValueAtPercentile(percentile);

    internal void Count(Outcome outcome) => Interlocked.Increment(ref _outcomes[(int)outcome]);

    internal static void Record(HistogramBase histogram, TimeSpan time) =>
        histogram.RecordValue(Math.Clamp((long)time.TotalMicroseconds, 1, Longest));

    private static HistogramBase Histogram() => HistogramFactory
        .With64BitBucketSize().WithValuesFrom(1).WithValuesUpTo(Longest).WithPrecisionOf(Digits).WithThreadSafeWrites().Create();
}

/// <summary>Sends requests at a fixed rate, whatever becomes of those before.</summary>
internal static partial class OpenLoop
{
    // Beyond it the service has stopped to answer, and the run is over.
    private const int MaxUnanswered = 50_000;
    private const uint PauseMicroseconds = 150;

    // What is unanswered when a run breaks off is waited for, so that it is not in the way of what is measured next.
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(10);

    /// <summary>Runs until it is over and every request has come back.</summary>
    /// <param name="perSecond">The rate.</param>
    /// <param name="call">Sends the request with a number, from 0 on; on the thread that paces, so it should come back at once.</param>
    /// <param name="isOver">Told the time since the start.</param>
    /// <param name="ct">Stops sending.</param>
    /// <exception cref="InvalidOperationException">More requests are unanswered than a service that works would leave.</exception>
    internal static async Task<LatencyRun> RunAsync(
        int perSecond, Func<long, Task<Outcome>> call, Func<TimeSpan, bool> isOver, CancellationToken ct)
    {
        var run = new LatencyRun();
        var unanswered = 0;
        var clock = Stopwatch.StartNew();
        try
        {
            await Task.Factory.StartNew(Send, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        catch (InvalidOperationException)
        {
            await DrainAsync(DrainLimit);
            throw;
        }

        await DrainAsync(Timeout.InfiniteTimeSpan);
        ct.ThrowIfCancellationRequested();
        return run;

        async Task DrainAsync(TimeSpan limit)
        {
            var begin = clock.Elapsed;
            while (Volatile.Read(ref unanswered) > 0 && (limit == Timeout.InfiniteTimeSpan || clock.Elapsed - begin < limit))
            {
                await Task.Delay(1, CancellationToken.None);
            }
        }

        void Send()
        {
            for (long sent = 0; !isOver(clock.Elapsed) && !ct.IsCancellationRequested;)
            {
                for (var due = (long)(clock.Elapsed.TotalSeconds * perSecond); sent < due; sent++)
                {
                    if (Interlocked.Increment(ref unanswered) > MaxUnanswered)
                    {
                        throw new InvalidOperationException($"{MaxUnanswered:N0} requests are unanswered.");
                    }

                    var (number, planned) = (sent, TimeSpan.FromSeconds((double)sent / perSecond));
                    _ = OneAsync(number, planned);
                }

                Pause();
            }
        }

        async Task OneAsync(long number, TimeSpan planned)
        {
            try
            {
                LatencyRun.Record(run.Lateness, clock.Elapsed - planned);
                var outcome = await call(number);
                LatencyRun.Record(run.Latencies, clock.Elapsed - planned);
                run.Count(outcome);
            }
            finally
            {
                Interlocked.Decrement(ref unanswered);
            }
        }
    }

    // Thread.Sleep wakes a millisecond later, which is more than a check takes.
    private static void Pause()
    {
        if (OperatingSystem.IsLinux())
        {
            _ = SleepMicroseconds(PauseMicroseconds);
        }
        else
        {
            Thread.Sleep(1);
        }
    }

    [DllImport("libc", EntryPoint = "usleep")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int SleepMicroseconds(uint microseconds);
}
