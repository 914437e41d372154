using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Store;
using Lookup.Server.Mapping;
using Lookup.Server.Store;

namespace Lookup.Server.Reading;

/// <summary>Gathers what a decision rests on: rules, organisation, register snapshots, stored timelines.</summary>
internal sealed class FactReader(
    IFactStore store,
    FilterReplica replica,
    FactCache cache,
    RegimeSet regimes,
    NumberCipher cipher,
    RegistryReplica registry,
    ScopeNames names,
    StoreMonitor monitor,
    LookupServerOptions options,
    TimeProvider clock)
{
    /// <summary>
    /// Takes what the replica knows to be absent and what the cache has, at once. Null where that must not be asked. Where the
    /// result is whole the caller disposes of it; where not, it goes on to <see cref="ReadAsync"/>.
    /// </summary>
    internal FactSet? Begin(in NumberQuestion asked)
    {
        var now = clock.GetTimestamp();
        if (asked.Exact || monitor.Current.Untrusted is not null || registry.FreshAt(now) is not { } fresh)
        {
            return null;
        }

        var read = Screen(asked, fresh, now);
        return IsCurrent(read) ? read : null;
    }

    /// <summary>Reads what is missing from the store. The caller disposes of the result.</summary>
    /// <param name="asked">The question.</param>
    /// <param name="begun">What <see cref="Begin"/> gave for it; not whole.</param>
    /// <param name="call">The time that there is.</param>
    /// <exception cref="StoreUnavailableException">The store cannot answer, or must not be used.</exception>
    internal async Task<FactSet> ReadAsync(NumberQuestion asked, FactSet? begun, StoreDeadline call)
    {
        monitor.ThrowIfUntrusted();
        var freshness = new ReadFreshness(clock.GetTimestamp(), asked.IsDemanding, clock, options.FreshnessBoundMs);
        try
        {
            while (true)
            {
                var read = begun ?? (asked.Exact
                    ? Plan(asked, await registry.ReadAsync(call.Token))
                    : Screen(asked, await registry.CurrentAsync(call.Token), clock.GetTimestamp()));
                if (!read.IsComplete)
                {
                    // After a failure it is left to the collector: a read that was given up may still look at it.
                    var partition = read.Key.Partition(store.Manifest.Partitions);
                    if (freshness.IsDemanding)
                    {
                        await store.FenceAsync([partition], call.Token);
                    }

                    var session = cache.Session(partition);
                    var stored = await store.ReadAsync(read.Key, read.Ids, call.Token);
                    if (!freshness.Accepts(stored.AsOf))
                    {
                        throw StoreUnavailableException.Unconfirmed();
                    }

                    read.Take(stored, freshness.AgeOf(stored.AsOf));
                    read.IsOfAnotherHistory = asked.Demand is { } demand
                        && !await store.HasAsync(partition, demand.VersionOf(partition), demand.MarkOf(partition), call.Token);
                    Keep(session, read, stored);
                    await read.ScreenAsync(names, call.Token);
                }

                if (IsCurrent(read))
                {
                    return read;
                }

                begun = null;
            }
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreDeadline.TooSlow();
        }
    }

    // Looked at behind all that was read: a number that was looked for by a key that is not in use any more may have facts.
    private bool IsCurrent(FactSet read) => read.KeyGeneration == cipher.KeyGeneration;

    private FactSet Plan(in NumberQuestion asked, RegistrySnapshot snapshot)
    {
        var keyGeneration = cipher.KeyGeneration;
        return FactSet.Of(
            cipher.Encrypt(asked.Number),
            keyGeneration,
            asked.Asked.Resolve(snapshot),
            snapshot.Registers,
            regimes.Find(asked.Number, asked.Asked.Question));
    }

    /// <summary>Leaves only those facts to be read that may be there and are not in the cache.</summary>
    private FactSet Screen(in NumberQuestion asked, RegistrySnapshot snapshot, long now)
    {
        var read = Plan(asked, snapshot);
        if (read.IsComplete)
        {
            return read;
        }

        var partition = read.Key.Partition(store.Manifest.Partitions);
        if (FreshFilters.Usable(replica, partition, asked.Demand, clock, now, options.FreshnessBoundMs) is not { } state)
        {
            return read;
        }

        var possible = state.Filter!.MayContain(read.Key, read.Ids.Span);
        read.ScreenWith(new StorePosition(partition, state.Version), clock.AgeAt(state.AsOf, now), possible);
        if (!read.IsComplete)
        {
            var known = cache.TryFind(partition, read.Key, out var facts) && read.TryTake(facts) && read.TryScreen(names);
            cache.Note(known ? 1 : 0, known ? 0 : 1);
        }

        return read;
    }

    private void Keep(int session, FactSet read, in StoreRead stored)
    {
        if (cache.IsOn)
        {
            StoredValue[] values = [.. stored.Values];
            cache.Keep(session, stored.Partition, stored.Version, read.Key, read.Ids.Span, values);
        }
    }
}
