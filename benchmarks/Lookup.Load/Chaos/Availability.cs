using Lookup.Load.Chaos.History;
using Lookup.Load.Chaos.Plan;

namespace Lookup.Load.Chaos;

/// <summary>What callers saw of one kind of fault: told, not judged. Times in seconds.</summary>
/// <param name="Kind">The fault.</param>
/// <param name="Times">How often it happened.</param>
/// <param name="DecidedPercent">Share of the single checks then and shortly after that were decided.</param>
/// <param name="Undecided">What the others got, the most frequent first.</param>
/// <param name="LongestWait">Longest time until any answer.</param>
/// <param name="LateWaits">Until any answer, of the checks sent while it lasted and more than 50 ms past the freshness bound; ascending.</param>
/// <param name="Outages">For each time: from the first check without a decision to the last one; 0 if all were decided.</param>
/// <param name="Recoveries">For each time: from its end until every instance had decided an exact check.</param>
internal sealed record Availability(
    FaultKind Kind,
    int Times,
    double DecidedPercent,
    string Undecided,
    double LongestWait,
    IReadOnlyList<double> LateWaits,
    IReadOnlyList<double> Outages,
    IReadOnlyList<double> Recoveries)
{
    // What is broken is felt a little longer than it lasts.
    private const long Tail = 1_000_000;

    // By then nothing that the replica knows may decide, and the circuit must have opened.
    internal const int LateMs = ChaosRun.BoundMs + 50;

    /// <summary>By kind, over several runs.</summary>
    internal static IEnumerable<Availability> Of(IReadOnlyList<IReadOnlyList<HistoryEvent>> histories)
    {
        var faults = histories.SelectMany(Faults).ToList();
        foreach (var kind in faults.GroupBy(fault => fault.Told.Text!))
        {
            var seen = kind.SelectMany(fault => fault.Seen).ToList();
            if (seen.Count == 0)
            {
                continue;
            }

            var undecided = seen.Where(check => !Decided(check)).GroupBy(check => check.Answer!).OrderByDescending(group => group.Count())
                .Select(group => $"{group.Key} {group.Count():N0}");
            yield return new Availability(
                Enum.Parse<FaultKind>(kind.Key),
                kind.Count(),
                100.0 * seen.Count(Decided) / seen.Count,
                string.Join(", ", undecided),
                seen.Max(Wait),
                [.. kind.SelectMany(LateChecks).Select(Wait).Order()],
                [.. kind.Select(fault => Outage(fault.Seen))],
                [.. kind.Select(fault => fault.Recovered).OfType<double>()]);
        }
    }

    private static IEnumerable<(HistoryEvent Told, List<HistoryEvent> Seen, double? Recovered)> Faults(IReadOnlyList<HistoryEvent> history)
    {
        var checks = history.Where(told => told is { Event: EventKind.Check, Stream: false, Number: >= 0 }).ToList();
        foreach (var fault in history.Where(told => told.Event == EventKind.Fault))
        {
            yield return (fault, [.. checks.Where(check => check.At >= fault.Start && check.Start <= fault.At + Tail)], Recovery(checks, fault));
        }
    }

    private static IEnumerable<HistoryEvent> LateChecks((HistoryEvent Told, List<HistoryEvent> Seen, double? Recovered) fault) =>
        fault.Seen.Where(check => check.Start >= fault.Told.Start + (LateMs * 1_000) && check.Start < fault.Told.At);

    private static double Wait(HistoryEvent check) => (check.At - check.Start) / 1e6;

    private static double Outage(List<HistoryEvent> seen)
    {
        var without = seen.Where(check => !Decided(check)).ToList();
        return without.Count == 0 ? 0 : (without.Max(check => check.At) - without.Min(check => check.Start)) / 1e6;
    }

    private static double? Recovery(List<HistoryEvent> checks, HistoryEvent fault)
    {
        var first = checks.Where(check => check.Mode == ReadMode.Exact && check.Start >= fault.At && Decided(check))
            .GroupBy(check => check.Instance).Select(group => group.Min(check => check.At)).ToList();
        return first.Count == ChaosRun.Instances ? (first.Max() - fault.At) / 1e6 : null;
    }

    private static bool Decided(HistoryEvent check) => check.Answer is "ALLOW" or "DENY";
}
