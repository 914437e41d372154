using Lookup.Load.Chaos.History;

namespace Lookup.Load.Chaos.Checking;

/// <summary>Judges a whole history.</summary>
internal static class HistoryChecker
{
    internal const string Allow = "ALLOW";

    /// <summary>Every breach, the earliest first.</summary>
    /// <param name="history">The events in the order in which they were kept.</param>
    /// <param name="boundMs">The service's freshness bound in milliseconds.</param>
    /// <exception cref="InvalidDataException">The history contradicts itself.</exception>
    internal static IReadOnlyList<Violation> Judge(IReadOnlyList<HistoryEvent> history, int boundMs)
    {
        var writes = new Writes(history);
        var allow = new AllowCheck(writes, boundMs);
        return
        [
            .. history.Where(told => told is { Event: EventKind.Check, Answer: Allow }).Select(allow.Judge).OfType<Violation>()
                .Concat(Doubts(history, boundMs * 1_000L))
                .Concat(FinalCheck.Judge(history, writes))
                .Concat(WatchCheck.Judge(history, writes))
                .OrderBy(violation => violation.At),
        ];
    }

    private static IEnumerable<Violation> Doubts(IReadOnlyList<HistoryEvent> history, long bound) =>
        from doubt in history
        where doubt.Event == EventKind.Doubt
        from check in history
        where check is { Event: EventKind.Check, Answer: Allow } && check.Start > doubt.Start + bound && check.At < doubt.At
        select new Violation(
            Fault.Believed, check.At, $"number {check.Number} ALLOW at instance {check.Instance}, {check.Mode}, at {AllowCheck.Seconds(check.At)}: since {AllowCheck.Seconds(doubt.Start)} {doubt.Text}.");
}
