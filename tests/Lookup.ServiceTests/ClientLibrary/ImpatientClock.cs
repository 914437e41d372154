using System.Collections.Concurrent;

namespace Lookup.ServiceTests.ClientLibrary;

/// <summary>
/// A clock on which every wait is over after a moment of real time and has taken as long as asked for. Notes the waits.
/// </summary>
/// <param name="patience">Waits of this and longer are real: they are limits, not pauses.</param>
internal sealed class ImpatientClock(TimeSpan patience) : TimeProvider
{
    private long _skipped;

    public ConcurrentQueue<TimeSpan> Waits { get; } = [];

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref _skipped);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime == Timeout.InfiniteTimeSpan || dueTime >= patience)
        {
            return base.CreateTimer(callback, state, dueTime, period);
        }

        Waits.Enqueue(dueTime);
        Interlocked.Add(ref _skipped, dueTime.Ticks);
        return base.CreateTimer(callback, state, TimeSpan.FromMilliseconds(1), period);
    }
}
