namespace Lookup.Server.Store;

/// <summary>
/// The service's clock with the store's time of day: instances whose own clocks differ a little decide and record by one
/// time. Until the store's clock was read, and where the store has none of its own, it is the own clock.
/// </summary>
internal sealed class StoreClock(TimeProvider own) : TimeProvider
{
    private long _ahead;

    /// <summary>How far the own clock is ahead of the store's; negative if it is behind.</summary>
    internal TimeSpan Ahead
    {
        get => TimeSpan.FromTicks(Interlocked.Read(ref _ahead));
        set => Interlocked.Exchange(ref _ahead, value.Ticks);
    }

    public override TimeZoneInfo LocalTimeZone => own.LocalTimeZone;

    public override long TimestampFrequency => own.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => own.GetUtcNow() - Ahead;

    public override long GetTimestamp() => own.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        own.CreateTimer(callback, state, dueTime, period);
}
