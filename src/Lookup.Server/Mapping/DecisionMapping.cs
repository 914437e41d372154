using Google.Protobuf.WellKnownTypes;
using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Server.Errors;

namespace Lookup.Server.Mapping;

/// <summary>Maps decisions to the contract.</summary>
internal static class DecisionMapping
{
    /// <summary>Writes a decision.</summary>
    /// <param name="decision">The decision.</param>
    /// <param name="answer">The rest of the answer.</param>
    /// <param name="allReasons">Writes all reasons of a DENY, not only the most binding one.</param>
    internal static V1.Decision Map(in Decision decision, in AnswerContext answer, bool allReasons)
    {
        var result = new V1.Decision
        {
            Verdict = (V1.Verdict)decision.Verdict,
            Regime = decision.Rules?.Id ?? "",
            RegimeVersion = decision.Rules?.Version ?? "",
            CallTime = FieldFaults.ToTimestamp(answer.CallTime),
            Age = Duration.FromTimeSpan(answer.Age),
            ConsistencyToken = answer.Token,
            Hypothetical = answer.Hypothetical,
            TimeZone = decision.Rules?.TimeZone ?? "",
        };
        // The further reasons of an ALLOW say what it does not take into account, so they are never left out.
        var count = allReasons || decision.Verdict == Verdict.Allow ? decision.ReasonCount : Math.Min(1, decision.ReasonCount);
        for (var i = 0; i < count; i++)
        {
            result.Reasons.Add(Map(decision.ReasonAt(i)));
        }

        if (decision.ValidUntil is > 0 and < long.MaxValue)
        {
            result.ValidUntil = FieldFaults.ToTimestamp(decision.ValidUntil);
        }

        if (decision.NextPermitted > 0)
        {
            result.NextPermittedTime = FieldFaults.ToTimestamp(decision.NextPermitted);
        }

        switch (decision.Verdict)
        {
            // A hypothetical ALLOW does not permit a call, so it cannot be reused.
            case Verdict.Allow when !answer.Hypothetical:
                // A block that the registry did not have yet must not be missed for longer than the bound.
                var oldest = answer.Age > answer.RegistryAge ? answer.Age : answer.RegistryAge;
                var reusable = answer.Asked - (long)oldest.TotalMilliseconds + answer.FreshnessBoundMs;
                reusable = decision.ValidUntil > 0 ? Math.Min(reusable, decision.ValidUntil) : reusable;
                result.ReusableFor = ReusableFor(reusable, answer.Asked);
                result.ReusableUntil = result.ReusableFor is null ? null : FieldFaults.ToTimestamp(reusable);
                break;
            case Verdict.Unknown when decision.Primary is ReasonCode.StoreUnavailable or ReasonCode.NotFresh:
                result.RetryAfter = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(answer.RetryAfterMs));
                break;
        }

        return result;
    }

    /// <summary>Writes an explained decision: all reasons, each in the languages of its rule.</summary>
    internal static V1.Decision MapExplained(in Decision decision, in AnswerContext answer)
    {
        var result = Map(decision, answer, allReasons: true);
        for (var i = 0; i < decision.ReasonCount; i++)
        {
            if (decision.ReasonAt(i).Text.Local is { Count: > 0 } local)
            {
                result.Reasons[i].Local = new V1.LocalText { ByLanguage = { local.ToDictionary() } };
            }
        }

        return result;
    }

    /// <summary>Returns how long an ALLOW may be reused; null if it has expired.</summary>
    /// <param name="until">Its end, in Unix milliseconds.</param>
    /// <param name="asked">When the request arrived, in Unix milliseconds.</param>
    internal static Duration? ReusableFor(long until, long asked) =>
        until > asked ? Duration.FromTimeSpan(TimeSpan.FromMilliseconds(until - asked)) : null;

    internal static V1.TraceStep Map(TraceStep step) => new()
    {
        Rule = step.Rule,
        Layer = (V1.Layer)step.Layer,
        Article = step.Article,
        Outcome = step.Outcome,
        Detail = step.Detail,
    };

    internal static V1.Reason Map(in Reason reason) => new()
    {
        Code = (V1.ReasonCode)reason.Code,
        Layer = (V1.Layer)reason.Text.Layer,
        Article = reason.Text.Article,
        Text = reason.Text.Text,
    };
}

/// <summary>The parts of an answer other than the decision.</summary>
/// <param name="CallTime">The call time of the decision, in Unix milliseconds.</param>
/// <param name="Asked">When the request arrived, before any read, in Unix milliseconds.</param>
/// <param name="FreshnessBoundMs">How long an answer may be reused.</param>
/// <param name="RetryAfterMs">Retry delay of an UNKNOWN answer.</param>
/// <param name="Hypothetical">The request has what_if.</param>
/// <param name="Age">Age of the oldest facts used.</param>
/// <param name="RegistryAge">Age of the registry used.</param>
/// <param name="Token">Consistency token.</param>
internal readonly record struct AnswerContext(
    long CallTime, long Asked, int FreshnessBoundMs, int RetryAfterMs, bool Hypothetical, TimeSpan Age, TimeSpan RegistryAge, string Token);
