using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Redis.Topology;

namespace Lookup.Redis.Writing;

/// <summary>Writes facts under one encryption key, or under two during a key rotation.</summary>
internal sealed class RotatingWriter(RedisTopology link, KeyRotationState keys, RedisWriter writer, ChangeNotifier notifier) : IFactWriter
{
    /// <inheritdoc/>
    public async Task<WriteResult> WriteAsync(IReadOnlyList<StoredFact> facts, CancellationToken cancellation)
    {
        var result = await InOnePhaseAsync(state => WriteAsync(facts, state, cancellation), cancellation);
        notifier.Wrote();
        return result;
    }

    /// <inheritdoc/>
    public async Task<ConsistencyToken?> TryReplaceAsync(IReadOnlyList<TimelineChange> changes, CancellationToken cancellation)
    {
        var token = await InOnePhaseAsync(state => TryReplaceAsync(changes, state, cancellation), cancellation);
        notifier.Wrote();
        return token;
    }

    /// <inheritdoc/>
    public async Task<EraseResult> EraseAsync(NumberPseudonym key, StoredFact suppression, CancellationToken cancellation)
    {
        if (suppression.Key != key)
        {
            throw new ArgumentException("The suppression must be about the same number.", nameof(suppression));
        }

        var result = await InOnePhaseAsync(state => EraseAsync(suppression, state, cancellation), cancellation);
        notifier.Wrote();
        return result;
    }

    // Write under the old key first: while facts are copied, reads use it, see KeyRotation.cs.
    private async Task<WriteResult> WriteAsync(IReadOnlyList<StoredFact> facts, KeyState state, CancellationToken cancellation)
    {
        var result = await writer.WriteAsync(Under(state.Phase.Key), state.AcceptedEpochs, cancellation);
        if (!state.Phase.IsBoth)
        {
            return result;
        }

        var next = await writer.WriteAsync(Under(state.Phase.Next), state.AcceptedEpochs, cancellation);
        return result with { Token = result.Token.And(next.Token) };

        List<StoredFact> Under(string keyCheck) => [.. facts.Select(fact => fact with { Key = keys.Under(fact.Key, keyCheck) })];
    }

    // A writer that decides by the old key and one that decides by the new key must not both win, and neither may later conflict
    // with a writer that uses the new key alone. So the old key decides first, for all; where writers may use the new key alone,
    // the new key decides as well. A writer that won under the old key only is already counted there, so it is counted under the
    // new key too.
    private async Task<ConsistencyToken?> TryReplaceAsync(IReadOnlyList<TimelineChange> changes, KeyState state, CancellationToken cancellation)
    {
        var token = await writer.TryReplaceAsync(Under(state.Phase.Key), state.AcceptedEpochs, cancellation);
        if (token is null || !state.Phase.IsBoth)
        {
            return token;
        }

        var next = Under(state.Phase.Next);
        if (await writer.TryReplaceAsync(next, state.AcceptedEpochs, cancellation) is { } both)
        {
            return token.And(both);
        }

        var merged = await writer.WriteAsync(next.ConvertAll(change => change.Fact), state.AcceptedEpochs, cancellation);
        return state.Phase.IsCopying ? token.And(merged.Token) : null;

        List<TimelineChange> Under(string keyCheck) =>
            [.. changes.Select(change => change with { Fact = change.Fact with { Key = keys.Under(change.Fact.Key, keyCheck) } })];
    }

    private async Task<EraseResult> EraseAsync(StoredFact suppression, KeyState state, CancellationToken cancellation)
    {
        var result = await EraseAsync(state.Phase.Key);
        if (!state.Phase.IsBoth)
        {
            return result;
        }

        var next = await EraseAsync(state.Phase.Next);
        return new EraseResult(Math.Max(result.Erased, next.Erased), result.Token.And(next.Token));

        Task<EraseResult> EraseAsync(string keyCheck) =>
            writer.EraseAsync(suppression with { Key = keys.Under(suppression.Key, keyCheck) }, state.AcceptedEpochs, cancellation);
    }

    // A write uses one phase of the key rotation throughout. If the store has advanced meanwhile, the write is repeated.
    private async Task<T> InOnePhaseAsync<T>(Func<KeyState, Task<T>> write, CancellationToken cancellation)
    {
        while (true)
        {
            var state = keys.Current;
            try
            {
                return await write(state);
            }
            catch (StoreUnavailableException e) when (e.Fault == StoreFault.WrongKey)
            {
                var (manifest, _) = StoreManifestFormat.Read(await StoreManifestFormat.ReadAsync(link, cancellation));
                keys.Advance(manifest.Phase, state.Phase.Number);
                if (keys.Current == state)
                {
                    throw;
                }
            }
        }
    }
}
