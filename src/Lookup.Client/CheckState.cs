namespace Lookup.Client;

/// <summary>Whether a check was answered, and if not, why.</summary>
public enum CheckState
{
    /// <summary>No check was made: the value of a result that was never set.</summary>
    NotAsked = 0,

    /// <summary>The service answered; the verdict is its own.</summary>
    Answered = 1,

    /// <summary>The service could not be reached, or cannot answer now. Retry later.</summary>
    Unavailable = 2,

    /// <summary>No answer arrived within the deadline. Retry later.</summary>
    TimedOut = 3,

    /// <summary>The service is overloaded. Retry after <see cref="CheckResult.RetryAfter"/>.</summary>
    Overloaded = 4,

    /// <summary>The service rejected the request, see <see cref="CheckResult.Fields"/>. A retry does not help.</summary>
    Refused = 5,

    /// <summary>The answer was invalid, or the service failed. A retry may not help.</summary>
    Broken = 6,
}
