using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Lookup.Testing.Clients;

/// <summary>Plays a switch: sends SIP requests over UDP or TCP, and reads the responses.</summary>
internal sealed class SipClient : IDisposable
{
    // No test waits longer for a response.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[1 << 16];
    private int _length;
    private int _calls;

    private SipClient(Socket socket, bool isTcp)
    {
        _socket = socket;
        IsTcp = isTcp;
    }

    public bool IsTcp { get; }

    /// <summary>Every response so far.</summary>
    public List<string> Received { get; } = [];

    private string Local => _socket.LocalEndPoint!.ToString()!;

    public static async Task<SipClient> ConnectAsync(IPEndPoint server, bool isTcp = false)
    {
        var socket = isTcp ? new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) : new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(server, TestContext.Current.CancellationToken);
        return new SipClient(socket, isTcp);
    }

    /// <summary>Writes a request as a switch does, with the identifiers of a new call.</summary>
    public string Request(string uri, string method = "INVITE", string extra = "", string? id = null)
    {
        id ??= $"{++_calls}-{Guid.NewGuid():N}";
        return $"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{(IsTcp ? "TCP" : "UDP")} {Local};branch=z9hG4bK{id};rport\r\nMax-Forwards: 70\r\n"
            + $"From: \"Sales\" <sip:+31850000000@10.0.0.5>;tag=f{id}\r\nTo: <{uri}>\r\nCall-ID: {id}@10.0.0.5\r\nCSeq: 1 {method}\r\n"
            + $"Contact: <sip:dialer@10.0.0.5>\r\n{extra}Content-Length: 0\r\n\r\n";
    }

    public async Task SendAsync(string message) => await SendAsync(Encoding.Latin1.GetBytes(message));

    public async Task SendAsync(byte[] message) => await _socket.SendAsync(message, TestContext.Current.CancellationToken);

    /// <summary>Sends a new INVITE, acknowledges its final response and returns it.</summary>
    public async Task<string> InviteAsync(string uri, string extra = "")
    {
        var invite = Request(uri, extra: extra);
        await SendAsync(invite);
        var call = invite.Split("\r\n").Single(line => line.StartsWith("Call-ID:", StringComparison.Ordinal));
        // An earlier response can arrive again while its ACK is on its way.
        string response;
        do
        {
            response = await FinalAsync();
        }
        while (!response.Contains(call, StringComparison.Ordinal));

        await AcknowledgeAsync(invite);
        return response;
    }

    public Task AcknowledgeAsync(string invite) => SendAsync(
        invite.Replace("INVITE ", "ACK ", StringComparison.Ordinal).Replace("1 INVITE", "1 ACK", StringComparison.Ordinal));

    /// <summary>Returns the next response that is not provisional.</summary>
    public async Task<string> FinalAsync()
    {
        while (true)
        {
            var response = await ReceiveAsync();
            if (!response.StartsWith("SIP/2.0 1", StringComparison.Ordinal))
            {
                return response;
            }
        }
    }

    /// <summary>Returns the next response.</summary>
    /// <exception cref="EndOfStreamException">The server closed the connection.</exception>
    public async Task<string> ReceiveAsync()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Limit);
        while (true)
        {
            var end = _buffer.AsSpan(0, _length).IndexOf("\r\n\r\n"u8) + 4;
            if (end >= 4)
            {
                // The server's responses have no body.
                var response = Encoding.Latin1.GetString(_buffer, 0, end);
                Assert.Contains("\r\nContent-Length: 0\r\n", response, StringComparison.Ordinal);
                Buffer.BlockCopy(_buffer, end, _buffer, 0, _length - end);
                _length -= end;
                Received.Add(response);
                return response;
            }

            var read = await _socket.ReceiveAsync(_buffer.AsMemory(_length), limit.Token);
            _length += read > 0 ? read : throw new EndOfStreamException();
        }
    }

    /// <summary>Whether a response has arrived that was not read.</summary>
    public bool HasMore => _length > 0 || _socket.Available > 0;

    /// <summary>Returns the code of a response, for example 603.</summary>
    public static int Code(string response) => int.Parse(response.AsSpan(8, 3), System.Globalization.CultureInfo.InvariantCulture);

    public void Dispose() => _socket.Dispose();
}
