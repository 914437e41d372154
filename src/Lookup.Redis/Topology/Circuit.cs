// For: failing calls immediately while their server is away, instead of letting each wait for its time limit.
//
// The circuit watches silence, not failures: how long calls have been waiting without a single answer. A slow server still
// answers some calls, so its circuit stays closed and each call has its own limit; a dead or frozen server, or a connection
// that leads nowhere, answers none. After the time limit of a read, all waiting calls are given up together: the circuit
// opens, the reads in progress end, and later calls are rejected. The filter replica polls every server ten times a second,
// so silence is noticed even when no caller waits long enough to notice it.
//
// While the circuit is open, one probe at a time waits for the server; calls of callers are never used as probes. An answer
// within the time limit of a read closes the circuit. A later answer only shows that the server is not dead: it flushes what
// was stuck, and the next probe follows immediately.
//
// Each server has its own circuit: its partitions fall silent together, and those of other servers are not affected.
namespace Lookup.Redis.Topology;

/// <summary>Rejects calls to a server that has fallen silent, until it answers again. Thread-safe.</summary>
/// <param name="silence">Time without any answer to waiting calls after which the circuit opens; also the limit of a probe.</param>
/// <param name="clock">Measures silence.</param>
/// <param name="probe">Sends a small request; ends when the server has answered, also with an error.</param>
internal sealed class Circuit(TimeSpan silence, TimeProvider clock, Func<Task> probe) : IDisposable
{
    // A write may wait for replicas, so a moment of silence alone does not cancel it: the first probe must fail too.
    private static readonly TimeSpan WriteGrace = TimeSpan.FromMilliseconds(100);

    // A read's timer may fire slightly before the clock reaches the limit.
    private const double TimersEarly = 0.9;

    // Pause between probes that could not be sent.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly Lock _lock = new();
    private Period _period = new();
    private bool _isDisposed;

    // Start of the current wait without any answer; 0 if nothing waits.
    private long _silentSince;

    /// <summary>True while calls are rejected.</summary>
    internal bool IsOpen => Volatile.Read(ref _period).IsOpen;

    /// <summary>Starts a read.</summary>
    /// <returns>A token that is cancelled when the circuit opens.</returns>
    /// <exception cref="StoreUnavailableException">The circuit is open.</exception>
    internal CancellationToken EnterRead()
    {
        var ended = Closed().Reads.Token;
        if (Volatile.Read(ref _silentSince) == 0)
        {
            Interlocked.CompareExchange(ref _silentSince, Math.Max(1, clock.GetTimestamp()), 0);
        }

        return ended;
    }

    /// <summary>Starts a write. Its duration does not count as silence.</summary>
    /// <returns>A token that is cancelled when the circuit is open and the first probe has failed.</returns>
    /// <exception cref="StoreUnavailableException">The circuit is open.</exception>
    internal CancellationToken EnterWrite() => Closed().Writes.Token;

    /// <summary>Reports that a call was answered within its limit.</summary>
    internal void Answered()
    {
        if (Volatile.Read(ref _silentSince) != 0)
        {
            Volatile.Write(ref _silentSince, 0);
        }
    }

    /// <summary>Reports that a read got no answer within its limit. Opens the circuit if no other call got one either.</summary>
    internal void Missed()
    {
        var since = Volatile.Read(ref _silentSince);
        if (since == 0 || clock.GetElapsedTime(since) < silence * TimersEarly)
        {
            return;
        }

        Period period;
        lock (_lock)
        {
            period = _period;
            if (period.IsOpen || _isDisposed)
            {
                return;
            }

            period.IsOpen = true;
        }

        _ = period.Reads.CancelAsync();
        _ = ProbeAsync(period);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
        }
    }

    private Period Closed()
    {
        var period = Volatile.Read(ref _period);
        return period.IsOpen ? throw RedisFaults.Open() : period;
    }

    private async Task ProbeAsync(Period period)
    {
        while (!Volatile.Read(ref _isDisposed))
        {
            var sent = clock.GetTimestamp();
            try
            {
                var answer = probe();
                if (await Task.WhenAny(answer, Task.Delay(WriteGrace, clock)) != answer)
                {
                    await period.Writes.CancelAsync();
                }

                await answer;
                if (clock.GetElapsedTime(sent) < silence)
                {
                    Volatile.Write(ref _silentSince, 0);
                    Volatile.Write(ref _period, new Period());
                    return;
                }
            }
            catch (Exception)
            {
                // Any failure means that the server was not reached.
                await period.Writes.CancelAsync();
                await Task.Delay(Pause, clock);
            }
        }
    }

    // The time from one closing of the circuit to the next.
    private sealed class Period
    {
        internal CancellationTokenSource Reads { get; } = new();

        internal CancellationTokenSource Writes { get; } = new();

        internal volatile bool IsOpen;
    }
}
