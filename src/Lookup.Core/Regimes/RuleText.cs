using Lookup.Core.Decisions;

namespace Lookup.Core.Regimes;

/// <summary>Where a rule comes from and what it says.</summary>
/// <param name="Layer">Its layer.</param>
/// <param name="Article">The article, for example "Tw 11.7(2)".</param>
/// <param name="Text">The rule in words.</param>
public sealed record RuleText(Layer Layer, string Article, string Text)
{
    /// <summary>The source of the article; null for a policy that rests on none.</summary>
    public RuleSource? Source { get; init; }

    /// <summary>What is not certain about the rule, one sentence; null for nothing.</summary>
    public string? Uncertain { get; init; }
}
