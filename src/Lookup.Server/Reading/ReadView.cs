using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Server.Store;

namespace Lookup.Server.Reading;

/// <summary>
/// Selects what a decision may rely on: registry and filters within the freshness bound. A filter must not be behind the demanded token,
/// and must be of the encryption key of the pseudonym: the store replaces a pseudonym of an earlier key itself; a filter cannot.
/// </summary>
internal sealed class ReadView(
    FilterReplica replica, NumberCipher cipher, RegistryReplica registry, StoreMonitor monitor, LookupServerOptions options, TimeProvider clock)
{
    /// <summary>Partitions of the store.</summary>
    internal int Partitions => replica.Partitions;

    /// <summary>Returns organisations and registers if they are within the freshness bound and the store may be used, else null.</summary>
    /// <param name="now">Timestamp of the clock.</param>
    internal RegistrySnapshot? FreshRegistry(long now) => monitor.Current.Untrusted is null ? registry.FreshAt(now) : null;

    /// <summary>Returns organisations and registers within the freshness bound, or read from now on for an exact check.</summary>
    /// <exception cref="StoreUnavailableException">The store cannot answer or must not be used.</exception>
    internal ValueTask<RegistrySnapshot> RegistryAsync(bool exact, CancellationToken cancellation)
    {
        monitor.ThrowIfUntrusted();
        return exact ? new ValueTask<RegistrySnapshot>(registry.ReadAsync(cancellation)) : registry.CurrentAsync(cancellation);
    }

    /// <summary>Encrypts a number and finds the filter to screen it with.</summary>
    /// <param name="number">The number.</param>
    /// <param name="demand">The demanded consistency token, or null.</param>
    /// <param name="now">Timestamp of the clock.</param>
    /// <param name="filter">The replica of the number's partition; null if it is not usable.</param>
    internal NumberPseudonym Encrypt(PhoneNumber number, ConsistencyToken? demand, long now, out PartitionReplica? filter)
    {
        var keyGeneration = cipher.KeyGeneration;
        var key = cipher.Encrypt(number);
        filter = Usable(key.Partition(Partitions), demand, now);
        // The order matters: a filter taken after a key rotation may lack facts of a pseudonym made before it.
        if (cipher.KeyGeneration != keyGeneration)
        {
            filter = null;
        }

        return key;
    }

    /// <summary>Returns the replica of a partition if it is usable, else null.</summary>
    internal PartitionReplica? Usable(int partition, ConsistencyToken? demand, long now)
    {
        var state = replica.Partition(partition);
        return state.Filter is not null
            && clock.AgeAt(state.AsOf, now).TotalMilliseconds < options.FreshnessBoundMs
            && replica.Satisfies(partition, state, demand)
            ? state
            : null;
    }

    /// <summary>Returns the required freshness of reads that are sent from now on.</summary>
    internal ReadFreshness Freshness(bool isDemanding) => new(clock.GetTimestamp(), isDemanding, clock, options.FreshnessBoundMs);
}
