using System.Globalization;
using System.Net;

namespace Lookup.Cli.Sip;

/// <summary>The top Via of a request: the transaction, and where its response goes (RFC 3261, 18.2.2; RFC 3581).</summary>
/// <param name="SentBy">Host and port of the sender, as it wrote them.</param>
/// <param name="Port">Port of the sender by its own account.</param>
/// <param name="Branch">The transaction; empty if there is none.</param>
/// <param name="HasReturnPort">Whether the sender wants the response on the port that the request came from.</param>
internal sealed record SipVia(string SentBy, int Port, string Branch, bool HasReturnPort)
{
    private const int StandardPort = 5060;
    private const int StandardTlsPort = 5061;

    /// <summary>Reads a Via value such as "SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK1;rport".</summary>
    /// <returns>Null if it is none.</returns>
    public static SipVia? Read(string value)
    {
        var parts = value.Split(';');
        var words = parts[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length != 2 || !words[0].StartsWith("SIP/2.0/", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var port = words[0].EndsWith("/TLS", StringComparison.OrdinalIgnoreCase) ? StandardTlsPort : StandardPort;
        var colon = words[1].LastIndexOf(':');
        if (colon > words[1].LastIndexOf(']')
            && (!int.TryParse(words[1].AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) || port is 0 or > IPEndPoint.MaxPort))
        {
            return null;
        }

        var (branch, returnPort) = ("", false);
        foreach (var part in parts.Skip(1))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            var name = (equals < 0 ? part : part[..equals]).Trim();
            if (name.Equals("branch", StringComparison.OrdinalIgnoreCase))
            {
                branch = equals < 0 ? "" : part[(equals + 1)..].Trim();
            }
            else if (name.Equals("rport", StringComparison.OrdinalIgnoreCase))
            {
                returnPort = true;
            }
        }

        return new SipVia(words[1], port, branch, returnPort);
    }

    /// <summary>
    /// Returns where a response over UDP goes: always the address that the request came from, whatever the headers say, so that
    /// nobody can aim responses at another host.
    /// </summary>
    public IPEndPoint ReplyTo(IPEndPoint source) => HasReturnPort ? source : new IPEndPoint(source.Address, Port);

    /// <summary>Returns the Via for the response: the request's, with the address that it came from.</summary>
    public string Received(string value, IPEndPoint source)
    {
        var kept = value.Split(';').Where(part => !Is(part, "rport") && !Is(part, "received")).Select(part => part.Trim());
        var received = $"{string.Join(';', kept)};received={source.Address}";
        return HasReturnPort ? string.Create(CultureInfo.InvariantCulture, $"{received};rport={source.Port}") : received;

        static bool Is(string part, string name) => part.Split('=')[0].Trim().Equals(name, StringComparison.OrdinalIgnoreCase);
    }
}
