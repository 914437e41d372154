using System.Globalization;
using System.Text.Json.Serialization;

namespace Lookup.Cli.Audit;

/// <summary>
/// Delays of late records. They are counted in buckets that are at most 1.6 % wide, so that a median of millions needs a few kilobytes.
/// </summary>
internal sealed class DelayCount
{
    // Delays below this many minutes have a bucket each; longer ones share one with as many significant bits.
    private const int Exact = 128;

    /// <summary>Delays counted.</summary>
    public long Count { get; set; }

    /// <summary>The longest one, in seconds.</summary>
    public long Worst { get; set; }

    /// <summary>Delays by the least minutes of their bucket.</summary>
    public SortedDictionary<long, long> Buckets { get; set; } = [];

    /// <summary>The median, in seconds; 0 without delays.</summary>
    [JsonIgnore]
    public long Median
    {
        get
        {
            var left = (Count + 1) / 2;
            foreach (var (minutes, count) in Buckets)
            {
                left -= count;
                if (left <= 0)
                {
                    return 60 * minutes;
                }
            }

            return 0;
        }
    }

    public void Add(TimeSpan delay)
    {
        Count++;
        Worst = Math.Max(Worst, (long)delay.TotalSeconds);
        var minutes = (long)delay.TotalMinutes;
        var shift = 0;
        while (minutes >> shift >= Exact)
        {
            shift++;
        }

        var bucket = minutes >> shift << shift;
        Buckets[bucket] = Buckets.GetValueOrDefault(bucket) + 1;
    }

    /// <summary>Formats the delays for people.</summary>
    public string Describe() => string.Create(CultureInfo.InvariantCulture, $"{Count:N0}, median {Format(Median)}, worst {Format(Worst)}");

    /// <summary>Formats a delay for people.</summary>
    public static string Format(long seconds) => TimeSpan.FromSeconds(seconds) switch
    {
        { TotalHours: < 1 } time => $"{time.Minutes} min",
        { TotalDays: < 1 } time => $"{time.Hours} h {time.Minutes} min",
        var time => $"{time.Days} d {time.Hours} h",
    };
}
