using System.Net;

namespace Lookup.Cli.Gates;

/// <summary>
/// Limits what waits at the same time, in equal shares for the addresses that have something waiting, so that one that floods the gate
/// leaves room for the others. An address that is alone has the whole limit. Thread-safe.
/// </summary>
/// <param name="max">The limit.</param>
internal sealed class PeerShares(int max)
{
    private readonly Dictionary<IPAddress, int> _waiting = [];

    /// <summary>Adds one of an address; false if its share is used up.</summary>
    public bool TryEnter(IPAddress address)
    {
        lock (_waiting)
        {
            var own = _waiting.GetValueOrDefault(address);
            var addresses = _waiting.Count + (own == 0 ? 1 : 0);
            if (own >= Math.Max(1, max / addresses))
            {
                return false;
            }

            _waiting[address] = own + 1;
            return true;
        }
    }

    /// <summary>Removes one of an address.</summary>
    public void Leave(IPAddress address)
    {
        lock (_waiting)
        {
            if (--_waiting[address] == 0)
            {
                _waiting.Remove(address);
            }
        }
    }
}
