using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.Cli.Gates;

/// <summary>What the commands that run a gate share: peers, the first connection, and the summary line.</summary>
internal static class GateRun
{
    private static readonly TimeSpan SummaryPause = TimeSpan.FromMinutes(1);

    // Length of ::ffff:0:0, before the IPv4 address.
    private const int MappedPrefix = 96;

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
            var plain = Plain(address);
            network = new IPNetwork(plain, plain.GetAddressBytes().Length * 8);
            return true;
        }

        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash <= 0 || !OptionParsing.TryAddress(text[..slash], out _) || !IPNetwork.TryParse(text, out network))
        {
            return false;
        }

        if (network.BaseAddress.IsIPv4MappedToIPv6 && network.PrefixLength >= MappedPrefix)
        {
            network = new IPNetwork(network.BaseAddress.MapToIPv4(), network.PrefixLength - MappedPrefix);
        }

        return true;
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

    /// <summary>Asks the service about an empty number, which it rejects, to learn whether it accepts the credential and the question.</summary>
    /// <returns>What the service rejects; empty: nothing, or it did not answer.</returns>
    public static async Task<string> ProbeAsync(CheckCall check, Question question, string region, CancellationToken ct)
    {
        var answer = GateAnswer.From(await check("", question, new CheckOptions { DefaultRegion = region }, ct));
        return answer.IsQuestionRejected ? answer.Rejection : "";
    }

    /// <summary>Writes a warning to standard error, as JSON with --json.</summary>
    public static void Warn(Shell shell, bool json, string text) =>
        shell.Error.WriteLine(json ? new JsonObject { ["warning"] = text }.ToJsonString(JsonText.Options) : $"lookup: {SafeText.Printable(text)}");

    /// <summary>Explains why a gate cannot listen, and what to do.</summary>
    public static CliException ListenFault(IPEndPoint listen, SocketException exception)
    {
        var why = exception.SocketErrorCode switch
        {
            SocketError.AddressAlreadyInUse => "the address is in use: stop the program that listens there, or choose another port.",
            SocketError.AddressNotAvailable => $"{listen.Address} is not an address of this machine: use one of its addresses, or {(listen.AddressFamily == AddressFamily.InterNetwork ? "0.0.0.0" : "[::]")} for all of them.",
            SocketError.AccessDenied => $"port {listen.Port.ToString(CultureInfo.InvariantCulture)} needs privileges: choose a port above 1023.",
            _ => exception.Message.TrimEnd('.') + ".",
        };
        return new CliException($"--listen {listen}: {why}", inner: exception);
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
