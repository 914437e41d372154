namespace Lookup.ServiceTests.Server;

/// <summary>
/// A clock that runs as the system's until a test moves or stops it; the monotonic and the wall side apart, as they are in trouble.
/// Timers are the system's.
/// </summary>
internal sealed class SteppingClock : TimeProvider
{
    private readonly ShiftedClock _inner = new(ShiftedClock.Afternoon);
    private long _offset;
    private long _stopped;
    private long _ahead;

    /// <summary>Runs before each reading of the wall clock; it may throw.</summary>
    internal Action OnWall { get; set; } = () => { };

    public override long GetTimestamp() =>
        (Interlocked.Read(ref _stopped) is not 0 and var stopped ? stopped : System.GetTimestamp()) + Interlocked.Read(ref _offset);

    public override DateTimeOffset GetUtcNow()
    {
        OnWall();
        return _inner.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref _ahead));
    }

    /// <summary>Time passes on both sides. The store's own clock stays behind, so that nothing it reads is as of now any more.</summary>
    internal void Advance(TimeSpan time)
    {
        Interlocked.Add(ref _offset, TimestampsOf(time));
        AdvanceWall(time);
    }

    /// <summary>Time passes on the wall side.</summary>
    internal void AdvanceWall(TimeSpan time) => Interlocked.Add(ref _ahead, time.Ticks);

    /// <summary>Both sides are read as they were a while ago. Of the monotonic side alone it would look like a suspended process.</summary>
    internal void StepBack(TimeSpan time) => Advance(-time);

    /// <summary>The monotonic side stands still but for <see cref="Advance"/>.</summary>
    internal void Stop() => Interlocked.Exchange(ref _stopped, System.GetTimestamp());

    private long TimestampsOf(TimeSpan time) => (long)(time.TotalSeconds * TimestampFrequency);
}
