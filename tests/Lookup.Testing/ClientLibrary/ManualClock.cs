namespace Lookup.Testing.ClientLibrary;

/// <summary>A clock that a test moves; the monotonic and the wall side apart, as they are in trouble. Timers are the system's.</summary>
internal sealed class ManualClock : TimeProvider
{
    public static readonly DateTimeOffset Start = new(2024, 3, 12, 14, 0, 0, TimeSpan.Zero);

    private long _timestamp;

    public DateTimeOffset Wall { get; set; } = Start;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _timestamp;

    public override DateTimeOffset GetUtcNow() => Wall;

    public void Advance(TimeSpan time)
    {
        _timestamp += time.Ticks;
        Wall += time;
    }

    /// <summary>The machine sleeps: the monotonic clock stands still.</summary>
    public void Sleep(TimeSpan time) => Wall += time;
}
