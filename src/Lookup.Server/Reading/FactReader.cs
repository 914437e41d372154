using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Reading;
using Lookup.Server.Mapping;
using Lookup.Server.Store;

namespace Lookup.Server.Reading;

/// <summary>Collects the inputs of a decision: rules, organisation, register snapshots and stored timelines.</summary>
internal sealed class FactReader(
    StoreManifest manifest,
    IFactReader store,
    IChangeFeed feed,
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
    /// Collects the facts from filter and fact cache, without reading the store. Returns null if they must not be used. The caller
    /// disposes of a complete result and passes an incomplete one to <see cref="ReadAsync"/>.
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
    /// <param name="begun">The incomplete result of <see cref="Begin"/>, or null.</param>
    /// <param name="call">The deadline.</param>
    /// <exception cref="StoreUnavailableException">The store cannot answer or must not be used.</exception>
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
                    // Not reused after a failure: an abandoned read may still access it.
                    var partition = read.Key.Partition(manifest.Partitions);
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

                    read.SetRead(stored, freshness.AgeOf(stored.AsOf));
                    read.IsOfAnotherHistory = asked.Demand is { } demand
                        && !await feed.HasAsync(partition, demand.VersionOf(partition), demand.MarkOf(partition), call.Token);
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

    // Check after reading: after a key rotation the pseudonym is stale, and facts may have been missed.
    private bool IsCurrent(FactSet read) => read.KeyGeneration == cipher.KeyGeneration;

    private FactSet Plan(in NumberQuestion asked, RegistrySnapshot snapshot)
    {
        var keyGeneration = cipher.KeyGeneration;
        return FactSet.Create(
            cipher.Encrypt(asked.Number),
            keyGeneration,
            asked.Asked.Resolve(snapshot),
            snapshot.Registers,
            regimes.Find(asked.Number, asked.Asked.Question));
    }

    /// <summary>Reduces the facts to read to those that may exist and are not in the cache.</summary>
    private FactSet Screen(in NumberQuestion asked, RegistrySnapshot snapshot, long now)
    {
        var read = Plan(asked, snapshot);
        if (read.IsComplete)
        {
            return read;
        }

        var partition = read.Key.Partition(manifest.Partitions);
        if (FreshFilters.Usable(replica, partition, asked.Demand, clock, now, options.FreshnessBoundMs) is not { } state)
        {
            return read;
        }

        var possible = state.Filter!.MayContain(read.Key, read.Ids.Span);
        read.ScreenWith(new StorePosition(partition, state.Version), clock.AgeAt(state.AsOf, now), possible);
        if (!read.IsComplete)
        {
            var known = cache.TryFind(partition, read.Key, out var facts) && read.TryTake(facts) && read.TryScreen(names);
            cache.CountLookups(known ? 1 : 0, known ? 0 : 1);
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
