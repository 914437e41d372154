using Lookup.Core;

namespace Lookup.Cli.Import;

/// <summary>The names of the kinds of facts in files and options, as in the contract.</summary>
internal static class KindNames
{
    private static readonly string[] All =
    [
        "", "registration", "objection", "consent", "relation", "subscriber", "published_for_offers", "attempt", "refusal",
        "reassignment",
    ];

    /// <summary>The names, separated by commas, for messages.</summary>
    public static string List { get; } = string.Join(", ", All[1..]);

    public static IEnumerable<string> Names => All[1..];

    public static string NameOf(FactKind kind) => All[(int)kind];

    /// <summary>"an objection", for messages.</summary>
    public static string WithArticle(FactKind kind) => (NameOf(kind)[0] is 'a' or 'o' ? "an " : "a ") + NameOf(kind);

    public static bool TryParse(string text, out FactKind kind)
    {
        var index = Array.FindIndex(All, 1, name => name.Equals(text.Trim().Replace('-', '_'), StringComparison.OrdinalIgnoreCase));
        kind = index > 0 ? (FactKind)index : FactKind.None;
        return index > 0;
    }
}
