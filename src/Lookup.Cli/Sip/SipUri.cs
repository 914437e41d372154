using System.Net;
using System.Net.Sockets;

namespace Lookup.Cli.Sip;

/// <summary>Parts of a Request-URI. The number itself is read by NumberParser.</summary>
internal static class SipUri
{
    /// <summary>Returns the host of a sip: or sips: URI without its port; empty if it has none.</summary>
    public static string Host(string uri)
    {
        if (!IsSip(uri))
        {
            return "";
        }

        var rest = uri[(uri.IndexOf(':', StringComparison.Ordinal) + 1)..];
        rest = rest[(rest.LastIndexOf('@') + 1)..];
        var end = rest.AsSpan().IndexOfAny(";?");
        rest = end < 0 ? rest : rest[..end];
        if (rest.StartsWith('['))
        {
            var close = rest.IndexOf(']', StringComparison.Ordinal);
            return close < 0 ? "" : rest[..(close + 1)];
        }

        var colon = rest.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? rest : rest[..colon];
    }

    /// <summary>Reads a host without a port: a name, an IPv4 address, or an IPv6 address in brackets.</summary>
    /// <param name="text">The host.</param>
    /// <param name="host">The host as hosts are compared: in lower case, without a final dot.</param>
    public static bool TryHost(string text, out string host)
    {
        if (text.StartsWith('['))
        {
            var isAddress = text.EndsWith(']') && IPAddress.TryParse(text[1..^1], out var address) && address.AddressFamily == AddressFamily.InterNetworkV6;
            host = isAddress ? $"[{IPAddress.Parse(text[1..^1])}]" : "";
            return isAddress;
        }

        host = (text.EndsWith('.') ? text[..^1] : text).ToLowerInvariant();
        return host.Split('.').All(label => label.Length > 0 && label.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'));
    }

    /// <summary>Returns the digits that were dialled if the user part is nothing else: the form of emergency numbers; else empty.</summary>
    public static string PlainDigits(string uri)
    {
        var rest = uri[(uri.IndexOf(':', StringComparison.Ordinal) + 1)..];
        if (IsSip(uri))
        {
            var at = rest.IndexOf('@', StringComparison.Ordinal);
            if (at < 0 || at != rest.LastIndexOf('@'))
            {
                return "";
            }

            rest = rest[..at];
        }
        else if (!uri.StartsWith("tel:", StringComparison.OrdinalIgnoreCase))
        {
            return "";
        }

        var end = rest.IndexOf(';', StringComparison.Ordinal);
        rest = end < 0 ? rest : rest[..end];
        return rest.Length > 0 && rest.All(char.IsAsciiDigit) ? rest : "";
    }

    /// <summary>Whether the scheme is one that can name a number.</summary>
    public static bool IsKnown(string uri) => IsSip(uri) || uri.StartsWith("tel:", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a URI has a parameter, also within its user part or headers.</summary>
    public static bool HasParameter(string uri, string name) =>
        uri.Split(';', '?', '&').Skip(1).Any(part => part.Split('=')[0].Trim().Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether the scheme is sip: or sips:.</summary>
    public static bool IsSip(string uri) =>
        uri.StartsWith("sip:", StringComparison.OrdinalIgnoreCase) || uri.StartsWith("sips:", StringComparison.OrdinalIgnoreCase);
}
