using Lookup.V1;

namespace Lookup.Client;

/// <summary>Chooses the stricter of two answers to the same question.</summary>
internal static class Strictness
{
    public static CheckResponse Stricter(CheckResponse a, CheckResponse b) => Rank(a.Decision) >= Rank(b.Decision) ? a : b;

    public static ExplainResponse Stricter(ExplainResponse a, ExplainResponse b) => Rank(a.Decision) >= Rank(b.Decision) ? a : b;

    /// <summary>Returns the list with more facts, and so with more reasons to forbid.</summary>
    public static ListFactsResponse Stricter(ListFactsResponse a, ListFactsResponse b) => a.Facts.Count >= b.Facts.Count ? a : b;

    // A verdict that this version does not know permits nothing, like UNKNOWN.
    private static int Rank(Decision? decision) => decision?.Verdict switch
    {
        Verdict.Deny => 3,
        Verdict.NotCovered => 2,
        Verdict.Allow => 0,
        _ => 1,
    };
}
