using System.Net;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;

namespace Lookup.Cli.Gates;

/// <summary>What the commands that run a gate share: peers, the first connection, and the summary line.</summary>
internal static class GateRun
{
    private static readonly TimeSpan SummaryPause = TimeSpan.FromMinutes(1);

    /// <summary>Reads an address or a network such as 10.0.0.0/24.</summary>
    public static bool TryParsePeer(string? text, out IPNetwork network)
    {
        network = default;
        if (text is null)
        {
            return false;
        }

        if (OptionParsing.TryAddress(text, out var address))
        {
            network = new IPNetwork(address, address.GetAddressBytes().Length * 8);
            return true;
        }

        var slash = text.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && OptionParsing.TryAddress(text[..slash], out _) && IPNetwork.TryParse(text, out network);
    }

    /// <summary>Returns an address as peers are compared: an IPv4 address that arrived over an IPv6 socket is an IPv4 address.</summary>
    public static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    /// <summary>
    /// Opens the connections before the first call, because an answer expires sooner than a process and a connection warm up. A service
    /// that is away does not stop the gate: it answers UNKNOWN until the service is there.
    /// </summary>
    /// <returns>Why the service does not answer; empty if it does.</returns>
    public static async Task<string> WarmUpAsync(LookupClient client, int channels, CancellationToken ct)
    {
        try
        {
            var serving = true;
            for (var i = 0; i < channels; i++)
            {
                serving &= await client.IsServingAsync(ct);
            }

            return serving ? "" : $"The service at {client.Address} does not serve now.";
        }
        catch (LookupException exception)
        {
            return exception.Message;
        }
    }

    /// <summary>Writes the summary line each minute in which it changed, until it is cancelled, and once at the end.</summary>
    public static async Task SummariseAsync(Shell shell, Func<bool, string> format, bool json, CancellationToken ct)
    {
        using var timer = new PeriodicTimer(SummaryPause);
        var written = "";
        try
        {
            while (await timer.WaitForNextTickAsync(ct))
            {
                Write();
            }
        }
        catch (OperationCanceledException)
        {
            Write();
        }

        void Write()
        {
            var line = format(json);
            if (line != written)
            {
                (json ? shell.Output : shell.Error).WriteLine(line);
                written = line;
            }
        }
    }
}
