using Lookup.V1;

namespace Lookup.Client.Sharing;

/// <summary>Assigns the answer to a chunk to its checks.</summary>
internal static class SharedAnswer
{
    /// <summary>Whether an answer has one verdict, reason and decision for each number, and they agree.</summary>
    public static bool Matches(CheckStreamResponse answer, int count)
    {
        if (answer.Verdicts.Count != count || answer.Reasons.Count != count)
        {
            return false;
        }

        if (answer.Decisions.Count == 0)
        {
            // A service from before open.decisions: none of it is used.
            return true;
        }

        if (answer.DecisionIndexes.Count != count)
        {
            return false;
        }

        for (var i = 0; i < count; i++)
        {
            var index = answer.DecisionIndexes[i];
            if (index >= answer.Decisions.Count
                || answer.Decisions[(int)index] is not { Reasons.Count: > 0 } decision
                || decision.Verdict != answer.Verdicts[i] || decision.Reasons[0].Code != answer.Reasons[i])
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Gives each check its answer, or null if Check answers it otherwise than a list.</summary>
    /// <returns>False if the store did not answer.</returns>
    public static bool Give(CheckStreamResponse answer, SharedCheck[] checks)
    {
        var isStoreUp = true;
        for (var i = 0; i < checks.Length; i++)
        {
            if (answer.Decisions.Count == 0 || answer.Reasons[i] is ReasonCode.InvalidNumber or ReasonCode.StoreUnavailable or ReasonCode.NotFresh)
            {
                isStoreUp &= answer.Reasons[i] != ReasonCode.StoreUnavailable;
                checks[i].TrySetResult(null);
                continue;
            }

            // Checks with equal answers have the same decision.
            checks[i].TrySetResult(new CheckResponse { Number = checks[i].Number, Decision = answer.Decisions[(int)answer.DecisionIndexes[i]] });
        }

        return isStoreUp;
    }
}
