namespace Lookup.Core.Clocks;

/// <summary>
/// Detects time that a process missed: its timestamps stopped while the wall clock advanced, or the wall clock was set forward when the
/// machine resumed. One caller at a time.
/// </summary>
/// <param name="clock">Provides timestamps and the wall clock.</param>
public sealed class ClockGap(TimeProvider clock)
{
    /// <summary>Smaller differences come from rounding and from clocks that are being adjusted.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromMilliseconds(50);

    private long _timestamp = clock.GetTimestamp();
    private DateTimeOffset _wall = clock.GetUtcNow();

    /// <summary>Returns the time missed since the last call; zero for none.</summary>
    public TimeSpan Missed()
    {
        var (timestamp, wall) = (clock.GetTimestamp(), clock.GetUtcNow());
        var missed = Missed(wall - _wall, clock.GetElapsedTime(_timestamp, timestamp));
        (_timestamp, _wall) = (timestamp, wall);
        return missed;
    }

    /// <summary>Returns how much more time passed elsewhere than here; zero within the tolerance.</summary>
    public static TimeSpan Missed(TimeSpan elsewhere, TimeSpan here) => elsewhere - here > Tolerance ? elsewhere - here : TimeSpan.Zero;
}
