using System.Runtime.CompilerServices;
using Lookup.Core.Blocks;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Reading;
using Lookup.Server.Mapping;
using Lookup.Server.Store;

namespace Lookup.Server.Reading;

/// <summary>Collects the inputs of a decision: rules, organisation, register snapshots and stored timelines.</summary>
internal sealed class FactReader(
    IFactReader store, IChangeFeed feed, ReadView view, FactCache cache, RegimeSet regimes, ScopeNames names, KnownOrganisations organisations, TimeProvider clock)
{
    /// <summary>
    /// Collects the facts from filter and fact cache, without reading the store. Returns null if they must not be used. The caller
    /// disposes of a complete result and passes an incomplete one to <see cref="ReadAsync(NumberQuestion, FactSet?, StoreDeadline)"/>.
    /// </summary>
    internal FactSet? Begin(in NumberQuestion asked)
    {
        var now = clock.GetTimestamp();
        return asked.Exact || organisations.IsKnown(asked.Asked.Question.Organisation) is null || view.FreshRegistry(now) is not { } registry
            ? null
            : Screen(asked, registry, now);
    }

    /// <summary>Reads what is missing from the store. The caller disposes of the result.</summary>
    /// <param name="asked">The question.</param>
    /// <param name="begun">The incomplete result of <see cref="Begin"/>, or null.</param>
    /// <param name="call">The deadline.</param>
    /// <exception cref="StoreUnavailableException">The store cannot answer or must not be used.</exception>
    internal async Task<FactSet> ReadAsync(NumberQuestion asked, FactSet? begun, StoreDeadline call)
    {
        var freshness = view.Freshness(asked.IsDemanding);
        try
        {
            var facts = begun ?? await ScreenAsync(asked, call.Token);
            if (!facts.IsComplete)
            {
                await ReadAsync(facts, freshness, asked.Demand, call.Token);
                await facts.ScreenAsync(names, call.Token);
            }

            return facts;
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreDeadline.TooSlow();
        }
    }

    /// <summary>
    /// Reads the facts of a set from the store. Names are not compared yet, see <see cref="FactSet.ScreenAsync"/>. Do not dispose of the
    /// set after a failure: an abandoned read may still access it.
    /// </summary>
    /// <param name="facts">The set.</param>
    /// <param name="freshness">The required freshness.</param>
    /// <param name="demand">The demanded consistency token, or null.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store cannot answer, or not freshly enough.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    internal async ValueTask ReadAsync(FactSet facts, ReadFreshness freshness, ConsistencyToken? demand, CancellationToken cancellation)
    {
        var partition = facts.Key.Partition(view.Partitions);
        if (freshness.IsDemanding)
        {
            await store.FenceAsync([partition], cancellation);
        }

        var session = cache.Session(partition);
        var stored = await store.ReadAsync(facts.Key, facts.Ids, cancellation);
        if (!freshness.Accepts(stored.AsOf))
        {
            throw StoreUnavailableException.Unconfirmed();
        }

        facts.SetRead(stored, freshness.AgeOf(stored.AsOf));
        facts.IsOfAnotherHistory = demand is not null
            && !await feed.HasAsync(stored.Partition, demand.VersionOf(stored.Partition), demand.MarkOf(stored.Partition), cancellation);
        if (cache.IsOn)
        {
            StoredValue[] values = [.. stored.Values];
            cache.Keep(session, stored.Partition, stored.Version, facts.Key, facts.Ids.Span, values);
        }
    }

    /// <summary>Returns the blocks that bind an organisation, read from the store; null if there are none.</summary>
    /// <exception cref="StoreUnavailableException">The store cannot answer or must not be used.</exception>
    internal async ValueTask<BlockView?> BlocksAsync(string organisation, CancellationToken cancellation) =>
        (await view.RegistryAsync(exact: true, cancellation)).Blocks.For(organisation);

    /// <summary>Reads the facts of many numbers, and the names of the scopes found. Ask <see cref="ReadFreshness.Fault"/> about each number.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="StoreUnavailableException">A name could not be read.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    internal static async ValueTask ReadAsync(
        IFactReader store, ScopeNames names, int partitions, ReadBatch batch, ReadFreshness freshness, CancellationToken cancellation)
    {
        if (batch.Count == 0)
        {
            return;
        }

        if (freshness.IsDemanding)
        {
            try
            {
                await store.FenceAsync(Enumerable.Range(0, partitions), cancellation);
            }
            catch (StoreUnavailableException)
            {
                // Other servers of a cluster may have succeeded; each read shows whether it is fresh.
            }
        }

        await store.ReadAsync(batch, cancellation);
        await names.LearnAsync(batch, cancellation);
    }

    /// <summary>
    /// Reads what is missing of several sets in one batch. Consecutive sets of one number share a read. Nothing is cached: the numbers of
    /// past calls must not displace those that are being called.
    /// </summary>
    /// <param name="sets">The incomplete sets; each that cannot be read, or not freshly enough, stays incomplete.</param>
    /// <param name="batch">An empty batch. Decide before it is used again.</param>
    /// <param name="freshness">The required freshness.</param>
    /// <param name="demand">The demanded consistency token, or null.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">A name could not be read.</exception>
    internal async ValueTask ReadAsync(
        IReadOnlyList<FactSet> sets, ReadBatch batch, ReadFreshness freshness, ConsistencyToken? demand, CancellationToken cancellation)
    {
        var items = new int[sets.Count];
        for (var i = 0; i < items.Length; i++)
        {
            items[i] = i > 0 && sets[i].Key == sets[i - 1].Key && sets[i].Ids.Span.SequenceEqual(sets[i - 1].Ids.Span)
                ? items[i - 1]
                : batch.Add(sets[i].Key, sets[i].Ids.Span);
        }

        await ReadAsync(store, names, view.Partitions, batch, freshness, cancellation);
        for (var i = 0; i < items.Length; i++)
        {
            if (freshness.Fault(batch, items[i]) is null)
            {
                sets[i].SetRead(batch, items[i], freshness.AgeOf(batch.AsOf(items[i])));
                await sets[i].ScreenAsync(names, cancellation);
                var (partition, _) = batch.Position(items[i]);
                sets[i].IsOfAnotherHistory = demand is not null
                    && !await feed.HasAsync(partition, demand.VersionOf(partition), demand.MarkOf(partition), cancellation);
            }
        }
    }

    private async ValueTask<FactSet> ScreenAsync(NumberQuestion asked, CancellationToken cancellation)
    {
        await organisations.LearnAsync(asked.Asked.Question.Organisation, cancellation);
        return Screen(asked, await view.RegistryAsync(asked.Exact, cancellation), clock.GetTimestamp());
    }

    /// <summary>Plans the facts to read and removes those that are absent by the filter or found in the cache.</summary>
    internal FactSet Screen(in NumberQuestion asked, RegistrySnapshot registry, long now)
    {
        var question = asked.Asked.Resolve(registry, organisations.IsKnown(asked.Asked.Question.Organisation) is true, asked.Number.Value);
        var key = view.Encrypt(asked.Number, asked.Demand, now, out var filter);
        var facts = FactSet.Create(key, question, registry.Registers, regimes.Find(asked.Number, question.CallTime, question.Region));
        (facts.RegistryAge, facts.Blocks) = (clock.AgeAt(registry.ReadAt, now), registry.Blocks);
        if (facts.IsComplete || asked.Exact || filter is null)
        {
            return facts;
        }

        var partition = key.Partition(view.Partitions);
        var possible = filter.Filter!.MayContain(key, facts.Ids.Span);
        facts.ScreenWith(new StorePosition(partition, filter.Version), clock.AgeAt(filter.AsOf, now), possible);
        if (!facts.IsComplete)
        {
            var known = cache.TryFind(partition, key, out var packed) && facts.TryTake(packed) && facts.TryScreen(names);
            cache.CountLookups(known ? 1 : 0, known ? 0 : 1);
        }

        return facts;
    }
}
