using Lookup.V1;

namespace Lookup.Client;

/// <summary>What a watch tells: a change, a heartbeat, or that its connection broke and is being made anew.</summary>
public sealed class WatchEvent
{
    private WatchEvent(Change? change, TimeSpan? freshness, LookupException? failure, string resumeToken)
    {
        Change = change;
        Freshness = freshness;
        Failure = failure;
        ResumeToken = resumeToken;
    }

    /// <summary>Something new is known of a number: take it off the active lists, or check it again. Null for other events.</summary>
    public Change? Change { get; }

    /// <summary>
    /// Of a heartbeat: so old is what the service told, when it sent this; it grows while the store does not answer. Null for other
    /// events, and while what was missed is still being told.
    /// </summary>
    public TimeSpan? Freshness { get; }

    /// <summary>
    /// Why nothing is heard at this moment: the connection broke or could not be made, and is tried again. Null for other events.
    /// </summary>
    public LookupException? Failure { get; }

    /// <summary>
    /// Continues a watch after this event. Keep it only when what came before it is done with. Empty where nothing was told yet.
    /// </summary>
    public string ResumeToken { get; }

    /// <summary>The watch stands: the service sent this.</summary>
    public bool IsHeartbeat => Change is null && Failure is null;

    internal static WatchEvent Of(WatchResponse response) =>
        new(response.Change, Durations.Age(response.Heartbeat?.Freshness), null, response.ResumeToken);

    internal static WatchEvent Broken(LookupException failure, string resumeToken) => new(null, null, failure, resumeToken);
}
