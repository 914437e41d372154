namespace Lookup.Core.Decisions;

/// <summary>The difference between two decisions about one question under two versions of the rules.</summary>
/// <param name="From">The verdict of the first decision.</param>
/// <param name="To">The verdict of the second decision.</param>
/// <param name="Reason">The most binding reason that only one of the decisions has.</param>
/// <param name="Added">True if the second decision has the reason; false if the first has it.</param>
public readonly record struct DecisionChange(Verdict From, Verdict To, Reason Reason, bool Added)
{
    /// <summary>
    /// Compares verdicts and the codes of all reasons, not articles, versions or times. If the second decision forbids less, it reports a
    /// removed reason where there is one, otherwise an added one.
    /// </summary>
    /// <returns>Null if the decisions are equal.</returns>
    public static DecisionChange? Between(in Decision from, in Decision to)
    {
        var came = OnlyIn(to, from);
        var went = OnlyIn(from, to);
        if (from.Verdict == to.Verdict && came is null && went is null)
        {
            return null;
        }

        // Where only one side has rules, their absence is the difference that matters.
        var loosens = Strictness(to.Verdict) < Strictness(from.Verdict) && to.Primary != ReasonCode.NoRegime;
        return loosens && went is { } gone ? new DecisionChange(from.Verdict, to.Verdict, gone, Added: false)
            : came is { } added ? new DecisionChange(from.Verdict, to.Verdict, added, Added: true)
            : went is { } lost ? new DecisionChange(from.Verdict, to.Verdict, lost, Added: false)
            : new DecisionChange(from.Verdict, to.Verdict, to.ReasonAt(0), Added: true);
    }

    private static Reason? OnlyIn(in Decision one, in Decision other)
    {
        for (var i = 0; i < one.ReasonCount; i++)
        {
            if (!Has(other, one.ReasonAt(i).Code))
            {
                return one.ReasonAt(i);
            }
        }

        return null;
    }

    private static bool Has(in Decision decision, ReasonCode code)
    {
        for (var i = 0; i < decision.ReasonCount; i++)
        {
            if (decision.ReasonAt(i).Code == code)
            {
                return true;
            }
        }

        return false;
    }

    // The order in which a decision ranks verdicts: DENY before UNKNOWN before NOT_COVERED before ALLOW.
    private static int Strictness(Verdict verdict) => verdict switch
    {
        Verdict.Allow => 0,
        Verdict.NotCovered => 1,
        Verdict.Unknown => 2,
        _ => 3,
    };
}
