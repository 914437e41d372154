using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <summary>One rule that was looked at.</summary>
/// <param name="Rule">Name of the rule, for example "register".</param>
/// <param name="Layer">Its layer.</param>
/// <param name="Article">Its article.</param>
/// <param name="Outcome">"forbids", "lifted", "does not apply", "switched off", "nothing found", "cannot tell", ...</param>
/// <param name="Detail">What it rested on, in words.</param>
public sealed record TraceStep(string Rule, Layer Layer, string Article, string Outcome, string Detail);

/// <summary>A decision with the way to it.</summary>
/// <param name="Decision">The decision.</param>
/// <param name="Steps">The rules looked at, in order.</param>
/// <param name="Text">The whole in words.</param>
public sealed record Explanation(Decision Decision, IReadOnlyList<TraceStep> Steps, string Text);

/// <summary>Where the evaluation tells its steps; the one that tells nobody is compiled away.</summary>
internal interface ITrace
{
    public bool On { get; }

    public void Step(string rule, RuleText text, string outcome, string detail);
}

internal readonly struct NoTrace : ITrace
{
    public bool On => false;

    public void Step(string rule, RuleText text, string outcome, string detail)
    {
    }
}

internal readonly struct ListTrace() : ITrace
{
    public List<TraceStep> Steps { get; } = [];

    public bool On => true;

    public void Step(string rule, RuleText text, string outcome, string detail) =>
        Steps.Add(new TraceStep(rule, text.Layer, text.Article, outcome, detail));
}
