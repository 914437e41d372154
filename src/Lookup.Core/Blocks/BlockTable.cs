// For: whether a number is blocked, in some tens of nanoseconds, with many overlapping blocks.
//
// A sweep over the starts and ends of all blocks cuts the integers into disjoint intervals. For each it keeps the time up to which any
// block over it forbids a call that is placed now, and the block that does so the longest: a heap of the blocks over the current
// interval, ordered by their end, has it on top. Neighbours with the same block are joined. So a check is one binary search, and an index by the
// leading bits of the number leaves a few intervals of it: two or three cache misses instead of seventeen among 100,000 blocks.
//
// A call time that the question names needs the history: what forbade then is not what forbids the longest. The blocks are also kept
// sorted by their start, as an implicit interval tree with the largest end of each subtree, which yields all blocks over a number.
//
// Reference: T. Cormen et al., "Introduction to Algorithms", interval trees; J. Bentley, "Solutions to Klee's rectangle problems" (1977), sweep.
using System.Numerics;

namespace Lookup.Core.Blocks;

/// <summary>The blocks of one organisation, or of all. Immutable; lookups allocate nothing.</summary>
public sealed class BlockTable
{
    private readonly ulong[] _starts;
    private readonly NumberBlock?[] _longest;

    // For each bucket, by the leading bits above the first start: the number of intervals that start in earlier buckets.
    private readonly int[] _index;
    private readonly int _shift;
    private readonly ulong[] _firsts;
    private readonly ulong[] _lasts;
    private readonly ulong[] _largest;
    private readonly NumberBlock[] _blocks;

    /// <summary>Builds a table.</summary>
    public BlockTable(IEnumerable<NumberBlock> blocks)
    {
        ArgumentNullException.ThrowIfNull(blocks);
        var intervals = blocks.Where(block => block.Entries.Count > 0)
            .SelectMany(block => block.Range.Intervals().Select(interval => (interval.First, interval.Last, Block: block)))
            .ToArray();
        Array.Sort(intervals, static (one, other) => one.First.CompareTo(other.First));
        _firsts = Array.ConvertAll(intervals, one => one.First);
        _lasts = Array.ConvertAll(intervals, one => one.Last);
        _blocks = Array.ConvertAll(intervals, one => one.Block);
        _largest = new ulong[intervals.Length];
        FillLargest(0, intervals.Length);
        (_starts, _longest) = Sweep();
        (_index, _shift) = Index(_starts);
    }

    /// <summary>Intervals of integers with one answer each.</summary>
    public int Intervals => _starts.Length;

    /// <summary>Finds a block that forbids a call to a number.</summary>
    /// <param name="number">E.164 as an integer.</param>
    /// <param name="callTime">Unix milliseconds.</param>
    /// <param name="isTimeNamed">See <see cref="Decisions.Question.IsTimeNamed"/>.</param>
    /// <param name="known">See <see cref="Decisions.Question.KnownAt"/>.</param>
    /// <returns>Null if there is none.</returns>
    public NumberBlock? Find(ulong number, long callTime, bool isTimeNamed, long known = long.MaxValue)
    {
        // After the last start, nothing is blocked.
        if (_starts.Length == 0 || number < _starts[0] || number >= _starts[^1])
        {
            return null;
        }

        if (known != long.MaxValue)
        {
            return FindThen(number, callTime, isTimeNamed, known, 0, _blocks.Length);
        }

        var bucket = (int)((number - _starts[0]) >> _shift);
        var (from, to) = (_index[bucket], _index[bucket + 1]);
        while (from < to)
        {
            var middle = (int)(((uint)from + (uint)to) >> 1);
            if (_starts[middle] <= number)
            {
                from = middle + 1;
            }
            else
            {
                to = middle;
            }
        }

        // The block that forbids the longest: if it has ended, all have.
        if (_longest[from - 1] is not { } longest || callTime >= longest.End)
        {
            return null;
        }

        return !isTimeNamed || longest.Forbids(callTime, isTimeNamed: true) ? longest : FindThen(number, callTime, isTimeNamed, known, 0, _blocks.Length);
    }

