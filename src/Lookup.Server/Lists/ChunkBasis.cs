using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Server.Reading;
using Lookup.Server.Store;

namespace Lookup.Server.Lists;

/// <summary>
/// What the answers of a chunk are based on: for each partition the replica's filter, the facts read, or nothing. The filters are taken
/// once, so that the whole chunk uses the same; see <see cref="ReadView"/>.
/// </summary>
internal sealed class ChunkBasis(int partitions, NumberCipher cipher)
{
    private readonly PartitionReplica?[] _usable = new PartitionReplica?[partitions];
    private readonly bool[] _filtered = new bool[partitions];
    private readonly ulong[] _versions = new ulong[partitions];
    private readonly uint[] _marks = new uint[partitions];
    private TimeProvider _clock = TimeProvider.System;
    private TimeSpan _readAge;
    private long _now;
    private int _keyGeneration;

    internal int Partitions => partitions;

    /// <summary>Discards what the answers are based on.</summary>
    internal void Clear()
    {
        Array.Clear(_versions);
        Array.Clear(_filtered);
        _readAge = TimeSpan.Zero;
    }

    /// <summary>Takes the current filters.</summary>
    /// <param name="view">Selects them.</param>
    /// <param name="exact">The request requires exact reads, so no filter is usable.</param>
    /// <param name="demand">The demanded consistency token, or null.</param>
    /// <param name="clock">The replica's clock.</param>
    internal void TakeFilters(ReadView view, bool exact, ConsistencyToken? demand, TimeProvider clock)
    {
        (_clock, _now, _keyGeneration) = (clock, clock.GetTimestamp(), cipher.KeyGeneration);
        for (var p = 0; p < partitions; p++)
        {
            _usable[p] = exact ? null : view.Usable(p, demand, _now);
        }
    }

    /// <summary>Takes the given filters, one per partition.</summary>
    internal void TakeFilters(ReadOnlySpan<PartitionReplica?> filters) => filters.CopyTo(_usable);

    /// <summary>Encrypts the numbers. Drops the filters if the key was rotated after they were taken; then everything is read.</summary>
    internal void Encrypt(ReadOnlySpan<ulong> numbers, Span<NumberPseudonym> keys)
    {
        cipher.Encrypt(numbers, keys);
        if (cipher.KeyGeneration != _keyGeneration)
        {
            Array.Clear(_usable);
        }
    }

    internal int PartitionOf(NumberPseudonym key) => key.Partition(partitions);

    /// <summary>Returns the filter of a partition, or null if it is not usable.</summary>
    internal BlockFilter? FilterOf(int partition) => _usable[partition]?.Filter;

    internal void Prefetch(NumberPseudonym key) => FilterOf(PartitionOf(key))?.Prefetch(key);

    /// <summary>Records that the filter of a partition showed facts to be absent.</summary>
    internal void UseFilter(int partition) => _filtered[partition] = true;

    /// <summary>Records that facts of a partition were read at a version.</summary>
    internal void UseRead(int partition, ulong version, TimeSpan age)
    {
        _readAge = age > _readAge ? age : _readAge;
        // The oldest version applies.
        if (_versions[partition] == 0 || version < _versions[partition])
        {
            _versions[partition] = version;
        }
    }

    /// <summary>Age of the oldest filter or read used; zero if everything is current.</summary>
    internal TimeSpan Age
    {
        get
        {
            var age = _readAge;
            for (var p = 0; p < partitions; p++)
            {
                if (_filtered[p] && _clock.AgeAt(_usable[p]!.AsOf, _now) is var older && older > age)
                {
                    age = older;
                }
            }

            return age;
        }
    }

    /// <summary>Returns the consistency token of the answers; empty if they used no facts.</summary>
    internal string Token(ulong epoch, IChangeFeed feed)
    {
        for (var p = 0; p < partitions; p++)
        {
            if (_filtered[p])
            {
                UseRead(p, _usable[p]!.Version, TimeSpan.Zero);
            }

            _marks[p] = _versions[p] == 0 ? 0 : feed.MarkOf(p, _versions[p]);
        }

        var token = ConsistencyToken.Of(epoch, _versions, _marks);
        return token.Count == 0 ? "" : token.ToString();
    }
}
