using System.Net;
using System.Text;

namespace Lookup.Cli.Sip;

/// <summary>Writes SIP responses.</summary>
internal static class SipResponse
{
    /// <summary>The methods that the gate accepts.</summary>
    public const string Allow = "Allow: INVITE, ACK, CANCEL, OPTIONS";

    private const int MaxText = 200;

    /// <summary>Writes a response to a request.</summary>
    /// <param name="request">The request, whose identifying headers the response repeats.</param>
    /// <param name="source">Where the request came from.</param>
    /// <param name="status">Code and phrase, for example "603 Decline".</param>
    /// <param name="tag">The tag of To; null for 100 Trying, which has none.</param>
    /// <param name="headers">Further header lines.</param>
    public static byte[] Write(SipRequest request, IPEndPoint source, string status, string? tag, params ReadOnlySpan<string> headers)
    {
        var text = new StringBuilder(512).Append("SIP/2.0 ").Append(status).Append("\r\n");
        for (var i = 0; i < request.Via.Count; i++)
        {
            text.Append("Via: ").Append(i == 0 ? request.TopVia.Received(request.Via[0], source) : request.Via[i]).Append("\r\n");
        }

        text.Append("From: ").Append(request.From).Append("\r\nTo: ").Append(request.To);
        if (tag is not null && !request.IsInDialog)
        {
            text.Append(";tag=").Append(tag);
        }

        text.Append("\r\nCall-ID: ").Append(request.CallId).Append("\r\nCSeq: ").Append(request.CSeq).Append("\r\n");
        foreach (var header in headers)
        {
            if (header.Length > 0)
            {
                text.Append(header).Append("\r\n");
            }
        }

        return Encoding.Latin1.GetBytes(text.Append("Server: lookup\r\nContent-Length: 0\r\n\r\n").ToString());
    }

    /// <summary>Returns the part of a text that is safe within a quoted string of a header.</summary>
    public static string Clean(string text) => new([.. text.Where(c => c is >= ' ' and <= '~' and not ('"' or '\\')).Take(MaxText)]);
}
