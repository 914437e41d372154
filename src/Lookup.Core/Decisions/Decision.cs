using System.Runtime.CompilerServices;
using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <summary>One reason with the rule behind it.</summary>
/// <param name="Code">What it is.</param>
/// <param name="Text">The rule.</param>
public readonly record struct Reason(ReasonCode Code, RuleText Text);

/// <summary>What was decided. A value: deciding allocates nothing.</summary>
public struct Decision
{
    /// <summary>The most reasons that a decision carries.</summary>
    public const int MaxReasons = 8;

    /// <summary>The article of what no law or code says.</summary>
    public const string OwnPolicy = "own policy";

    private ReasonList _reasons;

    /// <summary>The verdict.</summary>
    public Verdict Verdict { get; internal set; }

    /// <summary>How many reasons there are, 1 to <see cref="MaxReasons"/>.</summary>
    public int ReasonCount { get; private set; }

    /// <summary>The rules that decided; null where no regime holds.</summary>
    public Rules? Rules { get; internal set; }

    /// <summary>ALLOW: until when (Unix ms) regime and facts keep it, if nothing new is recorded; else 0.</summary>
    public long ValidUntil { get; internal set; }

    /// <summary>DENY by hours, caps or pauses alone: the next permitted moment (Unix ms); else 0.</summary>
    public long NextPermitted { get; internal set; }

    /// <summary>A reason, the most binding first.</summary>
    public readonly Reason ReasonAt(int index) => _reasons[index];

    /// <summary>The most binding reason.</summary>
    public readonly ReasonCode Primary => _reasons[0].Code;

    /// <summary>A decision that rests on no rule, for example that the store could not be asked.</summary>
    public static Decision Without(Verdict verdict, ReasonCode code, string text, Rules? rules = null)
    {
        var decision = new Decision { Verdict = verdict, Rules = rules };
        decision.Add(code, new RuleText(Layer.Policy, OwnPolicy, text));
        return decision;
    }

    /// <summary>Adds a reason behind those of layers that bind as much or more; the least binding falls off at the end.</summary>
    internal void Add(ReasonCode code, RuleText text)
    {
        var at = ReasonCount;
        while (at > 0 && _reasons[at - 1].Text.Layer > text.Layer)
        {
            at--;
        }

        for (var i = 0; i < ReasonCount; i++)
        {
            // The same reason of a less binding layer adds nothing.
            if (_reasons[i].Code == code && i < at)
            {
                return;
            }
        }

        if (at == MaxReasons)
        {
            return;
        }

        ReasonCount = Math.Min(ReasonCount + 1, MaxReasons);
        for (var i = ReasonCount - 1; i > at; i--)
        {
            _reasons[i] = _reasons[i - 1];
        }

        _reasons[at] = new Reason(code, text.Explaining(code));
    }

    internal void ClearReasons() => ReasonCount = 0;

    [InlineArray(MaxReasons)]
    private struct ReasonList
    {
        private Reason _first;
    }
}
