
namespace Lookup.ServiceTests.Access;

/// <summary>A clock that runs as the system's does from an afternoon on, and can be moved on. Timers are the system's.</summary>
internal sealed class SteppedClock : TimeProvider
{
    private readonly ShiftedClock _clock = new(ShiftedClock.Afternoon);
    private long _ticks;

    internal void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);

    public override DateTimeOffset GetUtcNow() => _clock.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref _ticks));
}