    /// <summary>Adds every block over a number, whether it forbids or has ended.</summary>
    public void AddAll(ulong number, ICollection<NumberBlock> found)
    {
        ArgumentNullException.ThrowIfNull(found);
        AddAll(number, 0, _blocks.Length, found);
    }

    private void AddAll(ulong number, int from, int to, ICollection<NumberBlock> found)
    {
        if (from >= to || _largest[Middle(from, to)] < number)
        {
            return;
        }

        var middle = Middle(from, to);
        AddAll(number, from, middle, found);
        if (_firsts[middle] <= number)
        {
            if (_lasts[middle] >= number)
            {
                found.Add(_blocks[middle]);
            }

            AddAll(number, middle + 1, to, found);
        }
    }

    private NumberBlock? FindThen(ulong number, long callTime, bool isTimeNamed, long known, int from, int to)
    {
        if (from >= to || _largest[Middle(from, to)] < number)
        {
            return null;
        }

        var middle = Middle(from, to);
        if (FindThen(number, callTime, isTimeNamed, known, from, middle) is { } earlier)
        {
            return earlier;
        }

        return _firsts[middle] > number ? null
            : _lasts[middle] >= number && _blocks[middle].Forbids(callTime, isTimeNamed, known) ? _blocks[middle]
            : FindThen(number, callTime, isTimeNamed, known, middle + 1, to);
    }

    private static (int[] Index, int Shift) Index(ulong[] starts)
    {
        if (starts.Length == 0)
        {
            return ([], 0);
        }

        var buckets = (int)BitOperations.RoundUpToPowerOf2((uint)starts.Length);
        var shift = 0;
        while ((starts[^1] - starts[0]) >> shift >= (ulong)buckets)
        {
            shift++;
        }

        var index = new int[buckets + 1];
        foreach (var start in starts)
        {
            index[(int)((start - starts[0]) >> shift) + 1]++;
        }

        for (var i = 1; i < index.Length; i++)
        {
            index[i] += index[i - 1];
        }

        return (index, shift);
    }

    private static int Middle(int from, int to) => (int)(((uint)from + (uint)to) >> 1);

    // The largest last number of the subtree from..to, kept at its middle.
    private ulong FillLargest(int from, int to)
    {
        if (from >= to)
        {
            return 0;
        }

        var middle = Middle(from, to);
        return _largest[middle] = Math.Max(_lasts[middle], Math.Max(FillLargest(from, middle), FillLargest(middle + 1, to)));
    }

    private (ulong[] Starts, NumberBlock?[] Longest) Sweep()
    {
        var starts = new List<ulong>();
        var longest = new List<NumberBlock?>();
        var open = new PriorityQueue<int, long>();
        var next = 0;
        var at = 0UL;
        while (next < _firsts.Length || open.Count > 0)
        {
            if (open.Count == 0)
            {
                at = _firsts[next];
            }

            for (; next < _firsts.Length && _firsts[next] <= at; next++)
            {
                open.Enqueue(next, -_blocks[next].End);
            }

            while (open.TryPeek(out var top, out _) && _lasts[top] < at)
            {
                open.Dequeue();
            }

            var block = open.TryPeek(out var best, out _) ? _blocks[best] : null;
            if (longest.Count == 0 ? block is not null : !ReferenceEquals(longest[^1], block))
            {
                starts.Add(at);
                longest.Add(block);
            }

            // The answer changes where a block starts, or where the longest one ends.
            var end = block is null ? ulong.MaxValue : _lasts[best] + 1;
            at = next < _firsts.Length ? Math.Min(end, _firsts[next]) : end;
        }

        return ([.. starts], [.. longest]);
    }
}
