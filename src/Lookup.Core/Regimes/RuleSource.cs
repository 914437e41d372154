namespace Lookup.Core.Regimes;

/// <summary>A text of law, a code or a guideline that rules of a country rest on.</summary>
/// <param name="Key">The name by which the rules of its file refer to it.</param>
/// <param name="Title">What it is called.</param>
/// <param name="Url">Where it is published: an absolute https address.</param>
/// <param name="Verified">The day on which it was last checked.</param>
/// <param name="Uncertain">What that check left open, one sentence; null for nothing.</param>
public sealed record RuleSource(string Key, string Title, string Url, DateOnly Verified, string? Uncertain);
