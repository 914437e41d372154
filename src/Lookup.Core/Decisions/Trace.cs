using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <summary>One evaluated rule.</summary>
/// <param name="Rule">Name of the rule's type, for example "register".</param>
/// <param name="Outcome">"forbids", "lifted", "does not apply", "switched off", "nothing found", "cannot tell", ...</param>
/// <param name="Detail">The facts behind the outcome, in words.</param>
public sealed record TraceStep(string Rule, Layer Layer, string Article, string Outcome, string Detail);

/// <summary>A decision and the steps that led to it.</summary>
/// <param name="Steps">The evaluated rules, in order.</param>
/// <param name="Text">Decision, reasons and steps in words.</param>
public sealed record Explanation(Decision Decision, IReadOnlyList<TraceStep> Steps, string Text);

/// <summary>Receives the steps of an evaluation. With <see cref="NoTrace"/> the compiler removes the calls.</summary>
internal interface ITrace
{
    public bool On { get; }

    public void Step(string rule, RuleText text, string outcome, string detail);

    /// <summary>Notes a fact that may lift the rule under evaluation.</summary>
    public void Note(string fact);

    /// <summary>The noted facts, in the order of evaluation; if the rule was lifted, the last one lifted it.</summary>
    public List<string>? Notes { get; }
}

internal readonly struct NoTrace : ITrace
{
    public bool On => false;

    public void Step(string rule, RuleText text, string outcome, string detail)
    {
    }

    public void Note(string fact)
    {
    }

    public List<string>? Notes => null;
}

internal readonly struct ListTrace() : ITrace
{
    public List<TraceStep> Steps { get; } = [];

    public bool On => true;

    public void Step(string rule, RuleText text, string outcome, string detail) =>
        Steps.Add(new TraceStep(rule, text.Layer, text.Article, outcome, detail));

    public List<string> Notes { get; } = [];

    public void Note(string fact) => Notes.Add(fact);
}
