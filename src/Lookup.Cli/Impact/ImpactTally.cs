using Lookup.Cli.Lists;
using Lookup.Core;
using Lookup.Core.Decisions;

namespace Lookup.Cli.Impact;

/// <summary>One kind of change.</summary>
/// <param name="From">The verdict now.</param>
/// <param name="To">The verdict under the new version.</param>
/// <param name="Reason">The reason that was added or removed.</param>
/// <param name="Added">Whether the reason was added; false: removed.</param>
/// <param name="Regime">The regime of the numbers.</param>
/// <param name="Article">The article of the reason.</param>
internal readonly record struct ImpactKey(Verdict From, Verdict To, ReasonCode Reason, bool Added, string Regime, string Article);

/// <summary>A line of the list.</summary>
internal readonly record struct ImpactExample(long Line, ulong Number);

/// <summary>The compared versions of a regime; empty if no regime applied.</summary>
internal readonly record struct ImpactVersions(string From, string FromVersion, string To, string ToVersion);

/// <summary>Counts of a list under two versions. Memory depends on the rules, not on the list.</summary>
/// <param name="examples">Maximum examples to keep per kind of change.</param>
internal sealed class ImpactTally(int examples)
{
    private const int Verdicts = 1 + (int)Verdict.NotCovered;

    private readonly Dictionary<ImpactKey, Row> _changes = [];
    private readonly SortedDictionary<ListFault, Row> _invalid = [];
    private readonly HashSet<ImpactVersions> _versions = [];
    private readonly long[,] _verdicts = new long[Verdicts, Verdicts];

    /// <summary>Lines with a valid number.</summary>
    public long Compared { get; private set; }

    /// <summary>Compared lines whose answer would change.</summary>
    public long Changed { get; private set; }

    /// <summary>Lines without a valid number.</summary>
    public long Invalid => _invalid.Values.Sum(row => row.Lines);

    /// <summary>Blank lines.</summary>
    public long Blank { get; set; }

    /// <summary>The changes: newly permitted calls first, then calls no longer permitted, other verdicts, and reasons; each by count.</summary>
    public IEnumerable<(ImpactKey Key, Row Row)> Changes => _changes
        .OrderBy(change => Rank(change.Key))
        .ThenByDescending(change => change.Value.Lines)
        .ThenBy(change => change.Key.ToString(), StringComparer.Ordinal)
        .Select(change => (change.Key, change.Value));

    /// <summary>Invalid lines by fault.</summary>
    public IEnumerable<(ListFault Fault, Row Row)> Faults => _invalid.Select(fault => (fault.Key, fault.Value));

    /// <summary>The versions that decided the numbers.</summary>
    public IEnumerable<ImpactVersions> Versions => _versions.OrderBy(v => v.From, StringComparer.Ordinal).ThenBy(v => v.To, StringComparer.Ordinal);

    /// <summary>Lines with one verdict now and another under the new version.</summary>
    public long CountOf(Verdict from, Verdict to) => _verdicts[(int)from, (int)to];

    /// <summary>Lines with this verdict now, and under the new version.</summary>
    public (long Now, long Then) CountOf(Verdict verdict) => (
        Enumerable.Range(0, Verdicts).Sum(to => _verdicts[(int)verdict, to]),
        Enumerable.Range(0, Verdicts).Sum(from => _verdicts[from, (int)verdict]));

    /// <summary>Lines whose calls would become permitted, and would no longer be permitted.</summary>
    public (long Gained, long Lost) Permitted
    {
        get
        {
            var both = CountOf(Verdict.Allow, Verdict.Allow);
            var (now, then) = CountOf(Verdict.Allow);
            return (then - both, now - both);
        }
    }

    /// <summary>Adds the decisions of both versions for a line.</summary>
    public void Add(in ImpactExample line, in Decision from, in Decision to)
    {
        Compared++;
        _verdicts[(int)from.Verdict, (int)to.Verdict]++;
        _versions.Add(new ImpactVersions(from.Rules?.Id ?? "", from.Rules?.Version ?? "", to.Rules?.Id ?? "", to.Rules?.Version ?? ""));
        if (DecisionChange.Between(from, to) is { } change)
        {
            Changed++;
            var regime = to.Rules?.Id ?? from.Rules?.Id ?? "";
            Add(_changes, new ImpactKey(change.From, change.To, change.Reason.Code, change.Added, regime, change.Reason.Text.Article), line);
        }
    }

    /// <summary>Adds an invalid line.</summary>
    public void Add(in ImpactExample line, ListFault fault) => Add(_invalid, fault, line);

    private static int Rank(in ImpactKey key) =>
        key.From == key.To ? 3 : key.To == Verdict.Allow ? 0 : key.From == Verdict.Allow ? 1 : 2;

    private void Add<T>(IDictionary<T, Row> rows, T key, in ImpactExample line)
    {
        if (!rows.TryGetValue(key, out var row))
        {
            rows.Add(key, row = new Row());
        }

        row.Lines++;
        if (row.Examples.Count < examples)
        {
            row.Examples.Add(line);
        }
    }

    /// <summary>Count and examples of one kind of change.</summary>
    internal sealed class Row
    {
        public long Lines { get; set; }

        /// <summary>The first lines.</summary>
        public List<ImpactExample> Examples { get; } = [];
    }
}
