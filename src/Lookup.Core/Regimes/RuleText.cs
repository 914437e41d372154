using System.Collections.ObjectModel;

namespace Lookup.Core.Regimes;

/// <summary>The origin of a rule and the rule in words.</summary>
/// <param name="Article">The article, for example "Tw 11.7(2)".</param>
/// <param name="Text">The rule in words.</param>
public sealed record RuleText(Layer Layer, string Article, string Text)
{
    /// <summary>The article of rules that rest on no law or code.</summary>
    public const string OwnPolicy = "own policy";

    // By reason code: the text to show instead of the rule where the rule alone does not explain the verdict; null for none.
    private RuleText?[]? _explanations;

    /// <summary>The source of the article; null for a policy without a source.</summary>
    public RuleSource? Source { get; init; }

    /// <summary>What is uncertain about the rule, in one sentence; null for nothing.</summary>
    public string? Uncertain { get; init; }

    /// <summary>The rule in languages of its country, by language tag such as "nl".</summary>
    public IReadOnlyDictionary<string, string> Local { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>Returns the text that explains a verdict with this reason.</summary>
    internal RuleText Explaining(ReasonCode code) =>
        _explanations is { } texts && (uint)code < (uint)texts.Length ? texts[(int)code] ?? this : this;

    /// <summary>Returns the same rule with another text for one reason. The text is not a quotation, so it has no local form.</summary>
    internal RuleText With(ReasonCode code, string text)
    {
        var texts = new RuleText?[Math.Max((int)code + 1, _explanations?.Length ?? 0)];
        _explanations?.CopyTo(texts, 0);
        texts[(int)code] = new RuleText(Layer, Article, text) { Source = Source };
        return this with { _explanations = texts };
    }
}
