using Lookup.V1;

namespace Lookup.Client;

/// <summary>What a check may ask for besides the question.</summary>
public sealed record CheckOptions
{
    /// <summary>ISO 3166 region, for example "NL", for numbers that are not in E.164.</summary>
    public string DefaultRegion { get; init; } = "";

    /// <summary>All reasons, not just the most binding one. For single checks; a list gives the most binding one.</summary>
    public bool AllReasons { get; init; }

    /// <summary>How fresh the answer must be; null: within the service's bound. Such a check is never answered from an earlier one.</summary>
    public Consistency? Consistency { get; init; }

    /// <summary>Another call time or other rules. The answer is hypothetical and never permits a call.</summary>
    public WhatIf? WhatIf { get; init; }

    /// <summary>
    /// Counts the call in the same step if it is permitted, for so long: 1 second to 1 hour; null: does not count it. Tell with
    /// RecordOutcome, and <see cref="CheckResult.Reservation"/>, that it was placed. For single checks; never answered from an earlier
    /// one, and asked once.
    /// </summary>
    public TimeSpan? Reserve { get; init; }

    internal static CheckOptions None { get; } = new();
}
