using HdrHistogram;

namespace Lookup.Server.Pages;

/// <summary>Latencies of the last parts of a window, each of the same length. Not thread-safe.</summary>
/// <param name="parts">How many parts the window has.</param>
internal sealed class LiveWindow(int parts)
{
    private readonly Queue<HistogramBase> _parts = new();
    private HistogramBase? _whole;
    private HistogramBase? _current;

    /// <summary>Adds latencies to the current part.</summary>
    internal void Add(HistogramBase times)
    {
        if (_current is null)
        {
            _current = times.Copy();
        }
        else
        {
            _current.Add(times);
        }
    }

    /// <summary>Ends the current part and drops those that left the window.</summary>
    internal void Advance()
    {
        if (_current is not null)
        {
            _parts.Enqueue(_current);
            _current = null;
        }

        while (_parts.Count > parts)
        {
            _parts.Dequeue();
        }

        _whole = null;
        foreach (var part in _parts)
        {
            _whole = Sum(_whole, part);
        }
    }

    /// <summary>Returns the latencies of the window.</summary>
    internal LiveTimes Times() => TimesOf(_current is null ? _whole : Sum(_whole?.Copy(), _current));

    /// <summary>Returns percentiles in microseconds.</summary>
    internal static LiveTimes TimesOf(HistogramBase? times) => times is null or { TotalCount: 0 }
        ? new LiveTimes(0, null, null, null, null)
        : new LiveTimes(
            times.TotalCount,
            times.GetValueAtPercentile(50) / 1_000.0,
            times.GetValueAtPercentile(99) / 1_000.0,
            times.GetValueAtPercentile(99.9) / 1_000.0,
            times.GetMaxValue() / 1_000.0);

    private static HistogramBase Sum(HistogramBase? one, HistogramBase other)
    {
        if (one is null)
        {
            return other.Copy();
        }

        one.Add(other);
        return one;
    }
}
