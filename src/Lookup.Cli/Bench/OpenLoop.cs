// Purpose: latencies as callers see them.
//
// A generator that waits for an answer before it sends the next request omits exactly the requests that a slow service
// would have delayed (coordinated omission). Here the rate alone gives each request its planned time, and its latency
// counts from that time even if it is sent late.
using System.Diagnostics;
using System.Runtime.InteropServices;
using HdrHistogram;

namespace Lookup.Cli.Bench;

/// <summary>The outcome of one request.</summary>
internal enum Outcome
{
    /// <summary>A permissible answer.</summary>
    Right,

    /// <summary>A wrong answer.</summary>
    Wrong,

    /// <summary>No decision: a status, or UNKNOWN.</summary>
    Undecided,
}

/// <summary>The results of a run. Latencies are in microseconds from the planned send time.</summary>
internal sealed class LatencyRun
{
    private const long Longest = 60_000_000;
    private const int Digits = 3;

    private readonly long[] _outcomes = new long[3];

    /// <summary>Latencies of all requests.</summary>
    internal HistogramBase Latencies { get; } = Histogram();

    /// <summary>Delays of the generator itself, which are part of the latencies.</summary>
    internal HistogramBase Lateness { get; } = Histogram();

    internal long this[Outcome outcome] => Interlocked.Read(ref _outcomes[(int)outcome]);

    internal static double Percentile(HistogramBase histogram, double percentile) => histogram.GetValueAtPercentile(percentile);

    internal void Count(Outcome outcome) => Interlocked.Increment(ref _outcomes[(int)outcome]);

    internal static void Record(HistogramBase histogram, TimeSpan time) =>
        histogram.RecordValue(Math.Clamp((long)time.TotalMicroseconds, 1, Longest));

    private static HistogramBase Histogram() => HistogramFactory
        .With64BitBucketSize().WithValuesFrom(1).WithValuesUpTo(Longest).WithPrecisionOf(Digits).WithThreadSafeWrites().Create();
}

/// <summary>Sends requests at a fixed rate, without waiting for answers.</summary>
internal static partial class OpenLoop
{
    // Beyond this the service has stopped answering, and the run fails.
    private const int MaxUnanswered = 50_000;
    private const uint PauseMicroseconds = 150;

    // Wait for unanswered requests after a failed run, so that they do not disturb the next measurement.
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(10);

    /// <summary>Sends requests until <paramref name="isOver"/> returns true, then waits for every answer.</summary>
    /// <param name="perSecond">The rate.</param>
    /// <param name="call">Sends the request with this index, from 0; runs on the pacing thread, so it must not block.</param>
    /// <param name="isOver">Receives the time since the start.</param>
    /// <param name="ct">Stops sending.</param>
    /// <exception cref="InvalidOperationException">Too many requests are unanswered.</exception>
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

    // Thread.Sleep has a resolution of a millisecond, longer than a check takes.
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
