// For: noticing that versions which this process has seen, or acknowledged, now belong to other changes.
//
// A primary that is replaced by a replica which lacks its last writes, or restored from an older copy, gives the same versions to
// other changes. Once it has caught up, the version alone looks right, and the facts that were lost look as if they had never
// been. So a process keeps a mark of the content of the newest changes: those that it follows, and those that it wrote. When a server
// under another replication history answers, nothing is believed of it until the newest change known is found in its feed, with
// the same mark. A version with another mark is a loss, and the store is refused as one that was rolled back.
//
// Tokens carry the mark of their version, so another process, which saw nothing of what was lost, refuses them.
//
// Where writes wait for replicas, a fail-over may take back what was read but had reached no replica. So only what replicas have is kept here.
namespace Lookup.Redis.Following;

/// <summary>Marks of the newest changes of one partition that this process knows. Thread-safe.</summary>
internal sealed class KnownHistory
{
    /// <summary>Versions that are kept: 16 KiB for a partition.</summary>
    internal const int Kept = 2_048;

    // The low half of the version, and the mark; one write each.
    private readonly long[] _slots = new long[Kept];
    private ulong _newest;

    /// <summary>The newest version whose mark is known; 0: none.</summary>
    internal ulong Newest => Volatile.Read(ref _newest);

    /// <summary>The replication history in which everything known was found; empty if none was followed yet.</summary>
    internal string Name { get; set; } = "";

    /// <summary>The mark of a version; 0 if it is not known.</summary>
    internal uint MarkOf(ulong version)
    {
        var slot = Volatile.Read(ref _slots[version % Kept]);
        return (uint)(slot >> 32) == (uint)version ? (uint)slot : 0;
    }

    /// <summary>Takes note of a change.</summary>
    /// <returns>False if another change is known to have this version.</returns>
    internal bool TryAdd(ulong version, uint mark)
    {
        if (MarkOf(version) is not 0 and var known)
        {
            return known == mark;
        }

        var newest = Newest;
        if (version + Kept <= newest)
        {
            return true;
        }

        Volatile.Write(ref _slots[version % Kept], (long)(((ulong)(uint)version << 32) | mark));
        while (version > newest)
        {
            var before = Interlocked.CompareExchange(ref _newest, version, newest);
            if (before == newest)
            {
                break;
            }

            newest = before;
        }

        return true;
    }
}
