// For: telling the primary from one that was replaced and does not know it, where writes wait for replicas (WAIT n, n > 0).
//
// A primary that was frozen or cut off, and whose replica was promoted meanwhile, still answers reads as before. It lacks
// what was acknowledged at its successor since, an objection for example, and its own version may be just as high. Nothing
// that it says of itself gives it away. But it has lost its replicas: one that follows the successor acknowledges nothing
// to it any more.
//
// So each process raises a fence again and again: it writes a stamp of its own next to each partition's version, and WAITs
// until n replicas have it. Let it be sent at time t and succeed on server S. Then all that was acknowledged anywhere
// before t is in the history of S before the stamp:
//
//   Suppose a write was acknowledged before t by another server T. Then n replicas followed T before t, and do not go
//   back to S. The n that confirmed the stamp followed S after t. Both sets, 2n replicas, are among those that were left
//   when T took over, T itself excepted. Where 2n is more than there are, there was no such write.
//
// And whatever a server answers from a state that has the stamp, it answers from all that was acknowledged before t. So a
// read asks for the stamp first, on its own connection, ahead of its values; whichever server it is that answers, and
// however the connection got there, the stamp found tells how fresh the values are. Reads thus need no fence of their own:
// "within the bound" is a read that found a confirmed stamp younger than the bound. An exact read, or one at a token, raises
// a fence first and must find that one or a later one; those that come while one is under way share the next.
//
// That what an old primary acknowledges lasts is another matter: see Sentinels.cs.
//
// A stamp that was found may not be confirmed yet, or never be. So each one is written together with the one that this
// server had before it, and the newer of the two that is known to be confirmed counts.
//
// The version at the stamp is remembered with it and is what such a read tells as its position: versions beyond it may be
// of writes that no replica has, which a failover takes back and whose numbers it gives to other facts.
//
// The replica's poll raises its fence after it has read versions and changes, and counts only if the fence succeeds on a
// server with the same history (replication id): then its changes are in it for good.
//
// How to choose n: at least 1, and 2n more than the replicas that stay when one is promoted: n = 1 with one or two
// replicas, n = 2 with up to four. Replicas that join a successor from outside count too. With fewer than n
// replicas connected nothing can be read or acknowledged: have one replica more than n. With n = 0 there is no fence:
// then a failover may lose what was acknowledged anyhow, and a store with lower versions than before is refused.
using System.Buffers.Text;
using System.Security.Cryptography;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

/// <summary>What a read rests on.</summary>
/// <param name="AsOf">Timestamp of the clock: it holds all that was acknowledged anywhere before it; 0: not known.</param>
/// <param name="Version">Version of the partition that it is at least as new as.</param>
internal readonly record struct Proof(long AsOf, ulong Version);

/// <summary>The fences of this process. Thread-safe.</summary>
internal sealed class Fences : IDisposable
{
    // More confirmed stamps than a read can take to come back with.
    private const int Kept = 256;

    private readonly RedisTopology _link;
    private readonly PerServer<ServerFence> _servers;
    private readonly Lock _lock = new();
    private readonly Stamps[] _stamps = [.. Enumerable.Range(0, Keys.Places).Select(_ => new Stamps())];
    private long _last;

    /// <param name="link">Where the store is.</param>
    /// <param name="epoch">The store's epoch.</param>
    /// <param name="keys">What partitions may have in its place.</param>
    internal Fences(RedisTopology link, RedisValue epoch, KeyRotationState keys)
    {
        _link = link;
        Epoch = KeyRotationState.List((string)epoch!)!;
        KeyRotationState = keys;
        _servers = new PerServer<ServerFence>(server => new ServerFence(this, server, link));
    }

    /// <summary>Whether reads need them.</summary>
    internal bool IsOn => _link.Options.WaitReplicas > 0;

    /// <summary>Field of a partition's meta, or of the manifest, with the stamps of this process.</summary>
    internal string Field { get; } = "w:" + RandomNumberGenerator.GetHexString(8, lowercase: true);

    /// <summary>What the script compares the manifest's epoch with.</summary>
    internal string Epoch { get; }

    /// <summary>What it compares that of a partition with.</summary>
    internal KeyRotationState KeyRotationState { get; }

    /// <summary>Raises the fence of partitions, or of <see cref="Keys.Shared"/>, on whichever servers have them.</summary>
    /// <exception cref="StoreUnavailableException">Too few replicas confirm it, or the server cannot be reached.</exception>
    internal Task RaiseAsync(IEnumerable<int> places, CancellationToken cancellation) =>
        IsOn
            ? Task.WhenAll(places.GroupBy(_link.Of).Select(group => RaiseAsync(group.Key, [.. group], cancellation)))
            : Task.CompletedTask;

    /// <summary>Raises the fence of partitions on one server.</summary>
    /// <returns>The server's history.</returns>
    /// <exception cref="StoreUnavailableException">Too few replicas confirm it, or the server cannot be reached.</exception>
    internal Task<string> RaiseAsync(ServerLink server, int[] places, CancellationToken cancellation) =>
        _servers.Of(server).RaiseAsync(places, cancellation);

    /// <summary>What a read rests on that found this in <see cref="Field"/> before its values.</summary>
    internal Proof Of(int place, ReadOnlySpan<byte> found)
    {
        if (!Utf8Parser.TryParse(found, out long newer, out var length) || length >= found.Length
            || !Utf8Parser.TryParse(found[(length + 1)..], out long older, out _))
        {
            return default;
        }

        return _stamps[place - Keys.Shared].Find(newer, older);
    }

    internal Proof Of(int place, RedisValue found) => Of(place, ((ReadOnlyMemory<byte>)found).Span);

    /// <summary>A stamp for a fence that is sent now.</summary>
    internal long Next()
    {
        lock (_lock)
        {
            return _last = Math.Max(_link.Clock.GetTimestamp(), _last + 1);
        }
    }

    /// <summary>Replicas have it.</summary>
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
                    // Newest first.
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
