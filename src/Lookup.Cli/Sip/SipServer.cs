using System.Net;
using System.Net.Sockets;

namespace Lookup.Cli.Sip;

/// <summary>Listens for SIP on the same port of UDP and TCP.</summary>
internal sealed class SipServer : IAsyncDisposable
{
    private const int Attempts = 20;

    private readonly SipUdp _udp;
    private readonly SipTcp _tcp;

    private SipServer(SipUdp udp, SipTcp tcp)
    {
        _udp = udp;
        _tcp = tcp;
    }

    public IPEndPoint EndPoint => _udp.EndPoint;

    /// <summary>Starts to listen.</summary>
    /// <param name="listen">Address and port; port 0 stands for a free one.</param>
    /// <param name="gate">Answers the requests.</param>
    /// <param name="messageTime">Time limit of a message over TCP.</param>
    /// <exception cref="SocketException">The address is in use or not of this machine.</exception>
    public static async Task<SipServer> StartAsync(IPEndPoint listen, SipGate gate, TimeSpan messageTime)
    {
        for (var left = Attempts; ; left--)
        {
            var udp = SipUdp.Start(listen, gate);
            try
            {
                return new SipServer(udp, SipTcp.Start(udp.EndPoint, gate, messageTime));
            }
            catch (SocketException) when (listen.Port == 0 && left > 1)
            {
                // A port that is free for UDP can be in use for TCP.
                await udp.DisposeAsync();
            }
            catch
            {
                await udp.DisposeAsync();
                throw;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _tcp.DisposeAsync();
        await _udp.DisposeAsync();
    }
}
