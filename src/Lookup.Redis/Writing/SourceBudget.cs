namespace Lookup.Redis.Writing;

/// <summary>How many new sources a credential may add in a day (UTC). The store counts them for all instances.</summary>
/// <param name="Credential">The credential; empty where none is asked for.</param>
/// <param name="MaxPerDay">1 or more.</param>
public sealed record SourceBudget(string Credential, int MaxPerDay);

/// <summary>A credential has added as many new sources today as it may. Known sources are not affected.</summary>
public sealed class TooManySourcesException(SourceBudget budget)
    : Exception($"There were {budget.MaxPerDay} new sources (pairs of source and actor) today, as many as may be.");
