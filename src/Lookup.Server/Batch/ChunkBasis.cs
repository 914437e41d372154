using Lookup.Core.Numbers;
using Lookup.Redis;

namespace Lookup.Server.Batch;

/// <summary>What the answers of a chunk rest on: for each partition the version that was read.</summary>
internal sealed class ChunkBasis
{
    private readonly ulong[] _versions = new ulong[NumberKey.MaxPartitions];

    internal void Clear() => Array.Clear(_versions);

    /// <summary>Facts of a partition were read at a version.</summary>
    internal void UseRead(int partition, ulong version)
    {
        // The oldest counts.
        if (_versions[partition] == 0 || version < _versions[partition])
        {
            _versions[partition] = version;
        }
    }

    /// <summary>The position that the answers are at least as new as; empty if they rest on no facts.</summary>
    internal string Token(StoreManifest manifest)
    {
        var token = ConsistencyToken.Of(manifest.Epoch, _versions.AsSpan(0, manifest.Partitions));
        return token.Count == 0 ? "" : token.ToString();
    }
}
