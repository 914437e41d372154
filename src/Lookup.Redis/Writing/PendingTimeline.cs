using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Redis.Writing;

/// <summary>A timeline to be stored, and the facts of a batch that it consists of.</summary>
internal sealed class PendingTimeline(NumberPseudonym key, FactId id)
{
    private static readonly Dictionary<long, byte[]> NoClaims = [];
    private static readonly Dictionary<long, string> NoTexts = [];

    private readonly List<(int Index, FactEntry Entry)> _facts = [];
    private readonly Dictionary<long, ClaimChange> _claims = [];
    private readonly Dictionary<long, string> _texts = [];
    private readonly List<(long Effective, string Before, string After)> _changedTexts = [];
    private readonly List<(long Effective, string Text)> _details = [];
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

    /// <summary>The texts of versions that it adds.</summary>
    internal IReadOnlyList<(long Effective, string Text)> Details => _details;

    /// <summary>The texts of versions on record that it changes; <c>Before</c> is empty for none.</summary>
    internal IReadOnlyList<(long Effective, string Before, string After)> ChangedTexts => _changedTexts;

    internal void Add(int index, in StoredFact fact)
    {
        _facts.Add((index, fact.Entry));
        if (fact.Detail is not null)
        {
            var at = fact.Entry.Effective;
            _texts[at] = FactDetail.Merge(_texts.GetValueOrDefault(at), fact.Detail);
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

    /// <summary>Returns the versions whose texts must be read before merging with the stored value.</summary>
    internal IReadOnlyList<long> TextsNeeded(byte[] stored) =>
        [.. _texts.Keys.Where(at => Timeline.TryAt(id.Kind, stored, at, out _))];

    /// <summary>Merges the facts of the batch alone.</summary>
    internal void Merge() => MergeWith([], NoClaims, NoTexts);

    /// <summary>Merges the facts into the stored timeline.</summary>
    /// <param name="stored">The stored value.</param>
    /// <param name="claims">The existing claims of <see cref="ClaimsNeeded"/>.</param>
    /// <param name="texts">The existing texts of <see cref="TextsNeeded"/>.</param>
    /// <returns>True if there is anything to store.</returns>
    /// <exception cref="InvalidDataException">The stored value cannot be read.</exception>
    internal bool MergeWith(byte[] stored, IReadOnlyDictionary<long, byte[]> claims, IReadOnlyDictionary<long, string> texts)
    {
        _isNew = new bool[_facts.Count];
        _claims.Clear();
        MergeTexts(stored, texts);
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
            _isNew[i] |= _changedTexts.Exists(text => text.Effective == fact.Effective);
            merged = next;
        }

        Expected = stored;
        Value = merged;
        return _claims.Count > 0 || _changedTexts.Count > 0 || !merged.AsSpan().SequenceEqual(stored);
    }

    /// <param name="stored">Whether the server stored the value.</param>
    /// <param name="outcomes">Receives the outcome of each fact.</param>
    internal void Finish(bool stored, WriteOutcome[] outcomes)
    {
        // The server stores changed texts also if the value stays as it is.
        stored |= _changedTexts.Count > 0;
        for (var i = 0; i < _facts.Count; i++)
        {
            outcomes[_facts[i].Index] = stored && _isNew[i] ? WriteOutcome.Recorded : WriteOutcome.Unchanged;
        }
    }

    private void MergeTexts(byte[] stored, IReadOnlyDictionary<long, string> texts)
    {
        _changedTexts.Clear();
        _details.Clear();
        foreach (var (at, text) in _texts)
        {
            if (!Timeline.TryAt(id.Kind, stored, at, out _))
            {
                _details.Add((at, text));
                continue;
            }

            var before = texts.GetValueOrDefault(at);
            var after = FactDetail.Merge(before, text);
            if (after != before)
            {
                _changedTexts.Add((at, before ?? "", after));
            }
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
