using Lookup.V1;

namespace Lookup.Client;

/// <summary>Options of a check.</summary>
public sealed record CheckOptions
{
    /// <summary>ISO 3166 region, for example "NL", for numbers that are not in E.164.</summary>
    public string DefaultRegion { get; init; } = "";

    /// <summary>Whether to return all reasons instead of the most binding one. Single checks only; lists return the most binding reason.</summary>
    public bool AllReasons { get; init; }

    /// <summary>Required freshness of the answer; null: the service's bound. A check with this option never reuses an earlier answer.</summary>
    public Consistency? Consistency { get; init; }

    /// <summary>A different call time or different rules. The answer is hypothetical and never permits a call.</summary>
    public WhatIf? WhatIf { get; init; }

    /// <summary>
    /// If the call is permitted, also counts it as an attempt, reserved for this long: 1 second to 1 hour; null: no reservation. Confirm
    /// the call with RecordOutcome and <see cref="CheckResult.Reservation"/>. Single checks only; such a check never reuses an earlier
    /// answer and is never hedged.
    /// </summary>
    public TimeSpan? Reserve { get; init; }

    internal static CheckOptions None { get; } = new();
}
