using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Redis.Store;

/// <summary>A timeline on its way into the store, and the facts of a batch that it is made of.</summary>
internal sealed class PendingTimeline(NumberKey key, FactId id)
{
    private readonly List<(int Index, byte[] Value)> _facts = [];
    private bool[] _isNew = [];

    internal NumberKey Key => key;

    internal FactId Id => id;

    /// <summary>What the store must have for <see cref="Value"/> to replace it; empty for nothing.</summary>
    internal byte[] Expected { get; private set; } = [];

    /// <summary>What is to be stored.</summary>
    internal byte[] Value { get; private set; } = [];

    internal List<(long Effective, string Text)> Details { get; } = [];

    internal void Add(int index, in StoredFact fact)
    {
        _facts.Add((index, Timeline.Single(id.Kind, fact.Entry)));
        if (fact.Detail is not null)
            Details.Add((fact.Entry.Effective, fact.Detail));
    }

    /// <summary>Merges the facts into what the store has.</summary>
    /// <returns>Whether that brought anything new.</returns>
    /// <exception cref="InvalidDataException">What the store has cannot be read.</exception>
    internal bool MergeWith(byte[] stored)
    {
        _isNew = new bool[_facts.Count];
        var merged = stored;
        for (var i = 0; i < _facts.Count; i++)
        {
            var next = Timeline.Merge(id.Kind, merged, _facts[i].Value);
            _isNew[i] = !next.AsSpan().SequenceEqual(merged);
            merged = next;
        }

        Expected = stored;
        Value = merged;
        return !merged.AsSpan().SequenceEqual(stored);
    }

    internal void Finish(bool stored, WriteOutcome[] outcomes)
    {
        for (var i = 0; i < _facts.Count; i++)
        {
            outcomes[_facts[i].Index] = stored && _isNew[i] ? WriteOutcome.Recorded : WriteOutcome.Unchanged;
        }
    }
}
