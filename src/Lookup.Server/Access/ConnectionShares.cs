// For: keeping connections that show no credential from taking the places of those that do.
//
// A connection is a stranger until a request on it was let in. Strangers have half of all places, and those of one address an eighth;
// where a share is full, the stranger that has been there for longest has to leave for the one that comes. So whoever only opens
// connections pushes out their own, one that shows a credential at once has time to, and one that has shown it stays.
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Lookup.Server.Access;

/// <summary>The connections on which nothing was let in yet. Thread-safe.</summary>
internal sealed class ConnectionShares(LookupServerOptions options, AccessMetrics metrics)
{
    private readonly int _mostOfAll = Math.Max(1, options.MaxConnections / 2);
    private readonly int _mostOfOne = Math.Max(1, options.MaxConnections / 8);
    private readonly Lock _gate = new();
    private readonly LinkedList<Stranger> _all = [];
    private readonly Dictionary<IPAddress, LinkedList<Stranger>> _byAddress = [];

    /// <summary>How many there are.</summary>
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

    /// <summary>Takes a connection in. Dispose of the result when it has ended.</summary>
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

            // The list may have left with its last one.
            _byAddress[stranger.Address] = same;
            stranger.Place = _all.AddLast(stranger);
            stranger.PlaceOfAddress = same.AddLast(stranger);
        }

        if (leaves is not null)
        {
            metrics.PushedOut();
            leaves.Connection.Abort(new ConnectionAbortedException("Another connection needs the place, and nothing was let in on this one."));
        }

        return stranger;
    }

    /// <summary>What counts as one remote party: an address, of IPv6 the network of a site.</summary>
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

    /// <summary>A connection on which nothing was let in yet.</summary>
    internal sealed class Stranger(ConnectionShares shares, ConnectionContext connection, IPAddress address) : IDisposable
    {
        private bool _isKnown;

        internal ConnectionContext Connection { get; } = connection;

        internal IPAddress Address { get; } = address;

        internal LinkedListNode<Stranger>? Place { get; set; }

        internal LinkedListNode<Stranger>? PlaceOfAddress { get; set; }

        /// <summary>A request was let in: the connection is a stranger no longer.</summary>
        internal void LetIn()
        {
            if (!Volatile.Read(ref _isKnown))
            {
                Volatile.Write(ref _isKnown, true);
                shares.Leave(this);
            }
        }

        /// <inheritdoc/>
        public void Dispose() => LetIn();
    }
}
