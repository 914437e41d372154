using System.Diagnostics;
using Lookup.Load.Results;

namespace Lookup.Load.Effect;

/// <summary>When each of a number of events came to each of several places, from a moment that each event has.</summary>
/// <param name="events">How many events.</param>
/// <param name="places">How many places.</param>
internal sealed class Arrivals(int events, int places)
{
    private static readonly (string Name, double Share)[] Told = [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1)];

    private readonly long[] _begun = new long[events];
    private readonly long[] _come = new long[events * places];

    /// <summary>The moment from which an event counts; only its first call does.</summary>
    internal void Begin(int number) => Interlocked.CompareExchange(ref _begun[number], Stopwatch.GetTimestamp(), 0);

    /// <summary>The event came to a place; only the first time counts.</summary>
    internal void Come(int number, int place) => Interlocked.CompareExchange(ref _come[(number * places) + place], Stopwatch.GetTimestamp(), 0);

    /// <summary>Time since the event's moment.</summary>
    internal TimeSpan Since(int number) => Stopwatch.GetElapsedTime(_begun[number]);

    internal bool IsThere(int number) => Enumerable.Range(0, places).All(place => Volatile.Read(ref _come[(number * places) + place]) != 0);

    /// <summary>Events that began and have not come everywhere.</summary>
    internal int Missing => Enumerable.Range(0, events).Count(number => _begun[number] != 0 && !IsThere(number));

    /// <summary>Milliseconds in order, of the events that are chosen. What came before its moment took no time.</summary>
    internal double[] Milliseconds(Func<int, bool> chosen) =>
    [
        .. Enumerable.Range(0, events).Where(number => _begun[number] != 0 && chosen(number))
            .SelectMany(number => Enumerable.Range(0, places).Select(place => _come[(number * places) + place])
                .Where(come => come != 0).Select(come => Math.Max(0, Stopwatch.GetElapsedTime(_begun[number], come).TotalMilliseconds)))
            .Order(),
    ];

    /// <summary>Adds median, p99, p99.9 and the greatest, beside those of a baseline.</summary>
    internal static void AddTo(Report report, string name, double[] times, string baselineName, double[] baseline, string note)
    {
        foreach (var (suffix, share) in Told)
        {
            report.Add(new Metric($"{name}_{suffix}", "ms", new Series(At(times, share)))
            {
                BaselineName = baselineName,
                Baseline = new Series(At(baseline, share)),
                Note = suffix == "p50" ? note : "",
            });
        }
    }

    /// <summary>The least time that a share of all are not above.</summary>
    internal static double At(double[] ordered, double share) =>
        ordered.Length == 0 ? double.NaN : ordered[Math.Clamp((int)Math.Ceiling(share * ordered.Length) - 1, 0, ordered.Length - 1)];
}
