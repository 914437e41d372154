using Lookup.Redis;
using Lookup.Redis.Following;

namespace Lookup.Server.Mapping;

/// <summary>
/// Caches the consistency tokens of single positions. While nothing is written to a partition, its checks return the same token, and
/// its checksum costs more than a decision. Thread-safe.
/// </summary>
internal sealed class PositionTokens(StoreManifest manifest, IChangeFeed feed)
{
    private readonly Known?[] _last = new Known[manifest.Partitions];

    /// <summary>Returns the token of a position as text.</summary>
    internal string TokenOf(StorePosition position)
    {
        ref var last = ref _last[position.Partition];
        var known = Volatile.Read(ref last);
        // The mark may become known after the version.
        if (known?.Version != position.Version || known.Mark == 0)
        {
            var mark = feed.MarkOf(position.Partition, position.Version);
            if (known?.Version != position.Version || mark != 0)
            {
                var token = ConsistencyToken.Of(manifest.Epoch, position.Partition, position.Version, mark);
                known = new Known(position.Version, mark, token.ToString());
                Volatile.Write(ref last, known);
            }
        }

        return known.Text;
    }

    private sealed record Known(ulong Version, uint Mark, string Text);
}
