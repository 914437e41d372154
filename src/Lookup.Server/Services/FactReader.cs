using System.Buffers;
using Grpc.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Server.Hosting;
using Lookup.Server.Mapping;
using Lookup.Server.Registry;

namespace Lookup.Server.Services;

/// <summary>Gathers what a decision rests on: rules, organisation, register snapshots, stored timelines.</summary>
internal sealed class FactReader(
    IFactStore store, RegimeSet regimes, NumberCipher cipher, RegistryReplica registry, StoreMonitor monitor, LookupServerOptions options)
{
    /// <summary>Reads. The caller disposes of the result.</summary>
    internal async ValueTask<FactsRead> ReadAsync(PhoneNumber number, AskedQuestion asked, bool exact, ServerCallContext context)
    {
        monitor.ThrowIfUntrusted();
        using var call = new StoreCall(context, options.StoreReadLimitMs);
        try
        {
            var snapshot = exact ? await registry.ReadAsync(call.Token) : await registry.CurrentAsync(call.Token);
            var read = new FactsRead(asked.Resolve(snapshot), snapshot.Registers, regimes.Find(number, asked.Question.CallTime));
            if (read.Rules is null)
            {
                return read;
            }

            // After a failure the arrays are left to the collector: a read that was given up may still look at them.
            read.Plan();
            read.Take(await store.ReadAsync(cipher.Encrypt(number), read.Ids, call.Token));
            return read;
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreCall.TooSlow();
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

    /// <summary>The position of the store that it was read at; null where no facts were needed.</summary>
    internal StorePosition? Position { get; private set; }

    internal ReadOnlyMemory<FactId> Ids => _ids.AsMemory(0, _count);

    internal ReadOnlySpan<StoredValue> BySlot => _bySlot.AsSpan(0, Decider.Slots);

    internal void Plan() => _count = Decider.Plan(rules!, question, _ids, _slots);

    internal void Take(in StoreRead stored)
    {
        for (var i = 0; i < _count; i++)
        {
            _bySlot[_slots[i]] = stored.Values[i];
        }

        Position = new StorePosition(stored.Partition, stored.Version);
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
