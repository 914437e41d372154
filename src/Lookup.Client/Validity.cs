using Lookup.V1;

namespace Lookup.Client;

/// <summary>
/// How long an ALLOW may be used.
/// </summary>
/// <remarks>
/// The service says for how long (reusable_for; versions before it: until when and as of when, by its own clock). Here the time runs
/// from the moment before the question was sent: never longer than the service meant, however the clocks of the two machines differ.
/// Both clocks of this machine must agree that it is not over: the monotonic one stands still while the machine
/// sleeps, and the wall clock can be set back.
/// </remarks>
internal sealed class Validity
{
    private readonly TimeProvider _clock;
    private readonly long _start;
    private readonly DateTimeOffset _startOnWall;
    private readonly TimeSpan _duration;

    private Validity(TimeProvider clock, long start, DateTimeOffset startOnWall, TimeSpan duration)
    {
        _clock = clock;
        _start = start;
        _startOnWall = startOnWall;
        _duration = duration;
    }

    public bool IsOver => _clock.GetElapsedTime(_start) >= _duration || _clock.GetUtcNow() - _startOnWall >= _duration;

    /// <summary>Null where the answer permits nothing, or does not say how long.</summary>
    /// <param name="decision">What says how long.</param>
    /// <param name="verdict">The verdict; in a list the times of a chunk's ALLOWs are in a decision without one.</param>
    /// <param name="sent">The moment before the question was sent.</param>
    public static Validity? Of(Decision decision, Verdict verdict, in Moment sent)
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
