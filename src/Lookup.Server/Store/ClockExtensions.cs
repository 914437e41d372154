namespace Lookup.Server.Store;

/// <summary>Time differences for timestamps that may be taken out of order.</summary>
internal static class ClockExtensions
{
    /// <summary>
    /// Returns the age of a state at a moment; never negative. A state can be published after the moment was taken and still be
    /// read for it; its age is then zero.
    /// </summary>
    /// <param name="clock">The clock.</param>
    /// <param name="asOf">Timestamp of the state.</param>
    /// <param name="now">Timestamp of the moment.</param>
    internal static TimeSpan AgeAt(this TimeProvider clock, long asOf, long now) =>
        asOf >= now ? TimeSpan.Zero : clock.GetElapsedTime(asOf, now);
}
