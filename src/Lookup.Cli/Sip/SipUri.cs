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

    private static bool IsSip(string uri) =>
        uri.StartsWith("sip:", StringComparison.OrdinalIgnoreCase) || uri.StartsWith("sips:", StringComparison.OrdinalIgnoreCase);
}
