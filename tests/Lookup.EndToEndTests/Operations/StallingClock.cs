
namespace Lookup.EndToEndTests.Operations;

/// <summary>A clock whose timers stop where a test says so: what waits for one hangs, as in a process that is frozen.</summary>
internal sealed class StallingClock : TimeProvider
{
    private readonly ShiftedClock _inner = new(ShiftedClock.Afternoon);

    internal volatile bool Stalled;

    public override DateTimeOffset GetUtcNow() => _inner.GetUtcNow();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        _inner.CreateTimer(
            s =>
            {
                if (!Stalled)
                {
                    callback(s);
                }
            },
            state,
            dueTime,
            period);
}
