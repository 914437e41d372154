using Lookup.Core.Blocks;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Core.Regimes;
using Lookup.Core;
using Lookup.Redis;
using Lookup.Redis.Reading;
using Lookup.Server.Mapping;

namespace Lookup.Server.Reading;

/// <summary>The facts of one decision. Pooled per thread: Dispose returns it.</summary>
internal sealed class FactSet : IDisposable
{
    // The sets that a thread has in use when it completes a batch of reads.
    private const int MaxFree = 64;

    [ThreadStatic]
    private static Stack<FactSet>? s_free;

    private readonly FactId[] _ids = new FactId[Decider.Slots];
    private readonly byte[] _slots = new byte[Decider.Slots];
    private readonly StoredValue[] _bySlot = new StoredValue[Decider.Slots];
    private Question _question = new() { CallTime = 0, OrganisationName = "", Organisation = 0, OrganisationGroup = 0 };
    private RegisterSnapshots _registers = null!;
    private int _count;
    private bool _isDirty;

    private FactSet()
    {
    }

    /// <summary>Creates a set with nothing read yet.</summary>
    internal static FactSet Create(NumberPseudonym key, in Question question, RegisterSnapshots registers, Rules? rules)
    {
        var read = s_free is { } free && free.TryPop(out var used) ? used : new FactSet();
        (read.Key, read._question, read._registers, read.Rules) = (key, question, registers, rules);
        (read.Position, read.Age, read.RegistryAge, read.IsComplete, read.IsOfAnotherHistory) = (null, TimeSpan.Zero, TimeSpan.Zero, rules is null, false);
        read._count = rules is null ? 0 : Decider.Plan(rules, question, read._ids, read._slots);
        return read;
    }

    internal NumberPseudonym Key { get; private set; }

    /// <summary>Whether nothing remains to be read.</summary>
    internal bool IsComplete { get; private set; }

    /// <summary>Whether the demanded token is of another replication history, whose changes are lost.</summary>
    internal bool IsOfAnotherHistory { get; set; }

    internal ref readonly Question Question => ref _question;

    internal RegisterSnapshots Registers => _registers;

    internal Rules? Rules { get; private set; }

    /// <summary>The store position that the facts are at least as new as; null if no facts were needed.</summary>
    internal StorePosition? Position { get; private set; }

    /// <summary>Age of the filter or of the read, whichever is older; zero if the facts are current.</summary>
    internal TimeSpan Age { get; private set; }

    /// <summary>Age of the registry that the organisation and its blocks were taken from.</summary>
    internal TimeSpan RegistryAge { get; set; }

    /// <summary>All blocks of that registry.</summary>
    internal BlockSet Blocks { get; set; } = BlockSet.Empty;

    internal ReadOnlyMemory<FactId> Ids => _ids.AsMemory(0, _count);

    internal ReadOnlySpan<StoredValue> BySlot => _bySlot;

    /// <summary>Removes facts that a filter shows to be absent; keeps the possible ones and the objections.</summary>
    internal void ScreenWith(StorePosition position, TimeSpan age, uint possible)
    {
        (Position, Age) = (position, age);
        var kept = 0;
        for (var i = 0; i < _count; i++)
        {
            if (possible != 0 && ((possible & (1u << i)) != 0 || _ids[i].Kind == FactKind.Objection))
            {
                (_ids[kept], _slots[kept]) = (_ids[i], _slots[i]);
                kept++;
            }
        }

        (_count, IsComplete) = (kept, possible == 0);
    }

    internal void SetRead(in StoreRead stored, TimeSpan age)
    {
        for (var i = 0; i < _count; i++)
        {
            _bySlot[_slots[i]] = stored.Values[i];
        }

        SetRead(new StorePosition(stored.Partition, stored.Version), age);
    }

    /// <summary>Takes the values of an item of a batch; decide before the batch is read again or emptied.</summary>
    internal void SetRead(ReadBatch batch, int item, TimeSpan age)
    {
        for (var i = 0; i < _count; i++)
        {
            _bySlot[_slots[i]] = batch.Value(item, i);
        }

        var (partition, version) = batch.Position(item);
        SetRead(new StorePosition(partition, version), age);
    }

