// For: finding every ALLOW that no history of the store explains.
//
// Readers and writers run at once, answers may be as old as the bound, and a write that failed may have counted or not.
// So there is no one right answer; but an ALLOW must rest on a consent, and it is wrong if every consent that may have
// counted is beyond doubt outdone for this check. A consent is outdone by a write that must have counted: acknowledged
// longer than the bound before the check began (exact: before it began; token: at most of the demanded version), and
//   - an objection that is not older, unless a withdrawal of it may have counted;
//   - its withdrawal, or a newer consent, which then has to answer for itself;
//   - an erasure that began at or after the consent's own time, since the objection that it leaves is not older.
// An erasure takes objections and withdrawals away with the rest: such a write is left out where an erasure that may
// have come behind it began before the consent's time. Where a call needs no consent, it is as if one of old had been
// given that nobody can withdraw. All doubt is on the side of the service, so whatever is reported is wrong for sure.
//
// Reference: M. Herlihy, J. Wing, "Linearizability" (1990), of which this is the part for one forbidden answer.
using System.Globalization;
using Lookup.Load.Chaos.History;

namespace Lookup.Load.Chaos.Checking;

/// <summary>Judges checks that were answered ALLOW, where an objection forbids calls unless a consent is newer.</summary>
/// <param name="writes">All writes.</param>
/// <param name="boundMs">The service's freshness bound in milliseconds.</param>
internal sealed class AllowCheck(Writes writes, int boundMs)
{
    private readonly long _bound = boundMs * 1_000L;

    /// <summary>What is wrong with an ALLOW; null if it can be right.</summary>
    internal Violation? Judge(HistoryEvent check)
    {
        var ops = writes.Of(check.Number);
        if (Refuted(ops, check, ownAtOnce: false) is { } wrong)
        {
            return new Violation(Fault.WrongAllow, check.At, Describe(check, wrong));
        }

        return Refuted(ops, check, ownAtOnce: true) is { } own
            ? new Violation(Fault.OwnWrite, check.At, Describe(check, own))
            : null;
    }

    /// <summary>Why no consent can explain the ALLOW; null if one can.</summary>
    private string? Refuted(IReadOnlyList<WriteOp> ops, HistoryEvent check, bool ownAtOnce)
    {
        if (check.OptOut)
        {
            return ops.FirstOrDefault(op => Outdoes(op, null, ops, check, ownAtOnce)) is { } objection ? $"{Name(objection)} forbids it" : null;
        }

        var why = "no consent was ever written";
        var newest = long.MinValue;
        foreach (var consent in ops)
        {
            if (consent.Kind != WriteKind.Consent || consent.Refused || consent.Start >= check.At)
            {
                continue;
            }

            string outdone;
            if (consent.Until != 0 && consent.Until <= check.Wall)
            {
                outdone = $"{Name(consent)} had expired";
            }
            else if (ops.FirstOrDefault(op => Outdoes(op, consent, ops, check, ownAtOnce)) is { } by)
            {
                outdone = $"{Name(consent)} is outdone by {Name(by)}";
            }
            else
            {
                return null;
            }

            if (consent.Effective > newest)
            {
                (newest, why) = (consent.Effective, outdone);
            }
        }

        return why;
    }

    private bool Outdoes(WriteOp op, WriteOp? consent, IReadOnlyList<WriteOp> ops, HistoryEvent check, bool ownAtOnce)
    {
        if (op.Effective < (consent?.Effective ?? long.MinValue) || ReferenceEquals(op, consent) || !Counts(op, check, ownAtOnce))
        {
            return false;
        }

        return op.Kind switch
        {
            WriteKind.Erasure => true,
            WriteKind.Objection => !ops.Any(back => MayTakeBack(back, op, check)) && !MayBeErased(op, consent, ops, check),
            WriteKind.Consent or WriteKind.ConsentWithdrawal => consent is not null && !MayBeErased(op, consent, ops, check),
            _ => false,
        };
    }

    private bool Counts(WriteOp op, HistoryEvent check, bool ownAtOnce)
    {
        foreach (var ack in op.Acks)
        {
            if (ack.To <= check.At)
            {
                continue;
            }

            if (check.Mode == ReadMode.Token && ack.Version != 0 && ack.Version <= check.Version && ack.From < check.At)
            {
                return true;
            }

            var slack = check.Mode == ReadMode.Exact || (ownAtOnce && ack.Instance == check.Instance) ? 0 : _bound;
            if (ack.From + slack < check.Start)
            {
                return true;
            }
        }

        return false;
    }

    private static bool MayTakeBack(WriteOp back, WriteOp objection, HistoryEvent check) =>
        back.Kind == WriteKind.ObjectionWithdrawal && !back.Refused && back.All == objection.All
        && back.Effective > objection.Effective && back.Start < check.At;

    private static bool MayBeErased(WriteOp op, WriteOp? consent, IReadOnlyList<WriteOp> ops, HistoryEvent check) =>
        ops.Any(erasure => erasure.Kind == WriteKind.Erasure && erasure.Start < check.At && erasure.MayCountAfter(op.Start)
            && erasure.Effective < (consent?.Effective ?? long.MinValue));

    private static string Describe(HistoryEvent check, string why) => string.Create(
        CultureInfo.InvariantCulture,
        $"number {check.Number} ALLOW at instance {check.Instance}, {check.Mode}{(check.Stream ? " in a list" : "")}"
        + $"{(check.Mode == ReadMode.Token ? $" of version {check.Version}" : "")}, from {Seconds(check.Start)} to {Seconds(check.At)}: {why}.");

    internal static string Name(WriteOp op)
    {
        var acks = op.Acks.Count == 0 ? "never acknowledged" : "acknowledged " + string.Join(
            " and ",
            op.Acks.Select(ack => $"at {Seconds(ack.From)} by instance {ack.Instance} as version {ack.Version}{(ack.To == long.MaxValue ? "" : $", lost at {Seconds(ack.To)}")}"));
        return $"{op.Kind}{(op.All ? " to all" : "")} {op.Id} of {Seconds(op.Start)} ({acks})";
    }

    internal static string Seconds(long microseconds) => string.Create(CultureInfo.InvariantCulture, $"{microseconds / 1e6:F4} s");
}
