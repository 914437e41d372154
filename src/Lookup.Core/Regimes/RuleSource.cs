namespace Lookup.Core.Regimes;

/// <summary>A law, code or guideline that rules of a country rest on.</summary>
/// <param name="Key">The name that the rules of its file use for it.</param>
/// <param name="Url">Where it is published: an absolute https address.</param>
/// <param name="Verified">The day of the last check.</param>
/// <param name="Uncertain">What that check left open, in one sentence; null for nothing.</param>
public sealed record RuleSource(string Key, string Title, string Url, DateOnly Verified, string? Uncertain);
