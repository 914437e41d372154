// For: calls that fail at once while the server they need is away, instead of each waiting out its time.
//
// What is watched is silence, not failures: how long answers have been waited for without a single one coming in. A slow
// server keeps answering someone, so its circuit stays closed and each call has its own limit; a dead one, a frozen one
// and a connection that leads nowhere answer nobody. After the time that a read may take, all of them are given up
// together: the circuit opens, reads under way end there and then, and calls after them are refused. The replica asks
// every server ten times a second, so silence is noticed also where no caller waits long enough to notice it.
//
// While it is open, a probe of its own waits for the server, one at a time; no call of a caller is ever used for that.
// An answer within the time of a read closes the circuit. One that comes later only says that the server is not dead:
// what hung meanwhile is answered late, and is followed by another probe at once.
//
// There is one for each server: its partitions fall silent together, those of other servers are not concerned.
namespace Lookup.Redis.Topology;

/// <summary>Refuses calls to a server that has fallen silent, until it answers again. Thread-safe.</summary>
/// <param name="silence">So long without any answer, while some are waited for, opens it; and a probe may take so long.</param>
/// <param name="clock">Measures silence.</param>
/// <param name="probe">Asks the server something small; ends when it has answered, also with an error.</param>
internal sealed class Circuit(TimeSpan silence, TimeProvider clock, Func<Task> probe) : IDisposable
{
    // What is written may wait for replicas, so a moment of silence is no reason to give it up: the probe must fail too.
    private static readonly TimeSpan WriteGrace = TimeSpan.FromMilliseconds(100);

    // The timer of the read that is given up may fire a moment before the clock says so.
    private const double TimersEarly = 0.9;

    // Between probes that could not even be sent.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly Lock _lock = new();
    private Period _period = new();
    private bool _isDisposed;

    // Since when something is waited for and nothing has come in; 0 where nothing is.
    private long _silentSince;

    /// <summary>Whether calls are refused.</summary>
    internal bool IsOpen => Volatile.Read(ref _period).IsOpen;

    /// <summary>Begins a read.</summary>
    /// <returns>Ends it when the circuit opens.</returns>
    /// <exception cref="StoreUnavailableException">It is open.</exception>
    internal CancellationToken EnterRead()
    {
        var ended = Closed().Reads.Token;
        if (Volatile.Read(ref _silentSince) == 0)
        {
            Interlocked.CompareExchange(ref _silentSince, Math.Max(1, clock.GetTimestamp()), 0);
        }

        return ended;
    }

    /// <summary>Begins a write. How long it takes says nothing about silence.</summary>
    /// <returns>Ends it when the circuit is open and the first probe is not answered either.</returns>
    /// <exception cref="StoreUnavailableException">It is open.</exception>
    internal CancellationToken EnterWrite() => Closed().Writes.Token;

    /// <summary>A call was answered within its limit.</summary>
    internal void Answered()
    {
        if (Volatile.Read(ref _silentSince) != 0)
        {
            Volatile.Write(ref _silentSince, 0);
        }
    }

    /// <summary>A read was given up without an answer. Opens the circuit where nobody else had one.</summary>
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
                // Whatever it was: the server was not reached.
                await period.Writes.CancelAsync();
                await Task.Delay(Pause, clock);
            }
        }
    }

    // From one closing to the next.
    private sealed class Period
    {
        internal CancellationTokenSource Reads { get; } = new();

        internal CancellationTokenSource Writes { get; } = new();

        internal volatile bool IsOpen;
    }
}
