using System.Collections.Frozen;
using Lookup.Core.Facts;

namespace Lookup.Core.Blocks;

/// <summary>All blocks of a store. Immutable.</summary>
public sealed class BlockSet
{
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
        var stale = new HashSet<string>(_stale, StringComparer.Ordinal);
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

        return copied.Count == 0 ? this : new BlockSet(all) { Count = count, _tables = _tables, _stale = stale };
    }

    /// <summary>Builds the tables for lookups. Not thread-safe; call it before others see the set.</summary>
    public void Prepare()
    {
        if (_stale.Count == 0)
        {
            return;
        }

        _tables = new Dictionary<string, BlockTable>(_tables, StringComparer.Ordinal);
        foreach (var organisation in _stale)
        {
            _tables[organisation] = new BlockTable(_byOrganisation[organisation].Values);
        }

        _stale = [];
        var forAll = _tables.GetValueOrDefault(Scope.AllName);
        _others = forAll is null ? null : new BlockView(forAll, null);
        _views = _tables.Where(pair => pair.Key != Scope.AllName).ToFrozenDictionary(pair => pair.Key, pair => new BlockView(forAll, pair.Value), StringComparer.Ordinal);
    }
}

/// <summary>The blocks that bind one organisation: those for all, and its own. Immutable.</summary>
public sealed class BlockView(BlockTable? forAll, BlockTable? own)
{
    /// <summary>Finds a block that forbids a call, as <see cref="BlockTable.Find"/> does.</summary>
    public NumberBlock? Find(ulong number, long callTime, bool isTimeNamed, long known = long.MaxValue) =>
        own?.Find(number, callTime, isTimeNamed, known) ?? forAll?.Find(number, callTime, isTimeNamed, known);
}
