using Lookup.Load.Chaos.History;

namespace Lookup.Load.Chaos.Checking;

/// <summary>
/// Whether each consumer of Watch was told of every acknowledged change, once or more, and of those of a number in order.
/// From when it begins to watch until it is told that it lost continuity, nothing may be missing.
/// </summary>
internal static class WatchCheck
{
    internal static IEnumerable<Violation> Judge(IReadOnlyList<HistoryEvent> history, Writes writes)
    {
        foreach (var consumer in history.Where(told => told.Event is EventKind.Watching or EventKind.Watched or EventKind.WatchEnded)
            .GroupBy(told => told.Consumer))
        {
            HistoryEvent? begun = null;
            var told = new List<HistoryEvent>();
            foreach (var next in consumer)
            {
                switch (next.Event)
                {
                    case EventKind.Watching:
                        (begun, told) = (next, []);
                        break;
                    case EventKind.Watched:
                        told.Add(next);
                        break;
                    default:
                        // Told that something is missing, it knows; only the end of the run leaves nothing open.
                        foreach (var violation in begun is null ? [] : Judge(begun, told, next, writes))
                        {
                            yield return violation;
                        }

                        begun = null;
                        break;
                }
            }
        }
    }

    private static IEnumerable<Violation> Judge(HistoryEvent begun, List<HistoryEvent> told, HistoryEvent ended, Writes writes)
    {
        var byNumber = told.ToLookup(change => change.Number);
        foreach (var number in writes.Numbers)
        {
            var first = new List<(WriteOp Op, long Place)>();
            foreach (var op in writes.Of(number).Where(op => Concerns(op, begun, ended)))
            {
                // What one message tells has one time.
                var place = byNumber[number].Where(change => IsOf(change, op)).Select(change => change.At).FirstOrDefault(-1);
                if (place >= 0)
                {
                    first.Add((op, place));
                }
                else if (ended.Text is null && WasDue(op, number, ended))
                {
                    yield return new Violation(Fault.WatchMissed, ended.At, $"consumer {begun.Consumer}, watching since {AllowCheck.Seconds(begun.At)}, was not told of {AllowCheck.Name(op)} about number {number}.");
                }
            }

            foreach (var (earlier, place) in first)
            {
                if (first.FirstOrDefault(later => earlier.Acks[0].From < later.Op.Start && later.Place < place).Op is { } before)
                {
                    yield return new Violation(Fault.WatchOrder, ended.At, $"consumer {begun.Consumer} was told of {AllowCheck.Name(before)} before {AllowCheck.Name(earlier)}.");
                }
            }
        }
    }

    // A consumer that the end of the run cut off was told everything only up to the versions of its last token.
    private static bool WasDue(WriteOp op, int number, HistoryEvent ended) =>
        ended.Reached is not { } reached || (op.Acks[0].Version is > 0 and var version && version <= reached[number]);

    // What was sent again, or lost with an older copy, may have been told at any time, or changed nothing.
    private static bool Concerns(WriteOp op, HistoryEvent begun, HistoryEvent ended) =>
        op.Start > begun.At && op is { Late: false, Refused: false, Acks.Count: 1 } && op.Stands && !op.Acks[0].Unchanged
        && op.Acks[0].From < ended.At;

    private static bool IsOf(HistoryEvent change, WriteOp op) => op.Kind == WriteKind.Erasure
        ? change.Write == WriteKind.Objection && change.All && change.Effective >= op.Effective
        : change.Write == op.Kind && change.All == op.All && change.Effective == op.Effective;
}
