namespace Lookup.Client;

/// <summary>Whether an answer was had, and if not, why.</summary>
public enum CheckState
{
    /// <summary>Nobody asked: the value of a result that was never set.</summary>
    NotAsked = 0,

    /// <summary>The service answered; the verdict is its own.</summary>
    Answered = 1,

    /// <summary>The service could not be reached, or cannot answer now. Ask again later.</summary>
    Unavailable = 2,

    /// <summary>No answer came within the deadline. Ask again later.</summary>
    TimedOut = 3,

    /// <summary>The service has too much to do. Ask again after <see cref="CheckResult.RetryAfter"/>.</summary>
    Overloaded = 4,

    /// <summary>The service does not take this request, see <see cref="CheckResult.Fields"/>. Asking again does not help.</summary>
    Refused = 5,

    /// <summary>The answer made no sense, or the service failed. Asking again may not help.</summary>
    Broken = 6,
}
