namespace Lookup.Core.Decisions;

/// <summary>What differs between two decisions of one question under two versions of the rules.</summary>
/// <param name="From">The verdict of the first.</param>
/// <param name="To">The verdict of the second.</param>
/// <param name="Reason">The reason that tells them apart: the most binding one of those that only one of them has.</param>
/// <param name="Added">The second has it; else the first had it.</param>
public readonly record struct DecisionChange(Verdict From, Verdict To, Reason Reason, bool Added)
{
    /// <summary>
    /// Compares verdicts and the codes of all reasons. Where the second forbids less, the reason is one that went, where there is
    /// one; else it is one that came. Articles, versions and times are not compared.
    /// </summary>
    /// <returns>Null where nothing differs.</returns>
    public static DecisionChange? Between(in Decision from, in Decision to)
    {
        var came = OnlyIn(to, from);
        var went = OnlyIn(from, to);
        if (from.Verdict == to.Verdict && came is null && went is null)
        {
            return null;
        }

        // Without rules nothing is forbidden, and nothing permitted either: that there are none is what matters.
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

    // As a decision ranks them: DENY before UNKNOWN before NOT_COVERED before ALLOW.
    private static int Strictness(Verdict verdict) => verdict switch
    {
        Verdict.Allow => 0,
        Verdict.NotCovered => 1,
        Verdict.Unknown => 2,
        _ => 3,
    };
}
