// For: distinguishing the primary from one that was replaced without noticing, where writes wait for replicas (WAIT n, n > 0).
//
// A primary that was frozen or cut off while its replica was promoted still answers reads as before. It lacks what its
// successor has acknowledged since, an objection for example, and its own version may be just as high. None of its answers
// reveals that. But it has lost its replicas: a replica that follows the successor acknowledges nothing to it any more.
//
// So each process raises a fence regularly: it writes its own stamp next to each partition's version, and WAITs until n
// replicas have it. Let it be sent at time t and succeed on server S. Then everything acknowledged anywhere before t is in
// the history of S before the stamp:
//
//   Suppose another server T acknowledged a write before t. Then n replicas followed T before t, and do not return to S.
//   The n that confirmed the stamp followed S after t. Both sets, 2n replicas, are among those that were left when T took
//   over, excluding T itself. If 2n exceeds their number, there was no such write.
//
// Whatever a server answers from a state that has the stamp includes everything acknowledged before t. So a read requests
// the stamp first, on its own connection, before its values; whichever server answers, and however the connection reached
// it, the stamp found shows how fresh the values are. So reads need no fences of their own: "within the bound" is a read
// that found a confirmed stamp younger than the bound. An exact read, or one at a token, raises a fence first and must find
// that one or a later one; reads that arrive while one is being raised share the next.
//
// Whether an old primary's acknowledgements last is a separate question: see Sentinels.cs.
//
// A stamp that was found may not be confirmed yet, or may never be. So each stamp is written together with the one that this
// server had before, and the newer of the two that is known to be confirmed counts.
//
// The version at the stamp is stored with it, and such a read reports it as its position: later versions may belong to
// writes that no replica has, which a failover undoes and whose versions it assigns to other facts.
//
// The replica's poll raises its fence after it has read versions and changes, and counts only if the fence succeeds on a
// server with the same history (replication id): then its changes are permanently part of it.
//
// How to choose n: at least 1, and 2n more than the replicas that remain when one is promoted: n = 1 with one or two
// replicas, n = 2 with up to four. Replicas that join a successor from outside count too. With fewer than n connected
// replicas nothing can be read or acknowledged: have one replica more than n. With n = 0 there is no fence: then a failover
// may lose acknowledged writes anyway, and a store with lower versions than before is rejected.
using System.Buffers.Text;
using System.Security.Cryptography;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

/// <summary>The freshness of a read.</summary>
/// <param name="AsOf">Timestamp of the clock: the read includes everything acknowledged anywhere before it; 0 if unknown.</param>
/// <param name="Version">The read is at least as new as this version of the partition.</param>
internal readonly record struct Proof(long AsOf, ulong Version);

/// <summary>Raises and checks the fences of this process. Thread-safe.</summary>
internal sealed class Fences : IDisposable
{
    // More confirmed stamps than are raised while a read is in progress.
    private const int Kept = 256;

    private readonly RedisTopology _link;
    private readonly PerServer<ServerFence> _servers;
    private readonly Lock _lock = new();
    private readonly Stamps[] _stamps = [.. Enumerable.Range(0, Keys.Places).Select(_ => new Stamps())];
    private long _last;

    /// <param name="link">The servers of the store.</param>
    /// <param name="epoch">The store's epoch.</param>
    /// <param name="keys">The epochs that partitions may have.</param>
    internal Fences(RedisTopology link, RedisValue epoch, KeyRotationState keys)
    {
        _link = link;
        Epoch = KeyRotationState.List((string)epoch!)!;
        KeyRotationState = keys;
        _servers = new PerServer<ServerFence>(server => new ServerFence(this, server, link));
    }

    /// <summary>True if reads need fences.</summary>
    internal bool IsOn => _link.Options.WaitReplicas > 0;

    /// <summary>Field of a partition's meta, or of the manifest, with the stamps of this process.</summary>
    internal string Field { get; } = "w:" + RandomNumberGenerator.GetHexString(8, lowercase: true);

    /// <summary>The epoch that the script expects in the manifest.</summary>
    internal string Epoch { get; }

    /// <summary>The epochs that it accepts in a partition.</summary>
    internal KeyRotationState KeyRotationState { get; }

    /// <summary>Raises the fence of partitions, or of <see cref="Keys.Shared"/>, on the servers that have them.</summary>
    /// <exception cref="StoreUnavailableException">Too few replicas confirm it, or the server cannot be reached.</exception>
    internal Task RaiseAsync(IEnumerable<int> places, CancellationToken cancellation) =>
        IsOn
            ? Task.WhenAll(places.GroupBy(_link.GetServer).Select(group => RaiseAsync(group.Key, [.. group], cancellation)))
            : Task.CompletedTask;

    /// <summary>Raises the fence of partitions on one server.</summary>
    /// <returns>The server's replication history.</returns>
    /// <exception cref="StoreUnavailableException">Too few replicas confirm it, or the server cannot be reached.</exception>
    internal Task<string> RaiseAsync(ServerLink server, int[] places, CancellationToken cancellation) =>
        _servers.Get(server).RaiseAsync(places, cancellation);

    /// <summary>Returns the freshness of a read that found this content of <see cref="Field"/> before its values.</summary>
    internal Proof GetProof(int place, ReadOnlySpan<byte> found)
    {
        if (!Utf8Parser.TryParse(found, out long newer, out var length) || length >= found.Length
            || !Utf8Parser.TryParse(found[(length + 1)..], out long older, out _))
        {
            return default;
        }

        return _stamps[place - Keys.Shared].Find(newer, older);
    }

    internal Proof GetProof(int place, RedisValue found) => GetProof(place, ((ReadOnlyMemory<byte>)found).Span);

    /// <summary>Returns the stamp for a fence that is sent now.</summary>
    internal long Next()
    {
        lock (_lock)
        {
            return _last = Math.Max(_link.Clock.GetTimestamp(), _last + 1);
        }
    }

    /// <summary>Records that replicas have a stamp.</summary>
    internal void Confirm(int place, long stamp, ulong version) => _stamps[place - Keys.Shared].Add(new Proof(stamp, version));

    public void Dispose() => _servers.Dispose();

    private sealed class Stamps
    {
        private readonly Lock _lock = new();
        private readonly Proof[] _confirmed = new Proof[Kept];
        private int _next;

        internal void Add(Proof proof)
        {
            lock (_lock)
            {
                _confirmed[_next] = proof;
                _next = (_next + 1) % Kept;
            }
        }

        internal Proof Find(long newer, long older)
        {
            lock (_lock)
            {
                var best = default(Proof);
                for (var i = 1; i <= Kept; i++)
                {
                    // Search the newest first.
                    ref readonly var proof = ref _confirmed[(_next - i + Kept) % Kept];
                    if (proof.AsOf == 0)
                    {
                        break;
                    }

                    if (proof.AsOf == newer)
                    {
                        return proof;
                    }

                    if (proof.AsOf == older)
                    {
                        best = proof;
                    }
                }

                return best;
            }
        }
    }
}
