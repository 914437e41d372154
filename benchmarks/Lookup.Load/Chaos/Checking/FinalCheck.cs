using Lookup.Load.Chaos.History;

namespace Lookup.Load.Chaos.Checking;

/// <summary>Compares what is listed of each number at the end with what was acknowledged.</summary>
internal static class FinalCheck
{
    // A timeline keeps its newest seven versions and its oldest.
    private const int NewestKept = 7;

    internal static IEnumerable<Violation> Judge(IReadOnlyList<HistoryEvent> history, Writes writes)
    {
        var found = history.Where(told => told.Event == EventKind.Found).ToLookup(told => told.Number);
        foreach (var listed in history.Where(told => told.Event == EventKind.Listed))
        {
            foreach (var violation in Judge(listed, writes.Of(listed.Number), [.. found[listed.Number]]))
            {
                yield return violation;
            }
        }

        // A number that could not be listed shows nothing, which is no proof.
        var asked = history.Where(told => told.Event == EventKind.Listed).Select(told => told.Number).ToHashSet();
        foreach (var number in writes.Numbers.Where(number => !asked.Contains(number)))
        {
            yield return new Violation(Fault.LostFact, history[^1].At, $"number {number} could not be listed at the end.");
        }
    }

    private static IEnumerable<Violation> Judge(HistoryEvent listed, IReadOnlyList<WriteOp> ops, List<HistoryEvent> found)
    {
        foreach (var op in ops)
        {
            var there = op.Kind == WriteKind.Erasure
                ? found.Exists(fact => fact.Write == WriteKind.Objection && fact.All && fact.Effective >= op.Effective)
                : found.Exists(fact => IsOf(fact, op));
            if (!there && op.Stands && (op.Kind == WriteKind.Erasure || MustBeThere(op, ops)))
            {
                yield return new Violation(Fault.LostFact, listed.At, $"number {listed.Number} has lost {AllowCheck.Name(op)}.");
            }

            if (there && op.Kind != WriteKind.Erasure && ops.FirstOrDefault(erasure => MustHaveErased(erasure, op)) is { } by)
            {
                yield return new Violation(
                    Fault.StrangeFact, listed.At, $"number {listed.Number} still has {AllowCheck.Name(op)} after {AllowCheck.Name(by)}.");
            }
        }

        foreach (var fact in found)
        {
            if (!ops.Any(op => IsOf(fact, op) || IsLeftBy(fact, op)))
            {
                yield return new Violation(Fault.StrangeFact, listed.At, $"number {listed.Number} has {fact.Write} of {fact.Effective}, which nobody wrote.");
            }
        }
    }

    private static bool MustBeThere(WriteOp op, IReadOnlyList<WriteOp> ops) =>
        !ops.Any(erasure => erasure.Kind == WriteKind.Erasure && erasure.MayCountAfter(op.Start))
        && ops.Count(other => !other.Refused && Timeline(other.Kind) == Timeline(op.Kind) && other.All == op.All && other.Effective > op.Effective) < NewestKept;

    private static bool MustHaveErased(WriteOp erasure, WriteOp op) =>
        erasure.Kind == WriteKind.Erasure && erasure.Stands && !op.Late && !op.MayCountAfter(erasure.Start);

    private static bool IsOf(HistoryEvent fact, WriteOp op) =>
        fact.Write == op.Kind && fact.All == op.All && fact.Effective == op.Effective && !op.Refused;

    // It leaves an objection as of its moment, and one of all times.
    private static bool IsLeftBy(HistoryEvent fact, WriteOp op) =>
        op.Kind == WriteKind.Erasure && fact.Write == WriteKind.Objection && fact.All && (fact.Effective == 0 || fact.Effective >= op.Effective);

    // Erasures leave objections to all.
    private static WriteKind Timeline(WriteKind kind) => kind switch
    {
        WriteKind.ConsentWithdrawal => WriteKind.Consent,
        WriteKind.ObjectionWithdrawal or WriteKind.Erasure => WriteKind.Objection,
        _ => kind,
    };
}
