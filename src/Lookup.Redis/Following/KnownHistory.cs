// For: noticing that versions which this process has seen, or acknowledged, now belong to other changes.
//
// A primary that is replaced by a replica without its last writes, or restored from an older copy, assigns the same versions to
// other changes. Once it has caught up, the version alone looks right, and the lost facts look as if they had never existed. So a
// process keeps a mark of the content of the newest changes: those that it follows, and those that it wrote. When a server with
// another replication history answers, nothing of it is trusted until the newest known change is found in its feed with the same
// mark. A version with another mark is a loss, and the store is rejected as rolled back.
//
// Tokens carry the mark of their version, so another process, which saw nothing of the loss, rejects them.
//
// Where writes wait for replicas, a failover may undo what was read but had reached no replica. So only what replicas have is kept
// here.
namespace Lookup.Redis.Following;

/// <summary>The marks of the newest known changes of one partition. Thread-safe.</summary>
internal sealed class KnownHistory
{
    /// <summary>Number of versions kept: 16 KiB per partition.</summary>
    internal const int Kept = 2_048;

    // The low half of the version, and the mark; one write each.
    private readonly long[] _slots = new long[Kept];
    private ulong _newest;

    /// <summary>The newest version whose mark is known; 0 if none is.</summary>
    internal ulong Newest => Volatile.Read(ref _newest);

    /// <summary>The replication history in which everything known was found; empty if none was followed yet.</summary>
    internal string Name { get; set; } = "";

    /// <summary>Returns the mark of a version; 0 if it is not known.</summary>
    internal uint MarkOf(ulong version)
    {
        var slot = Volatile.Read(ref _slots[version % Kept]);
        return (uint)(slot >> 32) == (uint)version ? (uint)slot : 0;
    }

    /// <summary>Adds a change.</summary>
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
