using System.Buffers;
using Grpc.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Server.Batch;
using Lookup.Server.Hosting;
using Lookup.Server.Mapping;
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
    /// Reads what neither the replica knows to be absent nor the cache has; where nothing is left, it has ended when it
    /// returns. The caller disposes of the result.
    /// </summary>
    /// <param name="number">The number.</param>
    /// <param name="asked">The question.</param>
    /// <param name="exact">Everything is to be read from the store.</param>
    /// <param name="demand">The position that the answer must be as new as, or null.</param>
    /// <param name="context">The call.</param>
    internal async ValueTask<FactsRead> ReadAsync(
        PhoneNumber number, AskedQuestion asked, bool exact, ConsistencyToken? demand, ServerCallContext context)
    {
        monitor.ThrowIfUntrusted();
        var freshness = ReadFreshness.Now(exact, demand, clock, options.FreshnessBoundMs);
        var key = cipher.Encrypt(number);
        FactsRead? read = null;
        if (!exact && registry.Fresh is { } fresh)
        {
            read = Plan(number, asked, fresh);
            if (Screen(read, key, demand))
            {
                return read;
            }
        }

        using var call = new StoreCall(context, options.StoreReadLimitMs);
        try
        {
            if (read is null)
            {
                read = Plan(number, asked, exact ? await registry.ReadAsync(call.Token) : await registry.CurrentAsync(call.Token));
                if (exact ? read.Rules is null : Screen(read, key, demand))
                {
                    return read;
                }
            }

            // After a failure the arrays are left to the collector: a read that was given up may still look at them.
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

    private FactsRead Plan(PhoneNumber number, AskedQuestion asked, RegistrySnapshot snapshot)
    {
        var read = new FactsRead(asked.Resolve(snapshot), snapshot.Registers, regimes.Find(number, asked.Question.CallTime));
        if (read.Rules is not null)
        {
            read.Plan();
        }

        return read;
    }

    /// <summary>Leaves only those facts to be read that may be there and are not in the cache.</summary>
    /// <returns>Whether there are none.</returns>
    private bool Screen(FactsRead read, NumberKey key, ConsistencyToken? demand)
    {
        if (read.Rules is null)
        {
            return true;
        }

        var partition = key.Partition(store.Manifest.Partitions);
        var now = clock.GetTimestamp();
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

/// <summary>What was read for one decision. Its arrays are rented.</summary>
internal sealed class FactsRead(Question question, RegisterSnapshots registers, Rules? rules) : IDisposable
{
    private readonly FactId[] _ids = ArrayPool<FactId>.Shared.Rent(Decider.Slots);
    private readonly byte[] _slots = ArrayPool<byte>.Shared.Rent(Decider.Slots);
    private readonly StoredValue[] _bySlot = RentCleared();
    private int _count;

    internal Question Question => question;

    internal RegisterSnapshots Registers => registers;

    internal Rules? Rules => rules;

    /// <summary>The position of the store that it is at least as new as; null where no facts were needed.</summary>
    internal StorePosition? Position { get; private set; }

    /// <summary>Age of the filter that told of absent facts, or of what was read where that is older; zero if all is as of now.</summary>
    internal TimeSpan Age { get; private set; }

    internal ReadOnlyMemory<FactId> Ids => _ids.AsMemory(0, _count);

    internal ReadOnlySpan<StoredValue> BySlot => _bySlot.AsSpan(0, Decider.Slots);

    internal void Plan() => _count = Decider.Plan(rules!, question, _ids, _slots);

    /// <summary>Rests on a filter for what is absent: only the possible facts are kept, and the objections with them.</summary>
    internal void Rest(StorePosition position, TimeSpan age, uint possible)
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

        _count = kept;
    }

    internal void Take(in StoreRead stored, TimeSpan age)
    {
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
    internal bool TryTake(in KnownFacts facts)
    {
        var cursor = 0;
        for (var i = 0; i < _count; i++)
        {
            if (!facts.TryFind(_ids[i], ref cursor, out _bySlot[_slots[i]]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The stored value of the n-th id, or null.</summary>
    internal byte[]? ValueAt(int index) => _bySlot[_slots[index]].ToArray();

    // A slot that was not asked for must be empty, whoever rented the array before.
    private static StoredValue[] RentCleared()
    {
        var slots = ArrayPool<StoredValue>.Shared.Rent(Decider.Slots);
        Array.Clear(slots);
        return slots;
    }

    public void Dispose()
    {
        ArrayPool<FactId>.Shared.Return(_ids);
        ArrayPool<byte>.Shared.Return(_slots);
        ArrayPool<StoredValue>.Shared.Return(_bySlot, clearArray: true);
    }
}

/// <summary>A partition of the store and its version.</summary>
internal readonly record struct StorePosition(int Partition, ulong Version);
