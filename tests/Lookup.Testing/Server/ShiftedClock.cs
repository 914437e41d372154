namespace Lookup.Testing.Server;

/// <summary>A clock that runs as the system's does, from another moment on. Timers are the system's.</summary>
internal sealed class ShiftedClock(DateTimeOffset start) : TimeProvider
{
    /// <summary>A Tuesday afternoon in the Netherlands, while consent is needed and customers may be called.</summary>
    internal static readonly DateTimeOffset Afternoon = new(2024, 3, 12, 14, 0, 0, TimeSpan.FromHours(1));

    private readonly long _begin = System.GetTimestamp();

    public override DateTimeOffset GetUtcNow() => start.ToUniversalTime() + System.GetElapsedTime(_begin);
}
