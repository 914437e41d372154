namespace Lookup.Redis.Writing;

/// <summary>Limits the new sources that a credential may add per day (UTC). The store counts them for all instances.</summary>
/// <param name="Credential">The credential; empty if none is required.</param>
/// <param name="MaxPerDay">1 or more.</param>
public sealed record SourceBudget(string Credential, int MaxPerDay);

/// <summary>Thrown when a credential has added the maximum of new sources today. Known sources are not affected.</summary>
public sealed class TooManySourcesException(SourceBudget budget)
    : Exception($"The limit of {budget.MaxPerDay} new sources (pairs of source and actor) per day is reached.");
