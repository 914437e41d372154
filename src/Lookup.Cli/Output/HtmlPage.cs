using System.Net;
using System.Text;

namespace Lookup.Cli.Output;

/// <summary>The frame of a printable HTML file without scripts or external resources.</summary>
internal static class HtmlPage
{
    /// <summary>How a page begins.</summary>
    public const string Start = "<!doctype html>";

    /// <summary>Begins a page; the body follows.</summary>
    /// <param name="title">Its title.</param>
    /// <param name="style">Its style sheet.</param>
    public static StringBuilder Begin(string title, string style) => new StringBuilder(Start)
        .Append("\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">")
        .Append("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">")
        .Append("<title>").Append(Text(title)).Append("</title><style>").Append(style).Append("</style></head>\n<body>\n");

    /// <summary>Ends the page.</summary>
    public static string End(StringBuilder html) => html.Append("</body></html>\n").ToString();

    /// <summary>Escapes a text.</summary>
    public static string Text(string text) => WebUtility.HtmlEncode(text);
}
