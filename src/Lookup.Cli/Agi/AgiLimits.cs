using System.Net;
using Lookup.Cli.Gates;

namespace Lookup.Cli.Agi;

/// <summary>The limits of a FastAGI server.</summary>
/// <param name="Connections">Maximum open connections, shared equally by the addresses that have some.</param>
/// <param name="SessionTime">Time limit of a connection.</param>
/// <param name="Peers">Networks that may connect, in addition to this machine.</param>
internal sealed record AgiLimits(int Connections, TimeSpan SessionTime, IReadOnlyList<IPNetwork> Peers)
{
    /// <summary>Whether an address may connect. FastAGI has no credentials, and every answer says something about a number.</summary>
    public bool Admits(IPAddress address)
    {
        var plain = GateRun.Plain(address);
        return IPAddress.IsLoopback(plain) || Peers.Any(peer => peer.Contains(plain));
    }
}
