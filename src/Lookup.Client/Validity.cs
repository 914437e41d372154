using Lookup.V1;

namespace Lookup.Client;

/// <summary>
/// How long an ALLOW may be used.
/// </summary>
/// <remarks>
/// The service sends the duration (reusable_for; older versions send start and end by their own clock). It counts from the moment
/// before the request was sent, so it is never longer than the service meant, even if the clocks of the two machines differ. Neither
/// clock of this machine may show that it has ended: the monotonic clock stops while the machine sleeps, and the wall clock can be
/// set back.
/// </remarks>
internal sealed class Validity
{
    private readonly TimeProvider _clock;
    private readonly long _start;
    private readonly DateTimeOffset _startOnWall;

    private Validity(TimeProvider clock, long start, DateTimeOffset startOnWall, TimeSpan duration)
    {
        _clock = clock;
        _start = start;
        _startOnWall = startOnWall;
        Duration = duration;
    }

    /// <summary>How long the answer may be used, from before the request was sent.</summary>
    public TimeSpan Duration { get; }

    public bool HasEnded => _clock.GetElapsedTime(_start) >= Duration || _clock.GetUtcNow() - _startOnWall >= Duration;

    /// <summary>Creates the validity of an answer; null if it permits no call or has no duration.</summary>
    /// <param name="decision">The decision with the duration.</param>
    /// <param name="verdict">The verdict; in a list, the shared decision of a chunk has none.</param>
    /// <param name="sent">The moment before the request was sent.</param>
    public static Validity? From(Decision decision, Verdict verdict, in Moment sent)
    {
        if (verdict is not Verdict.Allow || decision.Hypothetical)
        {
            return null;
        }

        var span = decision.ReusableFor;
        if (span is null && decision is { CallTime: not null, ReusableUntil: not null })
        {
            span = decision.ReusableUntil - decision.CallTime;
        }

        return Durations.Age(span) is { } duration && duration > TimeSpan.Zero ? new Validity(sent.Clock, sent.Timestamp, sent.Wall, duration) : null;
    }
}

/// <summary>A moment on both clocks of this machine.</summary>
internal readonly record struct Moment(TimeProvider Clock, long Timestamp, DateTimeOffset Wall)
{
    public static Moment Now(TimeProvider clock) => new(clock, clock.GetTimestamp(), clock.GetUtcNow());
}
