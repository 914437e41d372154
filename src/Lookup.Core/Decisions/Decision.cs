using System.Runtime.CompilerServices;
using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <summary>A reason and the rule behind it.</summary>
public readonly record struct Reason(ReasonCode Code, RuleText Text);

/// <summary>The result of a decision. A value type: deciding allocates nothing.</summary>
public struct Decision
{
    /// <summary>The largest number of reasons in a decision.</summary>
    public const int MaxReasons = 8;

    private ReasonList _reasons;

    /// <summary>The verdict.</summary>
    public Verdict Verdict { get; internal set; }

    /// <summary>The number of reasons, 1 to <see cref="MaxReasons"/>.</summary>
    public int ReasonCount { get; private set; }

    /// <summary>The rules that decided; null if no regime applies.</summary>
    public Rules? Rules { get; internal set; }

    /// <summary>
    /// ALLOW: the time (Unix ms) up to which regime and facts keep permitting the call unless something new is recorded; else 0.
    /// </summary>
    public long ValidUntil { get; internal set; }

    /// <summary>DENY only because of hours, caps or pauses: the next permitted time (Unix ms); else 0.</summary>
    public long NextPermitted { get; internal set; }

    /// <summary>Returns a reason; index 0 is the most binding one.</summary>
    public readonly Reason ReasonAt(int index) => _reasons[index];

    /// <summary>The code of the most binding reason.</summary>
    public readonly ReasonCode Primary => _reasons[0].Code;

    /// <summary>Makes a decision that rests on no rule, for example because the store is unavailable.</summary>
    public static Decision Without(Verdict verdict, ReasonCode code, string text, Rules? rules = null)
    {
        var decision = new Decision { Verdict = verdict, Rules = rules };
        decision.Add(code, new RuleText(Layer.Policy, RuleText.OwnPolicy, text));
        return decision;
    }

    /// <summary>Inserts a reason after those of layers that bind as much or more; when full, drops the least binding one.</summary>
    internal void Add(ReasonCode code, RuleText text)
    {
        var at = ReasonCount;
        while (at > 0 && _reasons[at - 1].Text.Layer > text.Layer)
        {
            at--;
        }

        for (var i = 0; i < ReasonCount; i++)
        {
            // The same reason in a less binding layer adds nothing.
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

    [InlineArray(MaxReasons)]
    private struct ReasonList
    {
        private Reason _first;
    }
}
