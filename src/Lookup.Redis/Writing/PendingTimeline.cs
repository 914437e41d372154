using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Redis.Writing;

/// <summary>A timeline to be stored, and the facts of a batch that it consists of.</summary>
internal sealed class PendingTimeline(NumberPseudonym key, FactId id)
{
    private static readonly Dictionary<long, byte[]> NoClaims = [];

    private readonly List<(int Index, FactEntry Entry)> _facts = [];
    private readonly Dictionary<long, ClaimChange> _claims = [];
    private bool[] _isNew = [];

    /// <summary>Creates a replacement whose value the caller made.</summary>
    internal PendingTimeline(TimelineChange change)
        : this(change.Fact.Key, change.Fact.Id) =>
        (Expected, Value) = (change.Expected, change.Value);

    internal NumberPseudonym Key => key;

    internal FactId Id => id;

    /// <summary>The value that must be stored for <see cref="Value"/> to replace it; empty for none.</summary>
    internal byte[] Expected { get; private set; } = [];

    /// <summary>The value to store.</summary>
    internal byte[] Value { get; private set; } = [];

    /// <summary>The claims that change with it.</summary>
    internal IReadOnlyCollection<ClaimChange> Claims => _claims.Values;

    internal List<(long Effective, string Text)> Details { get; } = [];

    internal void Add(int index, in StoredFact fact)
    {
        _facts.Add((index, fact.Entry));
        if (fact.Detail is not null)
        {
            Details.Add((fact.Entry.Effective, fact.Detail));
        }
    }

    /// <summary>Returns the versions whose claims must be read before merging with the stored value.</summary>
    internal IReadOnlyList<long> ClaimsNeeded(byte[] stored)
    {
        // The value is the expected one, so another writer changed the claims.
        var refused = stored.AsSpan().SequenceEqual(Expected);
        return
        [
            .. _facts.Select(fact => fact.Entry.Effective).Distinct().Where(
                at => (refused && _claims.ContainsKey(at)) || (Timeline.TryAt(id.Kind, stored, at, out var entry) && entry.Shared)),
        ];
    }

    /// <summary>Merges the facts of the batch alone.</summary>
    internal void Merge() => MergeWith([], NoClaims);

    /// <summary>Merges the facts into the stored timeline.</summary>
    /// <param name="stored">The stored value.</param>
    /// <param name="claims">The existing claims of <see cref="ClaimsNeeded"/>.</param>
    /// <returns>True if there is anything to store.</returns>
    /// <exception cref="InvalidDataException">The stored value cannot be read.</exception>
    internal bool MergeWith(byte[] stored, IReadOnlyDictionary<long, byte[]> claims)
    {
        _isNew = new bool[_facts.Count];
        _claims.Clear();
        var merged = stored;
        for (var i = 0; i < _facts.Count; i++)
        {
            var fact = _facts[i].Entry;
            var known = Timeline.TryAt(id.Kind, merged, fact.Effective, out var present);
            if (known && (present.Shared || claims.ContainsKey(fact.Effective) || !FactSource.IsSameClaimant(present.Source, fact.Source)))
            {
                Claim(present, fact, claims);
            }

            var next = Timeline.Merge(id.Kind, merged, Timeline.Single(id.Kind, fact));
            // An additional source for a known assertion is not news about the number.
            _isNew[i] = known && Timeline.TryAt(id.Kind, next, fact.Effective, out var after)
                ? after with { Shared = present.Shared } != present
                : !next.AsSpan().SequenceEqual(merged);
            merged = next;
        }

        Expected = stored;
        Value = merged;
        return _claims.Count > 0 || !merged.AsSpan().SequenceEqual(stored);
    }

    internal void Finish(bool stored, WriteOutcome[] outcomes)
    {
        for (var i = 0; i < _facts.Count; i++)
        {
            outcomes[_facts[i].Index] = stored && _isNew[i] ? WriteOutcome.Recorded : WriteOutcome.Unchanged;
        }
    }

    private void Claim(in FactEntry present, in FactEntry fact, IReadOnlyDictionary<long, byte[]> claims)
    {
        var before = claims.GetValueOrDefault(fact.Effective) ?? [];
        var now = _claims.TryGetValue(fact.Effective, out var changed) ? changed.After : before;
        var after = FactClaims.Add(id.Kind, now, present, fact);
        if (after.AsSpan().SequenceEqual(before))
        {
            _claims.Remove(fact.Effective);
        }
        else
        {
            _claims[fact.Effective] = new ClaimChange(fact.Effective, before, after);
        }
    }
}
