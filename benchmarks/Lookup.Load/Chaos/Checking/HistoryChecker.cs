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
                .Concat(FinalCheck.Judge(history, writes))
                .Concat(WatchCheck.Judge(history, writes))
                .OrderBy(violation => violation.At),
        ];
    }
}
