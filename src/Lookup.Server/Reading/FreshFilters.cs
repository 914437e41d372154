using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Server.Store;

namespace Lookup.Server.Reading;

/// <summary>The usable filters of one chunk, see <see cref="ReadView"/>. Taken once, so that the whole chunk uses the same filters.</summary>
internal sealed class FreshFilters(int partitions, NumberCipher cipher)
{
    private readonly PartitionReplica?[] _usable = new PartitionReplica?[partitions];
    private TimeProvider _clock = TimeProvider.System;
    private long _now;
    private int _keyGeneration;

    /// <summary>Takes the current filters.</summary>
    /// <param name="view">Selects them.</param>
    /// <param name="exact">The request requires exact reads, so no filter is usable.</param>
    /// <param name="demand">The demanded consistency token, or null.</param>
    /// <param name="clock">The replica's clock.</param>
    internal void Take(ReadView view, bool exact, ConsistencyToken? demand, TimeProvider clock)
    {
        (_clock, _now, _keyGeneration) = (clock, clock.GetTimestamp(), cipher.KeyGeneration);
        for (var p = 0; p < _usable.Length; p++)
        {
            _usable[p] = exact ? null : view.Usable(p, demand, _now);
        }
    }

    /// <summary>Takes the given filters, one per partition.</summary>
    internal void Take(ReadOnlySpan<PartitionReplica?> filters) => filters.CopyTo(_usable);

    /// <summary>Encrypts the numbers. Drops the filters if the key was rotated after they were taken; then everything is read.</summary>
    internal void Encrypt(ReadOnlySpan<ulong> numbers, Span<NumberPseudonym> keys)
    {
        cipher.Encrypt(numbers, keys);
        if (cipher.KeyGeneration != _keyGeneration)
        {
            Array.Clear(_usable);
        }
    }

    internal int Partitions => _usable.Length;

    internal int PartitionOf(NumberPseudonym key) => key.Partition(_usable.Length);

    /// <summary>Returns the filter of a partition, or null if it is not usable.</summary>
    internal BlockFilter? Of(int partition) => _usable[partition]?.Filter;

    /// <summary>Version of the partition's filter.</summary>
    internal ulong VersionOf(int partition) => _usable[partition]!.Version;

    /// <summary>Age of the partition's filter when the filters were taken.</summary>
    internal TimeSpan AgeOf(int partition) => _clock.AgeAt(_usable[partition]!.AsOf, _now);

    internal void Prefetch(NumberPseudonym key) => Of(PartitionOf(key))?.Prefetch(key);
}
