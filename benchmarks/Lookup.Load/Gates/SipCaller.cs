using System.Net;
using System.Net.Sockets;
using System.Text;
using Lookup.Cli.Bench;
using Lookup.Load.Results;

namespace Lookup.Load.Gates;

/// <summary>A switch with one call at a time: INVITE over UDP, the final response, ACK.</summary>
internal sealed class SipCaller : IDisposable
{
    // Longer than any response that counts as one.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly byte[] _buffer = new byte[4_096];
    private readonly string _caller = Guid.NewGuid().ToString("N");
    private readonly Report _report;
    private int _calls;

    internal SipCaller(IPEndPoint gate, Report report)
    {
        _socket.Connect(gate);
        _report = report;
    }

    /// <summary>Calls a number that is permitted: the response must be a redirect to it.</summary>
    internal async Task<Outcome> CallAsync(string number)
    {
        var id = $"{++_calls}-{_caller}";
        await SendAsync("INVITE", number, id);
        using var limit = new CancellationTokenSource(Limit);
        while (true)
        {
            string response;
            try
            {
                response = Encoding.ASCII.GetString(_buffer, 0, await _socket.ReceiveAsync(_buffer, limit.Token));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                return Outcome.Undecided;
            }

            // A provisional response, or one to an earlier call that was sent again.
            if (response.StartsWith("SIP/2.0 1", StringComparison.Ordinal) || !response.Contains(id, StringComparison.Ordinal))
            {
                continue;
            }

            await SendAsync("ACK", number, id);
            if (response.StartsWith("SIP/2.0 302 ", StringComparison.Ordinal) && response.Contains($"<sip:{number}@", StringComparison.Ordinal))
            {
                return Outcome.Right;
            }

            if (response.StartsWith("SIP/2.0 4", StringComparison.Ordinal) || response.StartsWith("SIP/2.0 5", StringComparison.Ordinal))
            {
                return Outcome.Undecided;
            }

            _report.Wrong($"The call of {number} was answered {response.Split("\r\n")[0]}.");
            return Outcome.Wrong;
        }
    }

    private async Task SendAsync(string method, string number, string id) => await _socket.SendAsync(Encoding.ASCII.GetBytes(
        $"{method} sip:{number}@gate.example SIP/2.0\r\nVia: SIP/2.0/UDP {_socket.LocalEndPoint};branch=z9hG4bK{id};rport\r\nMax-Forwards: 70\r\n"
        + $"From: <sip:+31850000000@dialer.example>;tag=f{id}\r\nTo: <sip:{number}@gate.example>\r\nCall-ID: {id}@dialer.example\r\nCSeq: 1 {method}\r\n"
        + "Contact: <sip:dialer@127.0.0.1>\r\nContent-Length: 0\r\n\r\n"));

    public void Dispose() => _socket.Dispose();
}
