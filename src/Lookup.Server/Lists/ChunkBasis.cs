using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Server.Reading;

namespace Lookup.Server.Lists;

/// <summary>What the answers of a chunk are based on: for each partition the replica's filter, the facts read, or nothing.</summary>
internal sealed class ChunkBasis(FreshFilters filters)
{
    private readonly ulong[] _versions = new ulong[NumberPseudonym.MaxPartitions];
    private readonly uint[] _marks = new uint[NumberPseudonym.MaxPartitions];
    private readonly bool[] _filtered = new bool[NumberPseudonym.MaxPartitions];
    private TimeSpan _readAge;

    internal void Clear()
    {
        Array.Clear(_versions);
        Array.Clear(_filtered);
        _readAge = TimeSpan.Zero;
    }

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
            for (var p = 0; p < _filtered.Length; p++)
            {
                if (_filtered[p] && filters.AgeOf(p) is var older && older > age)
                {
                    age = older;
                }
            }

            return age;
        }
    }

    /// <summary>Returns the consistency token of the answers; empty if they used no facts.</summary>
    internal string Token(StoreManifest manifest, IChangeFeed feed)
    {
        var count = manifest.Partitions;
        for (var p = 0; p < count; p++)
        {
            if (_filtered[p])
            {
                UseRead(p, filters.VersionOf(p), TimeSpan.Zero);
            }

            _marks[p] = _versions[p] == 0 ? 0 : feed.MarkOf(p, _versions[p]);
        }

        var token = ConsistencyToken.Of(manifest.Epoch, _versions.AsSpan(0, count), _marks.AsSpan(0, count));
        return token.Count == 0 ? "" : token.ToString();
    }
}