    private void SetRead(StorePosition read, TimeSpan age)
    {
        (_isDirty, IsComplete) = (true, true);
        Age = age > Age ? age : Age;
        // The older position applies; a read behind the filter has lost changes. A read by another key may be of another partition.
        if (Position is not { } filtered || filtered.Partition != read.Partition || read.Version < filtered.Version)
        {
            Position = read;
        }
    }

    /// <summary>Takes cached values. If any value is missing, all must be read.</summary>
    /// <returns>Whether every value is cached.</returns>
    internal bool TryTake(in PackedFacts facts)
    {
        _isDirty = true;
        var cursor = 0;
        for (var i = 0; i < _count; i++)
        {
            if (!facts.TryFind(_ids[i], ref cursor, out _bySlot[_slots[i]]))
            {
                return false;
            }
        }

        return IsComplete = true;
    }

    /// <summary>Replaces facts that were recorded under another name with the same hash.</summary>
    /// <returns>False if a name is not in memory; then call <see cref="ScreenAsync"/>.</returns>
    internal bool TryScreen(ScopeNames names) => TryScreen(names, isLearned: false);

    /// <summary>Does the same and reads missing names from the store.</summary>
    /// <exception cref="StoreUnavailableException">A name could not be read.</exception>
    internal async ValueTask ScreenAsync(ScopeNames names, CancellationToken cancellation)
    {
        for (var i = 0; i < _count; i++)
        {
            if (!_bySlot[_slots[i]].IsNull)
            {
                await names.LearnAsync(_ids[i].Scope, cancellation);
            }
        }

        TryScreen(names, isLearned: true);
    }

    private bool TryScreen(ScopeNames names, bool isLearned)
    {
        for (var i = 0; i < _count; i++)
        {
            ref var value = ref _bySlot[_slots[i]];
            var isMeant = value.IsNull ? true : names.IsMeant(Rules!, _question, _ids[i]);
            if (isMeant is null && !isLearned)
            {
                return IsComplete = false;
            }

            // A scope without a registered name never counts.
            if (isMeant is not true)
            {
                value = names.Reject(_question, _ids[i]);
            }
        }

        return true;
    }

    /// <summary>Returns the stored value of the n-th id, or null.</summary>
    internal byte[]? ValueAt(int index) => _bySlot[_slots[index]].ToArray();

    /// <summary>Returns the stored value of one of the ids, or null.</summary>
    internal byte[]? ValueOf(FactId id) => Ids.Span.IndexOf(id) is >= 0 and var index ? ValueAt(index) : null;

    /// <summary>Decides with another block than the one found before, or with none.</summary>
    internal void Replace(NumberBlock? block) => _question = _question with { Block = block };

    /// <summary>Decides by the facts, see <see cref="Decider.Decide"/>.</summary>
    internal Decision Decide() => Decider.Decide(Rules, _question, _bySlot, _registers);

    /// <summary>Returns the digest of the facts for the receipt; see <see cref="FactsDigest"/>.</summary>
    internal ReadOnlyMemory<byte> Digest()
    {
        if (_count == 0 && _question.Block is null)
        {
            return FactsDigest.Nothing;
        }

        var values = new StoredValue[_count];
        for (var i = 0; i < _count; i++)
        {
            values[i] = _bySlot[_slots[i]];
        }

        if (_question.Block is not { } block)
        {
            return FactsDigest.Compute(Ids.Span, values);
        }

        // The block comes last.
        var (id, value) = block.ToEvidence();
        return FactsDigest.Compute([.. Ids.Span, id], [.. values, value]);
    }

    /// <summary>Returns the set to the pool; do not use it afterwards.</summary>
    public void Dispose()
    {
        // The next user expects empty slots.
        if (_isDirty)
        {
            Array.Clear(_bySlot);
            _isDirty = false;
        }

        s_free ??= new Stack<FactSet>(MaxFree);
        if (s_free.Count < MaxFree)
        {
            s_free.Push(this);
        }
    }
}
