using Lookup.Core;
using Lookup.Core.Decisions;

namespace Lookup.Server.Lists;

/// <summary>The answer for one number of a chunk.</summary>
/// <param name="Verdict">The verdict.</param>
/// <param name="Reason">The most binding reason.</param>
/// <param name="Reasons">All reasons, one bit per code.</param>
/// <param name="ValidUntil">When an ALLOW expires if no new fact is recorded, in Unix milliseconds; 0 for no end.</param>
internal readonly record struct ItemAnswer(Verdict Verdict, ReasonCode Reason, UInt128 Reasons, long ValidUntil)
{
    internal static readonly ItemAnswer Invalid = Without(Verdict.Unknown, ReasonCode.InvalidNumber);
    internal static readonly ItemAnswer Unavailable = Without(Verdict.Unknown, ReasonCode.StoreUnavailable);
    internal static readonly ItemAnswer NotFresh = Without(Verdict.Unknown, ReasonCode.NotFresh);

    internal static ItemAnswer Of(in Decision decision)
    {
        UInt128 reasons = 0;
        for (var i = 0; i < decision.ReasonCount; i++)
        {
            reasons |= UInt128.One << (int)decision.ReasonAt(i).Code;
        }

        return new ItemAnswer(decision.Verdict, decision.Primary, reasons, decision.ValidUntil);
    }

    private static ItemAnswer Without(Verdict verdict, ReasonCode reason) =>
        new(verdict, reason, UInt128.One << (int)reason, 0);
}
