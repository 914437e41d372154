// For: telling versions that a fail-over keeps from versions that it may take back, where writes wait for replicas.
//
// A version that was read may be of a write that no replica has yet, and that nobody was told is done. When the server dies
// then, its successor rightly goes on below it; a version below one that replicas have means loss. What replicas have is
// told by the primary itself: its offset behind a read of the versions, and later the offsets that replicas confirmed.
using System.Globalization;

namespace Lookup.Redis.Store;

/// <summary>Versions of the partitions of one server, until so many replicas have them.</summary>
internal sealed class ReplicatedVersions(PartitionStates partitions, int replicas)
{
    private readonly Lock _lock = new();
    private (string History, long Offset, int[] Partitions, ulong[] Versions)? _pending;

    /// <summary>Takes note of versions, or of an earlier time's if replicas have those by now.</summary>
    /// <param name="own">The partitions.</param>
    /// <param name="versions">Their versions.</param>
    /// <param name="info">What the server said of its replication behind that.</param>
    internal void Take(int[] own, ulong[] versions, IReadOnlyDictionary<string, string> info)
    {
        if (replicas == 0)
            return;
        var history = info.GetValueOrDefault("master_replid", "");
        lock (_lock)
        {
            if (_pending is { } pending)
            {
                if (pending.History == history && Confirmed(info) < pending.Offset)
                    return;
                if (pending.History == history)
                {
                    for (var i = 0; i < pending.Partitions.Length; i++)
                    {
                        partitions.Confirm(pending.Partitions[i], pending.Versions[i]);
                    }
                }
            }

            _pending = long.TryParse(info.GetValueOrDefault("master_repl_offset"), CultureInfo.InvariantCulture, out var offset)
                ? (history, offset, own, versions)
                : null;
        }
    }

    // The offset that enough replicas have.
    private long Confirmed(IReadOnlyDictionary<string, string> info)
    {
        var offsets = info.Where(field => field.Key.StartsWith("slave", StringComparison.Ordinal))
            .SelectMany(field => field.Value.Split(','))
            .Where(part => part.StartsWith("offset=", StringComparison.Ordinal))
            .Select(part => long.TryParse(part.AsSpan(7), CultureInfo.InvariantCulture, out var offset) ? offset : -1)
            .OrderDescending().ToList();
        return offsets.Count < replicas ? -1 : offsets[replicas - 1];
    }
}
