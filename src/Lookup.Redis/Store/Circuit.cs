namespace Lookup.Redis.Store;

/// <summary>
/// Opens after a number of timeouts in a row: calls then fail at once instead of each waiting out its time. While it
/// is open, one call at a time is let through now and then; the first success closes it.
/// </summary>
internal sealed class Circuit(int timeouts, TimeProvider clock)
{
    private static readonly TimeSpan TrialEvery = TimeSpan.FromMilliseconds(100);
    private int _inARow;
    private long _lastTrial;

    internal bool IsOpen => Volatile.Read(ref _inARow) >= timeouts;

    internal bool TryEnter()
    {
        if (!IsOpen)
            return true;
        var last = Volatile.Read(ref _lastTrial);
        return clock.GetElapsedTime(last) >= TrialEvery
            && Interlocked.CompareExchange(ref _lastTrial, clock.GetTimestamp(), last) == last;
    }

    internal void Answered()
    {
        if (Volatile.Read(ref _inARow) != 0)
            Volatile.Write(ref _inARow, 0);
    }

    internal void TimedOut()
    {
        if (Interlocked.Increment(ref _inARow) == timeouts)
            Volatile.Write(ref _lastTrial, clock.GetTimestamp());
    }
}
