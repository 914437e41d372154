using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Core.Regimes;
using Lookup.Redis;

namespace Lookup.Server.Reading;

/// <summary>What was read for one decision. Used again on the thread that disposes of it.</summary>
internal sealed class FactSet : IDisposable
{
    // As many as a thread has under way when it answers a batch of reads.
    private const int MaxFree = 64;

    [ThreadStatic]
    private static Stack<FactSet>? s_free;

    private readonly FactId[] _ids = new FactId[Decider.Slots];
    private readonly byte[] _slots = new byte[Decider.Slots];
    private readonly StoredValue[] _bySlot = new StoredValue[Decider.Slots];
    private Question _question = new() { CallTime = 0, Organisation = 0, OrganisationGroup = 0 };
    private RegisterSnapshots _registers = null!;
    private int _count;
    private bool _isDirty;

    private FactSet()
    {
    }

    /// <summary>Nothing is read yet; it is known what to read.</summary>
    internal static FactSet Of(NumberPseudonym key, int keyGeneration, in Question question, RegisterSnapshots registers, Rules? rules)
    {
        var read = s_free is { } free && free.TryPop(out var used) ? used : new FactSet();
        (read.Key, read.KeyGeneration, read._question, read._registers, read.Rules) = (key, keyGeneration, question, registers, rules);
        (read.Position, read.Age, read.IsComplete, read.IsOfAnotherHistory) = (null, TimeSpan.Zero, rules is null, false);
        read._count = rules is null ? 0 : Decider.Plan(rules, question, read._ids, read._slots);
        return read;
    }

    internal NumberPseudonym Key { get; private set; }

    /// <summary>The cipher's key generation at which the key was made.</summary>
    internal int KeyGeneration { get; private set; }

    /// <summary>Nothing is left to be read.</summary>
    internal bool IsComplete { get; private set; }

    /// <summary>The position that is demanded was given out by another history of the store, whose changes are lost.</summary>
    internal bool IsOfAnotherHistory { get; set; }

    internal ref readonly Question Question => ref _question;

    internal RegisterSnapshots Registers => _registers;

    internal Rules? Rules { get; private set; }

    /// <summary>The position of the store that it is at least as new as; null where no facts were needed.</summary>
    internal StorePosition? Position { get; private set; }

    /// <summary>Age of the filter that told of absent facts, or of what was read where that is older; zero if all is as of now.</summary>
    internal TimeSpan Age { get; private set; }

    internal ReadOnlyMemory<FactId> Ids => _ids.AsMemory(0, _count);

    internal ReadOnlySpan<StoredValue> BySlot => _bySlot;

    /// <summary>Rests on a filter for what is absent: only the possible facts are kept, and the objections with them.</summary>
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

    internal void Take(in StoreRead stored, TimeSpan age)
    {
        (_isDirty, IsComplete) = (true, true);
        Age = age > Age ? age : Age;
        for (var i = 0; i < _count; i++)
        {
            _bySlot[_slots[i]] = stored.Values[i];
        }

        // The older of the two counts; a read that is behind the filter has lost something.
        if (Position is not { } filtered || stored.Version < filtered.Version)
        {
            Position = new StorePosition(stored.Partition, stored.Version);
        }
    }

    /// <summary>Takes what is known. What is not known of all leaves the rest to be read.</summary>
    /// <returns>Whether all of it is known.</returns>
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

    /// <summary>Takes out what was recorded under another name with the same hash.</summary>
    /// <returns>False where a name is not known here yet: then the store must be asked, see <see cref="ScreenAsync"/>.</returns>
    internal bool TryScreen(ScopeNames names)
    {
        for (var i = 0; i < _count; i++)
        {
            ref var value = ref _bySlot[_slots[i]];
            if (value.IsNull)
            {
                continue;
            }

            switch (names.IsMeant(Rules!, _question, _ids[i]))
            {
                case null:
                    return IsComplete = false;
                case false:
                    value = names.Reject(_question, _ids[i]);
                    break;
            }
        }

        return true;
    }

    /// <summary>The same, with names that are read from the store.</summary>
    /// <exception cref="StoreUnavailableException">A name could not be read.</exception>
    internal ValueTask ScreenAsync(ScopeNames names, CancellationToken cancellation) =>
        Rules is null ? ValueTask.CompletedTask : names.ScreenAsync(Rules, _question, Ids, _slots.AsMemory(0, _count), _bySlot, cancellation);

    /// <summary>The stored value of the n-th id, or null.</summary>
    internal byte[]? ValueAt(int index) => _bySlot[_slots[index]].ToArray();

    /// <summary>The stored value of one of the ids, or null.</summary>
    internal byte[]? ValueOf(FactId id) => Ids.Span.IndexOf(id) is >= 0 and var index ? ValueAt(index) : null;

    /// <summary>Digest of what was read, for the receipt; see <see cref="FactsDigest"/>.</summary>
    internal ReadOnlyMemory<byte> Digest()
    {
        if (_count == 0)
        {
            return FactsDigest.Nothing;
        }

        var values = new StoredValue[_count];
        for (var i = 0; i < _count; i++)
        {
            values[i] = _bySlot[_slots[i]];
        }

        return FactsDigest.Compute(Ids.Span, values);
    }

    /// <summary>Nothing of it may be looked at any more.</summary>
    public void Dispose()
    {
        // A slot that is not asked for must be empty, whoever uses it next.
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

/// <summary>A partition of the store and its version.</summary>
internal readonly record struct StorePosition(int Partition, ulong Version);
