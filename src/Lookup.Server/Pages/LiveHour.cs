using HdrHistogram;

namespace Lookup.Server.Pages;

/// <summary>Keeps the last hour for the operations page: a point for each ten samples, and latencies by minute. Not thread-safe.</summary>
internal sealed class LiveHour
{
    private const int SamplesPerPoint = 10;
    private const int PointsPerMinute = 6;
    private const int Points = 360;

    private readonly Queue<LivePoint> _points = new();
    private readonly LiveWindow _fiveMinutes = new(30);
    private readonly LiveWindow _hour = new(60);
    private readonly List<LivePoint> _open = [];
    private HistogramBase? _times;
    private int _count;

    /// <summary>The points, oldest first.</summary>
    internal IEnumerable<LivePoint> All => _points;

    /// <summary>Adds the latencies of a second and returns those of both windows.</summary>
    internal (LiveTimes FiveMinutes, LiveTimes Hour) AddTimes(HistogramBase times)
    {
        _fiveMinutes.Add(times);
        _hour.Add(times);
        if (_times is null)
        {
            _times = times.Copy();
        }
        else
        {
            _times.Add(times);
        }

        return (_fiveMinutes.Times(), _hour.Times());
    }

    /// <summary>Adds the sample of a second.</summary>
    /// <returns>The point that it ended; null in most seconds.</returns>
    internal LivePoint? Add(LivePoint sample)
    {
        _open.Add(sample);
        if (_open.Count < SamplesPerPoint)
        {
            return null;
        }

        var times = LiveWindow.TimesOf(_times);
        var point = new LivePoint
        {
            Time = sample.Time,
            Rates = [.. _open.SelectMany(one => one.Rates).GroupBy(rate => (rate.Verdict, rate.Reason))
                .Select(group => new LiveRate(group.Key.Verdict, group.Key.Reason, group.Sum(rate => rate.PerSecond) / SamplesPerPoint))],
            Checks = _open.Average(one => one.Checks),
            P50 = times.P50,
            P99 = times.P99,
            P999 = times.P999,
            Max = times.Max,
            Facts = _open.Average(one => one.Facts),
            Objections = _open.Average(one => one.Objections),
            Memory = sample.Memory,
        };
        _points.Enqueue(point);
        if (_points.Count > Points)
        {
            _points.Dequeue();
        }

        _open.Clear();
        _times = null;
        _fiveMinutes.Advance();
        if (++_count % PointsPerMinute == 0)
        {
            _hour.Advance();
        }

        return point;
    }
}
