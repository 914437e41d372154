namespace Lookup.Server.Store;

/// <summary>
/// The service's clock, adjusted to the store's time of day, so that instances with slightly different clocks decide and record by
/// one time. Equals the machine's clock until the store's clock was read, and if the store has none.
/// </summary>
internal sealed class StoreClock(TimeProvider own) : TimeProvider
{
    private long _ahead;

    /// <summary>How far the machine's clock is ahead of the store's; negative if it is behind.</summary>
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
