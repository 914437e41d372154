namespace Lookup.Load.Results;

/// <summary>How what was measured compares with its baseline.</summary>
/// <param name="Value">The ratio.</param>
/// <param name="Low">Lower end of its 95 % interval; null where there are too few rounds for one.</param>
/// <param name="High">Upper end of it.</param>
internal readonly record struct Ratio(double Value, double? Low, double? High)
{
    // Least share of either side of the interval, of both together 5 %.
    private const double Beyond = 0.025;

    /// <summary>
    /// The median of the ratios round by round: the two of a round met the same machine, whose pace changes from one round to the
    /// next. Where they have not as many rounds as each other, the ratio of their medians.
    /// </summary>
    /// <returns>Null where the baseline is 0.</returns>
    internal static Ratio? Of(Series subject, Series baseline)
    {
        if (baseline.Median == 0)
        {
            return null;
        }

        if (subject.Count != baseline.Count || baseline.Values.Contains(0))
        {
            return new Ratio(subject.Median / baseline.Median, null, null);
        }

        var ratios = new Series(subject.Values.Zip(baseline.Values, (s, b) => s / b));
        var sorted = ratios.Values.Order().ToList();
        var outside = Outside(sorted.Count);
        return outside == 0
            ? new Ratio(ratios.Median, null, null)
            : new Ratio(ratios.Median, sorted[outside - 1], sorted[^outside]);
    }

    // The interval of the sign test: the k-th least and the k-th greatest of n values, whatever their distribution. That the
    // median is below the k-th least has the probability of fewer than k heads in n throws of a coin. Returns the largest k
    // for which that is at most Beyond; 0 if there is none, as with fewer than six values.
    private static int Outside(int n)
    {
        var k = 0;
        var (probability, sum) = (Math.Pow(0.5, n), 0.0);
        while ((sum += probability) <= Beyond)
        {
            probability *= (double)(n - k) / (k + 1);
            k++;
        }

        return k;
    }
}
