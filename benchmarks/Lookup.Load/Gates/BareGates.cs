using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Lookup.Load.Gates;

/// <summary>
/// The measure of the machine: a SIP redirect server over UDP and a FastAGI server that permit every call with as many messages as the
/// gates, and decide nothing.
/// </summary>
internal static class BareGates
{
    private static readonly string[] Copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];

    // The variables of an ALLOW.
    private static readonly (string Name, string Value)[] Variables =
    [
        ("LOOKUP_VERDICT", "UNKNOWN"), ("LOOKUP_NUMBER", "+31612345678"), ("LOOKUP_ARTICLE", "Tw 11.7(1)"), ("LOOKUP_WARNING", ""), ("LOOKUP_RECEIPT", ""),
        ("LOOKUP_MESSAGE", "A consent of the subscriber permits the call."), ("LOOKUP_REASON", "CONSENT"), ("LOOKUP_REUSABLE_MS", "30000"), ("LOOKUP_VERDICT", "ALLOW"),
    ];

    /// <summary>Runs both until standard input ends: so they do not outlive a parent that is killed.</summary>
    internal static async Task<int> RunAsync()
    {
        using var sip = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 1 << 20 };
        sip.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using var agi = new TcpListener(IPAddress.Loopback, 0);
        agi.Start(backlog: 512);
        Console.WriteLine($$"""{"sip":"{{sip.LocalEndPoint}}","agi":"{{agi.LocalEndpoint}}"}""");
        _ = RedirectAsync(sip);
        _ = AcceptAsync(agi);
        await Console.In.ReadToEndAsync();
        return 0;
    }

    private static async Task RedirectAsync(Socket socket)
    {
        var buffer = new byte[4_096];
        while (true)
        {
            var received = await socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0));
            var lines = Encoding.ASCII.GetString(buffer, 0, received.ReceivedBytes).Split("\r\n");
            if (lines[0].StartsWith("INVITE sip:", StringComparison.Ordinal))
            {
                var number = lines[0]["INVITE sip:".Length..lines[0].IndexOf('@', StringComparison.Ordinal)];
                var headers = lines.Where(line => Copied.Any(name => line.StartsWith(name, StringComparison.Ordinal)));
                var response = $"SIP/2.0 302 Moved Temporarily\r\n{string.Join("\r\n", headers)}\r\nContact: <sip:{number}@carrier.example:5060;user=phone>\r\nContent-Length: 0\r\n\r\n";
                await socket.SendToAsync(Encoding.ASCII.GetBytes(response), received.RemoteEndPoint);
            }
        }
    }

    private static async Task AcceptAsync(TcpListener listener)
    {
        while (true)
        {
            _ = ServeAsync(await listener.AcceptTcpClientAsync());
        }
    }

    private static async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            client.NoDelay = true;
            var stream = client.GetStream();
            using var reader = new StreamReader(stream, Encoding.ASCII);
            while (await reader.ReadLineAsync() is { Length: > 0 })
            {
            }

            foreach (var (name, value) in Variables)
            {
                await stream.WriteAsync(Encoding.ASCII.GetBytes($"SET VARIABLE {name} \"{value}\"\n"));
                await reader.ReadLineAsync();
            }
        }
    }
}
