// For: reading the SIP requests that a redirect server answers (RFC 3261), and nothing more.
//
// The reader copies Via, From, To, Call-ID and CSeq into the response and needs nothing else of the message, so it does not parse SDP,
// routes or authentication. It is strict where leniency could be used: header lines end with CR LF and have no other control characters
// (so a copied header cannot smuggle another one into the response), the headers that identify a transaction appear once, and the method
// of CSeq is that of the request. A message that breaks a rule is dropped, never guessed at: its call is not permitted.
//
// https://www.rfc-editor.org/rfc/rfc3261
using System.Globalization;
using System.Text;

namespace Lookup.Cli.Sip;

/// <summary>A SIP request, as far as a redirect server needs it.</summary>
internal sealed class SipRequest
{
    /// <summary>Most header lines of a message.</summary>
    public const int MaxHeaders = 128;

    private const string Version = "SIP/2.0";
    private const int MaxVia = 32;
    private const int MaxUri = 512;

    private readonly List<(string Name, string Value)> _headers;

    private SipRequest(string method, string uri, List<(string Name, string Value)> headers)
    {
        Method = method;
        Uri = uri;
        _headers = headers;
    }

    public string Method { get; }

    /// <summary>The Request-URI: what the call is to.</summary>
    public string Uri { get; }

    public string From { get; private set; } = "";

    public string To { get; private set; } = "";

    public string CallId { get; private set; } = "";

    /// <summary>CSeq as sent: number and method.</summary>
    public string CSeq { get; private set; } = "";

    public uint Sequence { get; private set; }

    /// <summary>The Via values in order, the top one first.</summary>
    public List<string> Via { get; } = [];

    /// <summary>The top Via, which says where the response goes.</summary>
    public SipVia TopVia { get; private set; } = null!;

    /// <summary>Length of the body in bytes; 0 if the message does not state it.</summary>
    public int ContentLength { get; private set; }

    /// <summary>Whether To has a tag: the request is within a call, and a redirect server has none.</summary>
    public bool IsInDialog => To.Contains(";tag=", StringComparison.OrdinalIgnoreCase);

    /// <summary>Returns the values of a header, by its full name in lower case.</summary>
    public IEnumerable<string> Header(string name) => _headers.Where(header => header.Name == name).Select(header => header.Value);

    /// <summary>Reads the head of a message, up to and with its empty line.</summary>
    /// <returns>Null if it is not a request that can be answered.</returns>
    public static SipRequest? Read(ReadOnlySpan<byte> head)
    {
        // Latin-1 keeps each byte, so headers are copied as they came.
        var lines = Encoding.Latin1.GetString(head).Split("\r\n");
        if (lines.Length is < 3 or > MaxHeaders + 3 || lines[^1].Length > 0 || lines[^2].Length > 0)
        {
            return null;
        }

        var start = lines[0].Split(' ');
        if (start.Length != 3 || start[2] != Version || !IsToken(start[0]) || start[1].Length is 0 or > MaxUri || start[1].AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            return null;
        }

        var headers = new List<(string Name, string Value)>(lines.Length);
        foreach (var line in lines[1..^2])
        {
            if (line.Length == 0 || line.Any(c => char.IsControl(c) && c != '\t'))
            {
                return null;
            }

            if (line[0] is ' ' or '\t')
            {
                // A header that continues on the next line.
                if (headers.Count == 0)
                {
                    return null;
                }

                headers[^1] = (headers[^1].Name, $"{headers[^1].Value} {line.Trim(' ', '\t')}");
                continue;
            }

            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0 || !IsToken(line[..colon].TrimEnd(' ', '\t')))
            {
                return null;
            }

            headers.Add((FullName(line[..colon].TrimEnd(' ', '\t')), line[(colon + 1)..].Trim(' ', '\t')));
        }

        var request = new SipRequest(start[0], start[1], headers);
        return request.ReadHeaders() ? request : null;
    }

    private bool ReadHeaders()
    {
        foreach (var value in Header("via"))
        {
            Via.AddRange(SplitOutsideQuotes(value));
        }

        if (Via.Count is 0 or > MaxVia || SipVia.Read(Via[0]) is not { } top
            || One("from") is not { } from || One("to") is not { } to || One("call-id") is not { } call || One("cseq") is not { } sequence)
        {
            return false;
        }

        (TopVia, From, To, CallId, CSeq) = (top, from, to, call, sequence);
        var parts = sequence.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length != 2 || parts[1] != Method || !uint.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return false;
        }

        Sequence = number;
        var lengths = Header("content-length").ToList();
        if (lengths.Count == 0)
        {
            return true;
        }

        var isLength = int.TryParse(lengths[0], NumberStyles.None, CultureInfo.InvariantCulture, out var length);
        ContentLength = length;
        return lengths.Count == 1 && isLength;
    }

    // The value of a header that must appear once; else null.
    private string? One(string name)
    {
        var values = Header(name).Take(2).ToList();
        return values is [{ Length: > 0 } value] ? value : null;
    }

    // Several Via in one header: a comma in a quoted text or in <> separates nothing.
    private static IEnumerable<string> SplitOutsideQuotes(string value)
    {
        var (start, quoted) = (0, false);
        for (var i = 0; i < value.Length; i++)
        {
            quoted ^= value[i] == '"';
            if (value[i] == ',' && !quoted)
            {
                yield return value[start..i].Trim();
                start = i + 1;
            }
        }

        yield return value[start..].Trim();
    }

    /// <summary>Returns whether a text can be the name of a method or header.</summary>
    public static bool IsToken(string text) => text.Length is > 0 and <= 64 && text.All(c => char.IsAsciiLetterOrDigit(c) || "-.!%*_+`'~".Contains(c, StringComparison.Ordinal));

    /// <summary>Returns the name of a header in full and in lower case.</summary>
    public static string FullName(string name) => name.ToLowerInvariant() switch
    {
        "v" => "via",
        "f" => "from",
        "t" => "to",
        "i" => "call-id",
        "l" => "content-length",
        "m" => "contact",
        "b" => "referred-by",
        "c" => "content-type",
        "e" => "content-encoding",
        "k" => "supported",
        "o" => "event",
        "r" => "refer-to",
        "s" => "subject",
        "u" => "allow-events",
        "x" => "session-expires",
        "y" => "identity",
        var other => other,
    };
}
