// For: preventing unauthenticated connections from exhausting the connection limit.
//
// A connection is a stranger until a request on it was accepted. Strangers may use half of all slots, those of one address an eighth.
// If a share is full, the oldest stranger is closed in favour of the new one. So an attacker that only opens connections closes its
// own, a client that sends a credential right away has time to do so, and an authenticated connection stays.
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Lookup.Server.Access;

/// <summary>Limits the connections without an accepted request. Thread-safe.</summary>
internal sealed class ConnectionShares(LookupServerOptions options, AccessMetrics metrics)
{
    private readonly int _mostOfAll = Math.Max(1, options.MaxConnections / 2);
    private readonly int _mostOfOne = Math.Max(1, options.MaxConnections / 8);
    private readonly Lock _gate = new();
    private readonly LinkedList<Stranger> _all = [];
    private readonly Dictionary<IPAddress, LinkedList<Stranger>> _byAddress = [];

    /// <summary>The number of strangers.</summary>
    internal int Count
    {
        get
        {
            lock (_gate)
            {
                return _all.Count;
            }
        }
    }

    /// <summary>Adds a connection. Dispose of the result when the connection has ended.</summary>
    internal Stranger Enter(ConnectionContext connection)
    {
        var stranger = new Stranger(this, connection, GroupOf((connection.RemoteEndPoint as IPEndPoint)?.Address));
        Stranger? leaves = null;
        lock (_gate)
        {
            if (!_byAddress.TryGetValue(stranger.Address, out var same))
            {
                _byAddress[stranger.Address] = same = [];
            }

            if (same.Count >= _mostOfOne)
            {
                leaves = same.First!.Value;
            }
            else if (_all.Count >= _mostOfAll)
            {
                leaves = _all.First!.Value;
            }

            if (leaves is not null)
            {
                Remove(leaves);
            }

            // Removing its last stranger also removed the list.
            _byAddress[stranger.Address] = same;
            stranger.Place = _all.AddLast(stranger);
            stranger.PlaceOfAddress = same.AddLast(stranger);
        }

        if (leaves is not null)
        {
            metrics.PushedOut();
            leaves.Connection.Abort(new ConnectionAbortedException("A newer connection needs the slot, and this one has no accepted request."));
        }

        return stranger;
    }

    /// <summary>Returns the key of a remote party: the IPv4 address, or the /64 network of an IPv6 address.</summary>
    internal static IPAddress GroupOf(IPAddress? address)
    {
        if (address is null)
        {
            return IPAddress.None;
        }

        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }

        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address;
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes);
    }

    private void Leave(Stranger stranger)
    {
        lock (_gate)
        {
            Remove(stranger);
        }
    }

    private void Remove(Stranger stranger)
    {
        if (stranger.Place is not { List: not null } place)
        {
            return;
        }

        _all.Remove(place);
        var same = _byAddress[stranger.Address];
        same.Remove(stranger.PlaceOfAddress!);
        if (same.Count == 0)
        {
            _byAddress.Remove(stranger.Address);
        }
    }

    /// <summary>A connection without an accepted request.</summary>
    internal sealed class Stranger(ConnectionShares shares, ConnectionContext connection, IPAddress address) : IDisposable
    {
        private bool _isKnown;

        internal ConnectionContext Connection { get; } = connection;

        internal IPAddress Address { get; } = address;

        internal LinkedListNode<Stranger>? Place { get; set; }

        internal LinkedListNode<Stranger>? PlaceOfAddress { get; set; }

        /// <summary>Records that a request was accepted: the connection is no longer a stranger.</summary>
        internal void MarkAuthenticated()
        {
            if (!Volatile.Read(ref _isKnown))
            {
                Volatile.Write(ref _isKnown, true);
                shares.Leave(this);
            }
        }

        /// <inheritdoc/>
        public void Dispose() => MarkAuthenticated();
    }
}
