namespace Lookup.Core.Clocks;

/// <summary>
/// Finds time that a process missed: its timestamps stood still while the wall clock went on, or was set forward when the
/// machine was resumed. One caller at a time.
/// </summary>
/// <param name="clock">Has both.</param>
public sealed class ClockGap(TimeProvider clock)
{
    /// <summary>Differences up to this come from rounding, and from clocks that are slowly set right.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromMilliseconds(50);

    private long _timestamp = clock.GetTimestamp();
    private DateTimeOffset _wall = clock.GetUtcNow();

    /// <summary>Time that was missed since the last call; zero for none.</summary>
    public TimeSpan Missed()
    {
        var (timestamp, wall) = (clock.GetTimestamp(), clock.GetUtcNow());
        var missed = Missed(wall - _wall, clock.GetElapsedTime(_timestamp, timestamp));
        (_timestamp, _wall) = (timestamp, wall);
        return missed;
    }

    /// <summary>How much more time went by elsewhere than here; zero within the tolerance.</summary>
    public static TimeSpan Missed(TimeSpan elsewhere, TimeSpan here) => elsewhere - here > Tolerance ? elsewhere - here : TimeSpan.Zero;
}
