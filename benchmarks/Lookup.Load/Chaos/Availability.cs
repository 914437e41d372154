using Lookup.Load.Chaos.History;
using Lookup.Load.Results;

namespace Lookup.Load.Chaos;

/// <summary>What callers saw while each kind of fault lasted: told, not judged.</summary>
internal static class Availability
{
    // What is broken is felt a little longer than it lasts.
    private const long Tail = 1_000_000;

    internal static IEnumerable<Metric> Of(IReadOnlyList<HistoryEvent> history)
    {
        var checks = history.Where(told => told is { Event: EventKind.Check, Stream: false, Number: >= 0 }).ToList();
        foreach (var kind in history.Where(told => told.Event == EventKind.Fault).GroupBy(told => told.Text!).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            var seen = kind.SelectMany(fault => checks.Where(check => check.At >= fault.Start && check.Start <= fault.At + Tail)).ToList();
            if (seen.Count == 0)
                continue;
            var answers = seen.GroupBy(check => check.Answer!).OrderByDescending(group => group.Count())
                .Select(group => $"{group.Key} {group.Count():N0}");
            yield return new Metric($"chaos_{Snake(kind.Key)}_decided", "%", new Series(100.0 * seen.Count(Decided) / seen.Count))
            {
                Note = $"{kind.Count()} times; single checks then and in the second after: {string.Join(", ", answers)}. Longest wait {seen.Max(check => check.At - check.Start) / 1e3:N0} ms.",
            };
            var recovery = kind.Select(fault => Recovered(checks, fault)).OfType<double>().ToList();
            if (recovery.Count > 0)
                yield return new Metric($"chaos_{Snake(kind.Key)}_recovery", "s", new Series(recovery)) { Note = "From the end of the fault, with what an operator did, until each instance has decided an exact check." };
        }
    }

    private static double? Recovered(List<HistoryEvent> checks, HistoryEvent fault)
    {
        var first = checks.Where(check => check.Mode == ReadMode.Exact && check.Start >= fault.At && Decided(check))
            .GroupBy(check => check.Instance).Select(group => group.Min(check => check.At)).ToList();
        return first.Count == ChaosRun.Instances ? (first.Max() - fault.At) / 1e6 : null;
    }

    private static bool Decided(HistoryEvent check) => check.Answer is "ALLOW" or "DENY";

    private static string Snake(string name) =>
        string.Concat(name.Select((letter, i) => char.IsUpper(letter) && i > 0 ? "_" + char.ToLowerInvariant(letter) : char.ToLowerInvariant(letter).ToString()));
}
