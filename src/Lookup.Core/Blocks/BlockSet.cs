using System.Collections.Frozen;
using Lookup.Core.Facts;

namespace Lookup.Core.Blocks;

/// <summary>All blocks of a store. Immutable.</summary>
public sealed class BlockSet
{
    // Reads of the registry that run at the same time prepare the same set.
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Dictionary<BlockRange, NumberBlock>> _byOrganisation;
    private FrozenDictionary<string, BlockView> _views = FrozenDictionary<string, BlockView>.Empty;
    private BlockView? _others;
    private Dictionary<string, BlockTable> _tables = [];
    private HashSet<string> _stale = [];

    private BlockSet(Dictionary<string, Dictionary<BlockRange, NumberBlock>> byOrganisation) => _byOrganisation = byOrganisation;

    /// <summary>No blocks.</summary>
    public static BlockSet Empty { get; } = new([]);

    /// <summary>The number of blocks, including those that have ended.</summary>
    public int Count { get; private init; }

    /// <summary>All blocks, in no order.</summary>
    public IEnumerable<NumberBlock> All => _byOrganisation.Values.SelectMany(blocks => blocks.Values);

    /// <summary>Returns a block, whether it forbids or has ended; null if it was never recorded.</summary>
    public NumberBlock? Find(string organisation, BlockRange range) =>
        _byOrganisation.GetValueOrDefault(organisation)?.GetValueOrDefault(range);

    /// <summary>Returns the blocks of an organisation ("*": those for all), including those that have ended.</summary>
    public IEnumerable<NumberBlock> Of(string organisation) =>
        _byOrganisation.TryGetValue(organisation, out var blocks) ? blocks.Values : [];

    /// <summary>Returns the blocks that bind an organisation; null if there are none. Call <see cref="Prepare"/> first.</summary>
    public BlockView? For(string organisation) => _views.GetValueOrDefault(organisation, _others!);

    /// <summary>Returns every block over a number, whether it forbids or has ended. Call <see cref="Prepare"/> first.</summary>
    public IReadOnlyList<NumberBlock> Over(ulong number)
    {
        var found = new List<NumberBlock>();
        foreach (var table in _tables.Values)
        {
            table.AddAll(number, found);
        }

        return found;
    }

    /// <summary>Returns the set with some blocks added or replaced.</summary>
    public BlockSet With(IEnumerable<NumberBlock> changed)
    {
        ArgumentNullException.ThrowIfNull(changed);
        var all = new Dictionary<string, Dictionary<BlockRange, NumberBlock>>(_byOrganisation, StringComparer.Ordinal);
        var (tables, stale) = Prepared();
        var copied = new HashSet<string>(StringComparer.Ordinal);
        var count = Count;
        foreach (var block in changed)
        {
            if (copied.Add(block.Organisation))
            {
                all[block.Organisation] = all.TryGetValue(block.Organisation, out var known) ? new(known) : [];
                stale.Add(block.Organisation);
            }

            count += all[block.Organisation].TryAdd(block.Range, block) ? 1 : 0;
            all[block.Organisation][block.Range] = block;
        }

        return copied.Count == 0 ? this : new BlockSet(all) { Count = count, _tables = tables, _stale = stale };
    }

    /// <summary>Builds the tables for lookups. Returns when they are complete, also if another thread builds them.</summary>
    public void Prepare()
    {
        lock (_gate)
        {
            if (_stale.Count == 0)
            {
                return;
            }

            var tables = new Dictionary<string, BlockTable>(_tables, StringComparer.Ordinal);
            foreach (var organisation in _stale)
            {
                tables[organisation] = new BlockTable(_byOrganisation[organisation].Values);
            }

            var forAll = tables.GetValueOrDefault(Scope.AllName);
            _others = forAll is null ? null : new BlockView(forAll, null);
            _views = tables.Where(pair => pair.Key != Scope.AllName).ToFrozenDictionary(pair => pair.Key, pair => new BlockView(forAll, pair.Value), StringComparer.Ordinal);
            (_tables, _stale) = (tables, []);
        }
    }

    // The tables that are built, and a copy of the names of the others.
    private (Dictionary<string, BlockTable> Tables, HashSet<string> Stale) Prepared()
    {
        lock (_gate)
        {
            return (_tables, new HashSet<string>(_stale, StringComparer.Ordinal));
        }
    }
}

/// <summary>The blocks that bind one organisation: those for all, and its own. Immutable.</summary>
public sealed class BlockView(BlockTable? forAll, BlockTable? own)
{
    /// <summary>Finds a block that forbids a call, as <see cref="BlockTable.Find"/> does.</summary>
    public NumberBlock? Find(ulong number, long callTime, bool isTimeNamed, long known = long.MaxValue) =>
        own?.Find(number, callTime, isTimeNamed, known) ?? forAll?.Find(number, callTime, isTimeNamed, known);
}
