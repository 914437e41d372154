namespace Lookup.Load.Streams;

/// <summary>Memory of a process over a run, sampled at even pauses; tells whether it grew.</summary>
internal sealed class MemorySamples(Func<long> bytes)
{
    private const double MegaByte = 1e6;

    // A collector's heap breathes: only more than this and more than a fifth is growth.
    private const double MinGrowthMb = 48;
    private const double MinGrowth = 0.2;

    private readonly List<double> _megaBytes = [];

    internal IReadOnlyList<double> MegaBytes => _megaBytes;

    internal double First => _megaBytes[0];

    internal double Last => _megaBytes[^1];

    internal double Max => _megaBytes.Max();

    internal void Sample() => Add(bytes() / MegaByte);

    internal void Add(double megaBytes) => _megaBytes.Add(megaBytes);

    /// <summary>
    /// Whether the median of the last quarter is above that of the second. The first quarter is left out: buffers and
    /// compiled code come in then.
    /// </summary>
    internal bool HasGrown
    {
        get
        {
            if (_megaBytes.Count < 8)
            {
                throw new InvalidOperationException($"{_megaBytes.Count} samples are too few to tell.");
            }

            var quarter = _megaBytes.Count / 4;
            var second = Median(_megaBytes.GetRange(quarter, quarter));
            var last = Median(_megaBytes.GetRange(_megaBytes.Count - quarter, quarter));
            return last - second > Math.Max(MinGrowthMb, MinGrowth * second);
        }
    }

    private static double Median(List<double> values) => new Results.Series(values).Median;
}
