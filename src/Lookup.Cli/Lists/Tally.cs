using Lookup.Cli.Options;
using Lookup.V1;

namespace Lookup.Cli.Lists;

/// <summary>Counts lines by verdict and reason.</summary>
internal sealed class Tally
{
    /// <summary>The verdict of lines without a valid number.</summary>
    public const string Invalid = "invalid";

    private const int Reasons = 256;
    private const int InvalidRow = 5;

    // One row per verdict, the last for invalid lines. Reasons of a newer service beyond the table count as reason 0.
    private readonly long[] _counts = new long[(InvalidRow + 1) * Reasons];

    public void Clear() => Array.Clear(_counts);

    public void Add(Verdict verdict, ReasonCode reason)
    {
        var row = verdict is >= Verdict.Allow and <= Verdict.NotCovered ? (int)verdict : (int)Verdict.Unknown;
        _counts[(row * Reasons) + ((uint)reason < Reasons ? (int)reason : 0)]++;
    }

    public void Add(ListFault fault) => _counts[(InvalidRow * Reasons) + (int)fault]++;

    public void Add(Tally other)
    {
        for (var i = 0; i < _counts.Length; i++)
        {
            _counts[i] += other._counts[i];
        }
    }

    public long Total => _counts.Sum();

    public long CountOf(Verdict verdict) => Sum((int)verdict);

    public long InvalidCount => Sum(InvalidRow);

    /// <summary>The counts by verdict and reason: "deny" → "registered" → 12.</summary>
    public SortedDictionary<string, SortedDictionary<string, long>> ToCounts()
    {
        var counts = new SortedDictionary<string, SortedDictionary<string, long>>(StringComparer.Ordinal);
        foreach (var (verdict, reason, count) in Rows())
        {
            if (!counts.TryGetValue(verdict, out var reasons))
            {
                counts.Add(verdict, reasons = new SortedDictionary<string, long>(StringComparer.Ordinal));
            }

            reasons.Add(reason, count);
        }

        return counts;
    }

    public static Tally FromCounts(IReadOnlyDictionary<string, SortedDictionary<string, long>> counts)
    {
        var tally = new Tally();
        foreach (var (index, count) in
            from verdict in counts
            from reason in verdict.Value
            from index in Enumerable.Range(0, tally._counts.Length)
            where Names(index) == (verdict.Key, reason.Key)
            select (index, reason.Value))
        {
            tally._counts[index] += count;
        }

        return tally;
    }

    /// <summary>The counts in the order of the contract's verdicts, invalid lines last; within a verdict by count, descending.</summary>
    public IEnumerable<(string Verdict, string Reason, long Count)> Rows() => _counts
        .Select((count, index) => (Row: index / Reasons, Names: Names(index), count))
        .Where(row => row.count > 0)
        .OrderBy(row => row.Row)
        .ThenByDescending(row => row.count)
        .Select(row => (row.Names.Verdict, row.Names.Reason, row.count));

    private static (string Verdict, string Reason) Names(int index)
    {
        var (row, reason) = (index / Reasons, index % Reasons);
        return row == InvalidRow
            ? (Invalid, ((ListFault)reason).Word())
            : (Words.Verdicts.WordFor((Verdict)row), Words.Reasons.WordFor((ReasonCode)reason));
    }

    private long Sum(int row) => _counts.AsSpan(row * Reasons, Reasons).ToArray().Sum();
}
