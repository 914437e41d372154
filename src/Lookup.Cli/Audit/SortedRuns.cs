namespace Lookup.Cli.Audit;

/// <summary>
/// Entries that are added first and searched afterwards. They are kept in sorted runs, so the memory is that of the entries and growing
/// copies nothing.
/// </summary>
internal sealed class SortedRuns<T>
    where T : struct, IComparable<T>
{
    private const int FirstLength = 1 << 10;
    private const int RunLength = 1 << 20;

    private readonly List<T[]> _runs = [];
    private T[] _open = new T[FirstLength];
    private int _count;

    /// <summary>The number of entries.</summary>
    public long Count => _count + _runs.Sum(run => (long)run.Length);

    public void Add(T entry)
    {
        if (_count == RunLength)
        {
            Close();
        }
        else if (_count == _open.Length)
        {
            Array.Resize(ref _open, 2 * _count);
        }

        _open[_count++] = entry;
    }

    /// <summary>Ends the adding; the entries can be searched from now on, also concurrently.</summary>
    public void Complete()
    {
        Array.Resize(ref _open, _count);
        Close();
        _open = [];
    }

    /// <summary>Returns the entries that are not greater than a bound, the greatest first.</summary>
    public IEnumerable<T> Descending(T bound)
    {
        var next = new int[_runs.Count];
        for (var i = 0; i < next.Length; i++)
        {
            next[i] = LastNotAbove(_runs[i], bound);
        }

        while (true)
        {
            var greatest = -1;
            for (var i = 0; i < next.Length; i++)
            {
                if (next[i] >= 0 && (greatest < 0 || _runs[i][next[i]].CompareTo(_runs[greatest][next[greatest]]) > 0))
                {
                    greatest = i;
                }
            }

            if (greatest < 0)
            {
                yield break;
            }

            yield return _runs[greatest][next[greatest]--];
        }
    }

    /// <summary>Returns all entries, the least first.</summary>
    public IEnumerable<T> Ascending()
    {
        var next = new int[_runs.Count];
        while (true)
        {
            var least = -1;
            for (var i = 0; i < next.Length; i++)
            {
                if (next[i] < _runs[i].Length && (least < 0 || _runs[i][next[i]].CompareTo(_runs[least][next[least]]) < 0))
                {
                    least = i;
                }
            }

            if (least < 0)
            {
                yield break;
            }

            yield return _runs[least][next[least]++];
        }
    }

    private void Close()
    {
        Array.Sort(_open);
        _runs.Add(_open);
        (_open, _count) = (new T[FirstLength], 0);
    }

    private static int LastNotAbove(T[] run, T bound)
    {
        var (low, high) = (0, run.Length);
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            (low, high) = run[middle].CompareTo(bound) <= 0 ? (middle + 1, high) : (low, middle);
        }

        return low - 1;
    }
}
