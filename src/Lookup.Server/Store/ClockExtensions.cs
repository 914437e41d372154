namespace Lookup.Server.Store;

/// <summary>Time differences of a clock that may be read out of order.</summary>
internal static class ClockExtensions
{
    /// <summary>
    /// Age of something at a moment; never negative. The state may be published after the moment was taken and still be read for it:
    /// it is then as new as the moment.
    /// </summary>
    /// <param name="clock">The clock.</param>
    /// <param name="asOf">Timestamp of what has the age.</param>
    /// <param name="now">Timestamp of the moment.</param>
    internal static TimeSpan AgeAt(this TimeProvider clock, long asOf, long now) =>
        asOf >= now ? TimeSpan.Zero : clock.GetElapsedTime(asOf, now);
}
