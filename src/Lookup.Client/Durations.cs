using Google.Protobuf.WellKnownTypes;

namespace Lookup.Client;

/// <summary>Reads durations of a service. Never throws, and never returns a duration that a timer would reject.</summary>
internal static class Durations
{
    /// <summary>The longest pause that a service can request.</summary>
    public static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    /// <summary>Reads a pause: 0 to <see cref="LongestPause"/>.</summary>
    /// <returns>Null if it is absent or invalid.</returns>
    public static TimeSpan? Pause(Duration? duration) => Age(duration) is not { } time ? null : time < LongestPause ? time : LongestPause;

    /// <summary>Reads an age: 0 or more.</summary>
    /// <returns>Null if it is absent or invalid.</returns>
    public static TimeSpan? Age(Duration? duration)
    {
        if (duration is null)
        {
            return null;
        }

        try
        {
            var time = duration.ToTimeSpan();
            return time > TimeSpan.Zero ? time : TimeSpan.Zero;
        }
        catch (InvalidOperationException)
        {
            // Seconds out of range, or nanoseconds of the other sign.
            return null;
        }
    }
}
