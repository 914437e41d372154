using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Reading;
using Lookup.Server.Reading;

namespace Lookup.Server.Shadow;

/// <summary>
/// Decides numbers under two versions of the regimes. Reads the facts that either version needs once, so that differences are due
/// to the rules. Reused from batch to batch; not thread-safe.
/// </summary>
internal sealed class VersionBatch(RegimeSet from, RegimeSet to, ScopeNames names)
{
    /// <summary>The maximum numbers in a batch.</summary>
    internal const int MaxNumbers = ReadBatch.MaxItems;

    private const int Nothing = -1;

    private readonly Item[] _items = new Item[MaxNumbers];
    private readonly ReadBatch _reads = new();
    private readonly FactId[] _ids = new FactId[2 * Decider.Slots];
    private readonly byte[] _slots = new byte[Decider.Slots];
    private readonly byte[] _missingSlots = new byte[Decider.Slots];
    private readonly StoredValue[] _fromBySlot = new StoredValue[Decider.Slots];
    private readonly StoredValue[] _toBySlot = new StoredValue[Decider.Slots];

    /// <summary>Numbers in the batch.</summary>
    internal int Count { get; private set; }

    /// <summary>Numbers whose facts must be read.</summary>
    internal int Reads => _reads.Count;

    /// <summary>Empties the batch.</summary>
    internal void Clear()
    {
        Array.Clear(_items, 0, Count);
        _reads.Clear();
        Count = 0;
    }

    /// <summary>Adds a number, up to <see cref="MaxNumbers"/>.</summary>
    /// <param name="number">The number.</param>
    /// <param name="key">Its pseudonym.</param>
    /// <param name="filter">The filter that may show facts to be absent; null to read all.</param>
    /// <param name="question">The question, resolved.</param>
    /// <param name="registers">The loaded registers, for the first version.</param>
    /// <param name="toRegisters">The loaded registers, for the second version.</param>
    internal void Add(
        PhoneNumber number, NumberPseudonym key, BlockFilter? filter, in Question question, RegisterSnapshots registers, RegisterSnapshots toRegisters)
    {
        ref var item = ref _items[Count++];
        item = new Item
        {
            Number = number,
            Question = question.About(number.Value),
            From = from.Find(number, question.CallTime, question.Region),
            To = to.Find(number, question.CallTime, question.Region),
            Registers = registers,
            ToRegisters = toRegisters,
            Read = Nothing,
        };
        var (count, missing) = Plan(item);
        var ids = _ids.AsSpan(0, count + missing);
        if (ids.Length > 0 && (filter is null || filter.MayContain(key, ids) != 0))
        {
            item.Read = _reads.Add(key, ids);
        }
    }

    /// <summary>Reads the facts, see <see cref="FactReader"/>.</summary>
    internal ValueTask ReadAsync(IFactReader store, int partitions, ReadFreshness freshness, CancellationToken cancellation) =>
        FactReader.ReadAsync(store, names, partitions, _reads, freshness, cancellation);

    /// <summary>Returns number and question of an item.</summary>
    internal (PhoneNumber Number, Question Question) Asked(int item) => (_items[item].Number, _items[item].Question);

    /// <summary>Returns why the facts of a number could not be read; null if they were.</summary>
    internal StoreUnavailableException? Fault(int item, in ReadFreshness freshness) =>
        _items[item].Read is var read && read == Nothing ? null : freshness.Fault(_reads, read);

    /// <summary>Decides an item by the facts read.</summary>
    /// <param name="index">The item.</param>
    /// <param name="decideTo">Decides under the second version; <see cref="Decider.Decide"/>.</param>
    internal (Decision From, Decision To) Decide(int index, ShadowDecision decideTo)
    {
        ref readonly var item = ref _items[index];
        try
        {
            var (count, missing) = Plan(item);
            if (item.Read != Nothing)
            {
                for (var i = 0; i < count; i++)
                {
                    _fromBySlot[_slots[i]] = Meant(item.From!, item, i);
                }

                if (item.To is not null)
                {
                    Decider.Carry(item.From, item.To, item.Question, _fromBySlot, _toBySlot, _ids, _missingSlots);
                }

                for (var i = 0; i < missing; i++)
                {
                    _toBySlot[_missingSlots[i]] = Meant(item.To!, item, count + i);
                }
            }

            return (
                Decider.Decide(item.From, item.Question, _fromBySlot, item.Registers),
                decideTo(item.To, item.Question, _toBySlot, item.ToRegisters));
        }
        finally
        {
            Array.Clear(_fromBySlot);
            Array.Clear(_toBySlot);
        }
    }

    private StoredValue Meant(Rules rules, in Item item, int index)
    {
        var value = _reads.Value(item.Read, index);
        var id = _reads.Ids(item.Read)[index];
        return value.IsNull || names.IsMeant(rules, item.Question, id) is true ? value : names.Reject(item.Question, id);
    }

    /// <summary>The facts of the first version, then those only the second needs.</summary>
    private (int Count, int Missing) Plan(in Item item)
    {
        var count = item.From is { } rules ? Decider.Plan(rules, item.Question, _ids, _slots) : 0;
        var missing = item.To is { } other
            ? Decider.Carry(item.From, other, item.Question, _fromBySlot, _toBySlot, _ids.AsSpan(count), _missingSlots)
            : 0;
        return (count, missing);
    }

    private struct Item
    {
        internal required PhoneNumber Number { get; init; }

        internal required Question Question { get; init; }

        internal required Rules? From { get; init; }

        internal required Rules? To { get; init; }

        internal required RegisterSnapshots Registers { get; init; }

        internal required RegisterSnapshots ToRegisters { get; init; }

        /// <summary>Index in the reads, or <see cref="Nothing"/>.</summary>
        internal int Read { get; set; }
    }
}
