using System.Net;
using System.Net.Sockets;
using System.Text;
using Lookup.Cli.Bench;
using Lookup.Load.Processes;
using Lookup.Load.Results;

namespace Lookup.Load.Gates;

/// <summary>Plays Asterisk: a connection for each call, as AGI() makes it, and a reply to each command.</summary>
internal static class AgiCaller
{
    private static readonly byte[] Reply = "200 result=1\n"u8.ToArray();

    /// <summary>Calls a number that is permitted: the last verdict must be ALLOW.</summary>
    internal static async Task<Outcome> CallAsync(IPEndPoint server, string number, Report report)
    {
        try
        {
            using var client = new TcpClient { NoDelay = true };
            await client.ConnectAsync(server);
            var stream = client.GetStream();
            using var reader = new StreamReader(stream, Encoding.ASCII);
            await stream.WriteAsync(Encoding.ASCII.GetBytes(
                $"agi_network: yes\nagi_network_script: check\nagi_request: agi://{server}/check?org={TestBed.Organisation}&purpose=commercial&kind=marketing&subscriber=consumer\n"
                + "agi_channel: PJSIP/dialer-00000001\nagi_language: en\nagi_type: PJSIP\nagi_uniqueid: 1700000000.1\nagi_version: 20.5.0\nagi_callerid: unknown\n"
                + "agi_calleridname: unknown\nagi_dnid: 901\nagi_context: campaign\nagi_extension: 902\nagi_priority: 3\nagi_enhanced: 0.0\nagi_accountcode: \n"
                + $"agi_threadid: 1234\nagi_arg_1: {number}\n\n"));
            var verdict = "";
            while (await reader.ReadLineAsync() is { } line)
            {
                verdict = line.StartsWith("SET VARIABLE LOOKUP_VERDICT ", StringComparison.Ordinal) ? line : verdict;
                await stream.WriteAsync(Reply);
            }

            if (verdict.EndsWith("\"ALLOW\"", StringComparison.Ordinal))
            {
                return Outcome.Right;
            }

            if (!verdict.EndsWith("\"UNKNOWN\"", StringComparison.Ordinal))
            {
                report.Wrong($"The call of {number} ended with {verdict}.");
                return Outcome.Wrong;
            }
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // Counted as undecided.
        }

        return Outcome.Undecided;
    }
}
