using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Server.Batch;
using Lookup.Server.Hosting;
using Lookup.Server.Records;
using Lookup.Server.Registry;

namespace Lookup.Server.Services;

/// <summary>Gathers what a decision rests on: rules, organisation, register snapshots, stored timelines.</summary>
internal sealed class FactReader(
    IFactStore store,
    FilterReplica replica,
    RecordCache cache,
    RegimeSet regimes,
    NumberCipher cipher,
    RegistryReplica registry,
    StoreMonitor monitor,
    LookupServerOptions options,
    TimeProvider clock)
{
    /// <summary>
    /// What a decision rests on, if the replica knows to be absent or the cache has all of it; else null. The caller disposes
    /// of the result.
    /// </summary>
    internal FactsRead? TryRead(in NumberQuestion asked)
    {
        var now = clock.GetTimestamp();
        if (asked.Exact || monitor.Current.Untrusted is not null || registry.FreshAt(now) is not { } fresh)
        {
            return null;
        }

        var read = Plan(asked, fresh);
        if (Screen(read, cipher.Encrypt(asked.Number), asked.Demand, now))
        {
            return read;
        }

        read.Dispose();
        return null;
    }

    /// <summary>Reads what neither the replica knows to be absent nor the cache has. The caller disposes of the result.</summary>
    /// <param name="asked">The question.</param>
    /// <param name="call">The time that there is.</param>
    /// <exception cref="StoreUnavailableException">The store cannot answer, or must not be used.</exception>
    internal async Task<FactsRead> ReadAsync(NumberQuestion asked, StoreCall call)
    {
        monitor.ThrowIfUntrusted();
        var freshness = new ReadFreshness(clock.GetTimestamp(), asked.IsDemanding, clock, options.FreshnessBoundMs);
        var key = cipher.Encrypt(asked.Number);
        try
        {
            var read = Plan(asked, asked.Exact ? await registry.ReadAsync(call.Token) : await registry.CurrentAsync(call.Token));
            if (asked.Exact ? read.Rules is null : Screen(read, key, asked.Demand, clock.GetTimestamp()))
            {
                return read;
            }

            // After a failure it is left to the collector: a read that was given up may still look at it.
            var partition = key.Partition(store.Manifest.Partitions);
            if (freshness.IsDemanding)
            {
                await store.FenceAsync([partition], call.Token);
            }

            var session = cache.Session(partition);
            var stored = await store.ReadAsync(key, read.Ids, call.Token);
            if (!freshness.Accepts(stored.AsOf))
            {
                throw StoreUnavailableException.Unconfirmed();
            }

            read.Take(stored, freshness.AgeOf(stored.AsOf));
            Keep(session, key, read.Ids.Span, stored);
            return read;
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreCall.TooSlow();
        }
    }

    private FactsRead Plan(in NumberQuestion asked, RegistrySnapshot snapshot) => FactsRead.Of(
        asked.Asked.Resolve(snapshot), snapshot.Registers, regimes.Find(asked.Number, asked.Asked.Question.CallTime));

    /// <summary>Leaves only those facts to be read that may be there and are not in the cache.</summary>
    /// <returns>Whether there are none.</returns>
    private bool Screen(FactsRead read, NumberKey key, ConsistencyToken? demand, long now)
    {
        if (read.Rules is null)
        {
            return true;
        }

        var partition = key.Partition(store.Manifest.Partitions);
        if (FreshFilters.Usable(replica, partition, demand, clock, now, options.FreshnessBoundMs) is not { } state)
        {
            return false;
        }

        var possible = state.Filter!.MayContain(key, read.Ids.Span);
        read.Rest(new StorePosition(partition, state.Version), clock.GetElapsedTime(state.AsOf, now), possible);
        if (possible == 0)
        {
            return true;
        }

        var known = cache.TryFind(partition, key, out var facts) && read.TryTake(facts);
        cache.Note(known ? 1 : 0, known ? 0 : 1);
        return known;
    }

    private void Keep(int session, NumberKey key, ReadOnlySpan<FactId> ids, in StoreRead stored)
    {
        if (cache.IsOn)
        {
            StoredValue[] values = [.. stored.Values];
            cache.Keep(session, stored.Partition, stored.Version, key, ids, values);
        }
    }
}
