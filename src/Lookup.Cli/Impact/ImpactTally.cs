using Lookup.Cli.Lists;
using Lookup.Core;
using Lookup.Core.Decisions;

namespace Lookup.Cli.Impact;

/// <summary>What would change for some lines of a list.</summary>
/// <param name="From">The verdict now.</param>
/// <param name="To">The verdict under the new version.</param>
/// <param name="Reason">The reason that came or went.</param>
/// <param name="Added">It came; else it went.</param>
/// <param name="Regime">The regime that the numbers come under.</param>
/// <param name="Article">The article of the reason.</param>
internal readonly record struct ImpactKey(Verdict From, Verdict To, ReasonCode Reason, bool Added, string Regime, string Article);

/// <summary>A line of the list.</summary>
internal readonly record struct ImpactExample(long Line, ulong Number);

/// <summary>The versions of a regime that were compared; empty where none held.</summary>
internal readonly record struct ImpactVersions(string From, string FromVersion, string To, string ToVersion);

/// <summary>Counts of a list under two versions. Its size depends on the rules, not on the list.</summary>
/// <param name="examples">Most examples kept of each kind.</param>
internal sealed class ImpactTally(int examples)
{
    private const int Verdicts = 1 + (int)Verdict.NotCovered;

    private readonly Dictionary<ImpactKey, Row> _changes = [];
    private readonly SortedDictionary<ListFault, Row> _invalid = [];
    private readonly HashSet<ImpactVersions> _versions = [];
    private readonly long[,] _verdicts = new long[Verdicts, Verdicts];

    /// <summary>Lines with a number.</summary>
    public long Compared { get; private set; }

    /// <summary>Those of them whose answer would be another.</summary>
    public long Changed { get; private set; }

    /// <summary>Lines without a number that can be asked about.</summary>
    public long Invalid => _invalid.Values.Sum(row => row.Lines);

    /// <summary>Blank lines.</summary>
    public long Blank { get; set; }

    /// <summary>What would change: first what would be permitted, then what would be no longer, other verdicts, reasons alone; each by its count.</summary>
    public IEnumerable<(ImpactKey Key, Row Row)> Changes => _changes
        .OrderBy(change => Rank(change.Key))
        .ThenByDescending(change => change.Value.Lines)
        .ThenBy(change => change.Key.ToString(), StringComparer.Ordinal)
        .Select(change => (change.Key, change.Value));

    /// <summary>Why lines could not be asked about.</summary>
    public IEnumerable<(ListFault Fault, Row Row)> Faults => _invalid.Select(fault => (fault.Key, fault.Value));

    /// <summary>The versions that the numbers came under.</summary>
    public IEnumerable<ImpactVersions> Versions => _versions.OrderBy(v => v.From, StringComparer.Ordinal).ThenBy(v => v.To, StringComparer.Ordinal);

    /// <summary>Lines that get one verdict now and another one under the new version.</summary>
    public long Of(Verdict from, Verdict to) => _verdicts[(int)from, (int)to];

    /// <summary>Lines with a verdict now, and under the new version.</summary>
    public (long Now, long Then) Of(Verdict verdict) => (
        Enumerable.Range(0, Verdicts).Sum(to => _verdicts[(int)verdict, to]),
        Enumerable.Range(0, Verdicts).Sum(from => _verdicts[from, (int)verdict]));

    /// <summary>Lines whose calls would become permitted, and those whose calls would be no longer.</summary>
    public (long Gained, long Lost) Permitted
    {
        get
        {
            var both = Of(Verdict.Allow, Verdict.Allow);
            var (now, then) = Of(Verdict.Allow);
            return (then - both, now - both);
        }
    }

    /// <summary>Takes what both versions decided about a line.</summary>
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

    /// <summary>Takes a line that cannot be asked about.</summary>
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

    /// <summary>Lines of one kind.</summary>
    internal sealed class Row
    {
        public long Lines { get; set; }

        /// <summary>The first of them.</summary>
        public List<ImpactExample> Examples { get; } = [];
    }
}
