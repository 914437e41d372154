using Google.Protobuf.WellKnownTypes;

namespace Lookup.Client;

/// <summary>Lengths of time as a service sends them. Whatever it sends, reading one never throws, and no timer gets a length that it refuses.</summary>
internal static class Durations
{
    /// <summary>The longest pause that a service can ask of this client.</summary>
    public static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    /// <summary>Reads a pause: 0 to <see cref="LongestPause"/>.</summary>
    /// <returns>Null where there is none, or it cannot be read.</returns>
    public static TimeSpan? Pause(Duration? duration) => Age(duration) is not { } time ? null : time < LongestPause ? time : LongestPause;

    /// <summary>Reads an age: 0 or more.</summary>
    /// <returns>Null where there is none, or it cannot be read.</returns>
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
            // Seconds beyond what the type allows, or parts of a second of the other sign.
            return null;
        }
    }
}
