namespace Lookup.Load.Results;

/// <summary>What the rounds of one run gave for one thing. The median is what is told; least and greatest are the spread.</summary>
internal sealed class Series
{
    private readonly List<double> _values;

    internal Series(params IEnumerable<double> values)
    {
        _values = [.. values];
    }

    /// <summary>In the order in which they were measured.</summary>
    internal IReadOnlyList<double> Values => _values;

    internal int Count => _values.Count;

    internal double Min => _values.Min();

    internal double Max => _values.Max();

    /// <summary>The middle value; of an even number of values the mean of the two in the middle.</summary>
    /// <exception cref="InvalidOperationException">There are none.</exception>
    internal double Median
    {
        get
        {
            if (_values.Count == 0)
            {
                throw new InvalidOperationException("No round has been measured.");
            }

            var sorted = _values.Order().ToList();
            var middle = sorted.Count / 2;
            return sorted.Count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        }
    }

    internal void Add(double value) => _values.Add(value);

    internal void Add(Series more) => _values.AddRange(more._values);
}
