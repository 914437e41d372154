using Lookup.V1;

namespace Lookup.Client;

/// <summary>An event of a watch: a change, a heartbeat, or a broken connection that is being retried.</summary>
public sealed class WatchEvent
{
    private WatchEvent(Change? change, TimeSpan? freshness, LookupException? failure, string resumeToken)
    {
        Change = change;
        Freshness = freshness;
        Failure = failure;
        ResumeToken = resumeToken;
    }

    /// <summary>A change of a number's facts: remove the number from active lists, or check it again. Null for other events.</summary>
    public Change? Change { get; }

    /// <summary>A block of a number range, as it is now: check its numbers again. Null for other events.</summary>
    public KnownBlock? Block { get; private init; }

    /// <summary>
    /// For a heartbeat: age of the service's knowledge when it sent this; it grows while the store does not answer. Null for other
    /// events, and while missed changes are still being delivered.
    /// </summary>
    public TimeSpan? Freshness { get; }

    /// <summary>
    /// Why the watch is interrupted: the connection broke or could not be made, and is being retried. Null for other events.
    /// </summary>
    public LookupException? Failure { get; }

    /// <summary>
    /// Token to resume a watch after this event. Store it only after you have processed the events before it. Empty before the first
    /// event of the service.
    /// </summary>
    public string ResumeToken { get; }

    /// <summary>Whether this is a heartbeat: the watch is connected.</summary>
    public bool IsHeartbeat => Change is null && Block is null && Failure is null;

    internal static WatchEvent From(WatchResponse response) =>
        new(response.Change, Durations.Age(response.Heartbeat?.Freshness), null, response.ResumeToken) { Block = response.Block };

    internal static WatchEvent Broken(LookupException failure, string resumeToken) => new(null, null, failure, resumeToken);
}
