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
/// The facts that rules need for one question, and their decision for a number without facts. Prepared once per chunk
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
    // Bits of timelines of another name, and of those whose name this instance does not know. Neither count.
    private uint _foreign;
    private uint _unnamed;

    /// <summary>The rules; null if no regime applies.</summary>
    internal Rules? Rules { get; private set; }

    /// <summary>The timelines that the decision uses.</summary>
    internal ReadOnlySpan<FactId> Ids => _ids.AsSpan(0, _count);

    /// <summary>All timelines, as bits in the order of <see cref="Ids"/>.</summary>
    internal uint All => (1u << _count) - 1;

    /// <summary>Returns the timelines that may exist according to a filter, as bits.</summary>
    internal uint Possible(BlockFilter filter, NumberPseudonym key) =>
        filter.MayContain(key, _probes.AsSpan(0, _probeCount), _count);

    /// <summary>The objections, as bits. They are part of every read.</summary>
    internal uint Objections { get; private set; }

    /// <summary>Index of the answer for a number without facts.</summary>
    internal int Nothing { get; set; }

    /// <summary>Index of the answer for a number without facts that a block covers; negative until there is one.</summary>
    internal int Blocked { get; set; }

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

        ResolveNames(question);
    }

    /// <summary>Looks up the names of the timelines, at first and after new names were learned.</summary>
    internal void ResolveNames(in Question question)
    {
        (_foreign, _unnamed) = (0, 0);
        for (var i = 0; i < _count; i++)
        {
            var isMeant = names.IsMeant(Rules!, question, _ids[i]);
            _foreign |= isMeant is false ? 1u << i : 0;
            _unnamed |= isMeant is null ? 1u << i : 0;
        }
    }

    /// <summary>Decides a number without facts.</summary>
    internal Decision DecideNothing(in Question question, RegisterSnapshots registers) =>
        Decider.Decide(Rules, question, Absent, registers);

    /// <summary>Decides a number by the facts read.</summary>
    /// <param name="question">The prepared question.</param>
    /// <param name="registers">The registers at that time.</param>
    /// <param name="asked">The timelines read, as bits; the others are known to be absent.</param>
    /// <param name="batch">The reads.</param>
    /// <param name="item">The index of the number in them.</param>
    /// <param name="bySlot">A buffer of <see cref="Decider.Slots"/> empty values; empty again on return.</param>
    internal Decision Decide(
        in Question question, RegisterSnapshots registers, uint asked, ReadBatch batch, int item, Span<StoredValue> bySlot)
    {
        var index = 0;
        for (var bits = asked; bits != 0; bits &= bits - 1)
        {
            var place = BitOperations.TrailingZeroCount(bits);
            ref var value = ref bySlot[_slots[place]];
            value = batch.Value(item, index++);
            if (((_foreign | _unnamed) & (1u << place)) != 0 && !value.IsNull)
            {
                value = names.Reject(question, _ids[place]);
            }
        }

        var decision = Decider.Decide(Rules, question, bySlot, registers);
        Clear(asked, bySlot);
        return decision;
    }

    /// <summary>Decides a number by cached facts if they include all of <paramref name="asked"/>; the other parameters as above.</summary>
    /// <returns>Whether they do.</returns>
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
            if (((_foreign | _unnamed) & (1u << index)) != 0 && !value.IsNull)
            {
                // A timeline without a known name must be read, to learn the name.
                isKnown &= (_unnamed & (1u << index)) == 0;
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
