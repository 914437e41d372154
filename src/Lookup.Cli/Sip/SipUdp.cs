using System.Net;
using System.Net.Sockets;

namespace Lookup.Cli.Sip;

/// <summary>Receives SIP over UDP: one message a datagram.</summary>
internal sealed class SipUdp : ISipConnection, IAsyncDisposable
{
    /// <summary>Largest message in bytes; INVITEs have 1 to 2 KB.</summary>
    public const int MaxMessage = 16 * 1024;

    private const int SocketBuffer = 4 << 20;

    private readonly Socket _socket;
    private readonly SipGate _gate;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    private SipUdp(Socket socket, SipGate gate)
    {
        _socket = socket;
        _gate = gate;
        EndPoint = (IPEndPoint)socket.LocalEndPoint!;
        _loop = ReceiveAsync();
    }

    public bool IsReliable => false;

    public IPEndPoint EndPoint { get; }

    /// <summary>Starts to listen.</summary>
    /// <exception cref="SocketException">The address is in use or not of this machine.</exception>
    public static SipUdp Start(IPEndPoint listen, SipGate gate)
    {
        var socket = new Socket(listen.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = SocketBuffer, SendBufferSize = SocketBuffer };
        try
        {
            socket.Bind(listen);
            return new SipUdp(socket, gate);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> message, IPEndPoint to)
    {
        try
        {
            await _socket.SendToAsync(message, SocketFlags.None, to, _stop.Token);
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The other side repeats its request.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _socket.Dispose();
        _stop.Dispose();
    }

    private async Task ReceiveAsync()
    {
        var buffer = new byte[ushort.MaxValue];
        var any = new IPEndPoint(_socket.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        while (true)
        {
            try
            {
                var received = await _socket.ReceiveFromAsync(buffer, SocketFlags.None, any, _stop.Token);
                Receive(buffer.AsSpan(0, received.ReceivedBytes), (IPEndPoint)received.RemoteEndPoint);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // A datagram that this machine could not deliver to someone else; the socket stays usable.
                _gate.Tally.AddMalformed();
            }
        }
    }

    private void Receive(ReadOnlySpan<byte> datagram, IPEndPoint source)
    {
        if (!_gate.IsPeer(source.Address))
        {
            _gate.Tally.AddRefused();
            return;
        }

        // Line ends alone keep the way through a firewall open, and a status line begins a response that this server did not ask for.
        if (datagram.IndexOfAnyExcept((byte)'\r', (byte)'\n') < 0 || datagram.StartsWith("SIP/2.0 "u8))
        {
            return;
        }

        var end = datagram.IndexOf("\r\n\r\n"u8) + 4;
        if (datagram.Length > MaxMessage || end < 4 || SipRequest.Read(datagram[..end]) is not { } request || request.ContentLength > datagram.Length - end)
        {
            _gate.Tally.AddMalformed();
            return;
        }

        _ = _gate.HandleAsync(request, source, this);
    }
}
