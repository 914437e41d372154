using System.Numerics;
using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis.Reading;
using Lookup.Server.Reading;

namespace Lookup.Server.Lists;

/// <summary>
/// What rules ask for one question, and what they decide of a number of which nothing is known. Prepared once a chunk
/// for all numbers under the same rules.
/// </summary>
internal sealed class PlannedRules(ScopeNames names)
{
    private static readonly StoredValue[] Absent = new StoredValue[Decider.Slots];

    private readonly FactId[] _ids = new FactId[Decider.Slots];
    private readonly byte[] _slots = new byte[Decider.Slots];
    private readonly ulong[] _probes = new ulong[BlockFilter.MaxProbes];
    private int _count;
    private int _probeCount;
    private uint _foreign;

    /// <summary>The rules; null where no regime holds.</summary>
    internal Rules? Rules { get; private set; }

    /// <summary>The timelines that the decision looks at.</summary>
    internal ReadOnlySpan<FactId> Ids => _ids.AsSpan(0, _count);

    /// <summary>All timelines, as bits in the order of <see cref="Ids"/>.</summary>
    internal uint All => (1u << _count) - 1;

    /// <summary>Those that a filter does not know to be absent, as bits.</summary>
    internal uint Possible(BlockFilter filter, NumberPseudonym key) =>
        filter.MayContain(key, _probes.AsSpan(0, _probeCount), _count);

    /// <summary>The objections among them. Whenever anything is read, they are read with it.</summary>
    internal uint Objections { get; private set; }

    /// <summary>Those whose name is not known here: what is found of them does not count before it is.</summary>
    internal uint Unnamed { get; private set; }

    /// <summary>Place of the answer where nothing is known.</summary>
    internal int Nothing { get; set; }

    internal void Prepare(Rules? rules, in Question question)
    {
        Rules = rules;
        _count = rules is null ? 0 : Decider.Plan(rules, question, _ids, _slots);
        _probeCount = BlockFilter.Probes(Ids, _probes);
        Objections = 0;
        for (var i = 0; i < _count; i++)
        {
            if (_ids[i].Kind == FactKind.Objection)
            {
                Objections |= 1u << i;
            }
        }

        Name(question);
    }

    /// <summary>Looks up the names of the timelines, at first and after some were learned.</summary>
    internal void Name(in Question question)
    {
        (_foreign, Unnamed) = (0, 0);
        for (var i = 0; i < _count; i++)
        {
            var isMeant = names.IsMeant(Rules!, question, _ids[i]);
            _foreign |= isMeant is false ? 1u << i : 0;
            Unnamed |= isMeant is null ? 1u << i : 0;
        }
    }

    /// <summary>Decides on a number of which nothing is known.</summary>
    internal Decision DecideNothing(in Question question, RegisterSnapshots registers) =>
        Decider.Decide(Rules, question, Absent, registers);

    /// <summary>Decides on what was read.</summary>
    /// <param name="question">The question that it was prepared for.</param>
    /// <param name="registers">The registers that it was prepared for.</param>
    /// <param name="asked">The timelines that were read, as bits; the others are known not to be there.</param>
    /// <param name="batch">What was read.</param>
    /// <param name="item">The number's place in it.</param>
    /// <param name="bySlot">Room for <see cref="Decider.Slots"/> values, all none; so it is left.</param>
    internal Decision Decide(
        in Question question, RegisterSnapshots registers, uint asked, ReadBatch batch, int item, Span<StoredValue> bySlot)
    {
        var index = 0;
        for (var bits = asked; bits != 0; bits &= bits - 1)
        {
            var place = BitOperations.TrailingZeroCount(bits);
            ref var value = ref bySlot[_slots[place]];
            value = batch.Value(item, index++);
            if (((_foreign | Unnamed) & (1u << place)) != 0 && !value.IsNull)
            {
                value = names.Reject(question, _ids[place]);
            }
        }

        var decision = Decider.Decide(Rules, question, bySlot, registers);
        Clear(asked, bySlot);
        return decision;
    }

    /// <summary>Decides on what is known, if all of <paramref name="asked"/> is; the rest as above.</summary>
    /// <returns>Whether it is.</returns>
    internal bool TryDecide(
        in Question question, RegisterSnapshots registers, uint asked, in PackedFacts facts, Span<StoredValue> bySlot, out Decision decision)
    {
        var cursor = 0;
        var isKnown = true;
        for (var bits = asked; bits != 0 && isKnown; bits &= bits - 1)
        {
            var index = BitOperations.TrailingZeroCount(bits);
            ref var value = ref bySlot[_slots[index]];
            isKnown = facts.TryFind(_ids[index], ref cursor, out value);
            if (((_foreign | Unnamed) & (1u << index)) != 0 && !value.IsNull)
            {
                // One without a name is read, and its name with it.
                isKnown &= (Unnamed & (1u << index)) == 0;
                value = isKnown ? names.Reject(question, _ids[index]) : value;
            }
        }

        decision = isKnown ? Decider.Decide(Rules, question, bySlot, registers) : default;
        Clear(asked, bySlot);
        return isKnown;
    }

    private void Clear(uint asked, Span<StoredValue> bySlot)
    {
        for (var bits = asked; bits != 0; bits &= bits - 1)
        {
            bySlot[_slots[BitOperations.TrailingZeroCount(bits)]] = default;
        }
    }
}
