using Lookup.V1;

namespace Lookup.Client;

/// <summary>Which of two answers to the same question counts.</summary>
internal static class Strictness
{
    public static CheckResponse Stricter(CheckResponse a, CheckResponse b) => Rank(a.Decision) >= Rank(b.Decision) ? a : b;

    public static ExplainResponse Stricter(ExplainResponse a, ExplainResponse b) => Rank(a.Decision) >= Rank(b.Decision) ? a : b;

    /// <summary>What more is known from. Of two lists of facts the longer has more reasons in it.</summary>
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
