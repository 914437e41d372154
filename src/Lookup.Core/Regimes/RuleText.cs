using System.Collections.ObjectModel;

namespace Lookup.Core.Regimes;

/// <summary>Where a rule comes from and what it says.</summary>
/// <param name="Layer">Its layer.</param>
/// <param name="Article">The article, for example "Tw 11.7(2)".</param>
/// <param name="Text">The rule in words.</param>
public sealed record RuleText(Layer Layer, string Article, string Text)
{
    // By reason code: what is said in place of the rule where the rule alone does not explain the verdict; null for none.
    private RuleText?[]? _explanations;

    /// <summary>The source of the article; null for a policy that rests on none.</summary>
    public RuleSource? Source { get; init; }

    /// <summary>What is not certain about the rule, one sentence; null for nothing.</summary>
    public string? Uncertain { get; init; }

    /// <summary>The rule in languages of its country, by language tag, for example "nl".</summary>
    public IReadOnlyDictionary<string, string> Local { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>The text that explains a verdict given for this reason.</summary>
    internal RuleText Explaining(ReasonCode code) =>
        _explanations is { } texts && (uint)code < (uint)texts.Length ? texts[(int)code] ?? this : this;

    /// <summary>The same rule with another text under one reason. It quotes nothing, so it has no local text.</summary>
    internal RuleText With(ReasonCode code, string text)
    {
        var texts = new RuleText?[Math.Max((int)code + 1, _explanations?.Length ?? 0)];
        _explanations?.CopyTo(texts, 0);
        texts[(int)code] = new RuleText(Layer, Article, text) { Source = Source };
        return this with { _explanations = texts };
    }
}
