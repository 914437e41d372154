namespace Lookup.Load.Chaos.Checking;

/// <summary>What must never be.</summary>
internal enum Fault
{
    /// <summary>A call was permitted that an acknowledged fact forbids.</summary>
    WrongAllow,

    /// <summary>An instance did not see at once what was written through it.</summary>
    OwnWrite,

    /// <summary>An instance went on although the store lacked what it had seen.</summary>
    Believed,

    /// <summary>An acknowledged fact is gone.</summary>
    LostFact,

    /// <summary>A fact is there that nobody wrote, or that was erased.</summary>
    StrangeFact,

    /// <summary>A consumer of Watch was not told of an acknowledged change.</summary>
    WatchMissed,

    /// <summary>A consumer of Watch was told of changes of a number in another order than they were made.</summary>
    WatchOrder,
}

/// <summary>One breach.</summary>
/// <param name="Fault">What.</param>
/// <param name="At">When, in microseconds of the run.</param>
/// <param name="Text">The events that show it.</param>
internal sealed record Violation(Fault Fault, long At, string Text);
