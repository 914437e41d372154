using Lookup.Cli.Options;
using static Lookup.Cli.Output.HtmlPage;

namespace Lookup.Cli.Dossiers;

/// <summary>Formats a dossier as one printable HTML file without scripts or external resources.</summary>
internal static class DossierPage
{
    private const string Style = """
        :root { color-scheme: light dark }
        body { font: 11pt/1.45 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem }
        h1 { font-size: 1.5rem; margin: 0 } header p, footer p { margin: .3rem 0; color: GrayText }
        ol { list-style: none; padding: 0 } li { border-top: 1px solid GrayText; padding: .6rem 0; break-inside: avoid }
        h2 { font-size: 1rem; margin: 0 0 .2rem } h2 time { font-weight: normal; margin-right: .6rem; font-variant-numeric: tabular-nums }
        .kind { font-size: .8rem; border: 1px solid; border-radius: .2rem; padding: 0 .3rem; margin-right: .4rem }
        dl { display: grid; grid-template-columns: 10rem 1fr; gap: .1rem .8rem; margin: 0 } dt { color: GrayText } dd { margin: 0; overflow-wrap: anywhere }
        @media (max-width: 30rem) { dl { grid-template-columns: 1fr } dt { margin-top: .3rem } }
        @media print { body { margin: 0; max-width: none; font-size: 9.5pt } }
        """;

    /// <summary>Renders the page.</summary>
    public static string Render(Dossier dossier)
    {
        var html = Begin($"Dossier {dossier.Number}", Style);
        html.Append("<header><h1>Dossier ")
            .Append(Text(dossier.Number)).Append("</h1>\n<p>Made ").Append(Text(TimeText.LocalWithZone(dossier.Made, dossier.Zone))).Append(" from ")
            .Append(Text(string.Join(", ", dossier.Sources))).Append(". ")
            .Append(dossier.Entries.Count == 0 ? "Nothing is on record about the number." : $"{dossier.Entries.Count} entries, oldest first.")
            .Append(" Times are those of ").Append(Text(dossier.Zone.Length > 0 ? dossier.Zone : "UTC")).Append(".</p>\n");
        if (dossier.Entries.Count > 0)
        {
            html.Append("<p>In effect: ").Append(dossier.InEffect.Count == 0 ? "no fact" : Text(string.Join("; ", dossier.InEffect))).Append(".</p>");
        }

        html.Append("</header>\n<ol>\n");
        foreach (var entry in dossier.Entries)
        {
            html.Append("<li class=\"").Append(entry.Kind).Append("\"><h2><time>").Append(Text(dossier.Time(entry.At))).Append("</time><span class=\"kind\">")
                .Append(entry.Kind).Append("</span>").Append(Text(entry.Title)).Append("</h2><dl>");
            foreach (var (name, text) in entry.Lines)
            {
                html.Append("<dt>").Append(Text(name)).Append("</dt><dd>").Append(Text(text)).Append("</dd>");
            }

            html.Append("</dl></li>\n");
        }

        html.Append("</ol>\n<footer><p>Facts are listed at the time they were recorded, answers at the time they were given. To get the proof of an answer: ")
            .Append("lookup receipt get, with the id of its receipt. The receipt of a list proves the answers in the list.</p></footer>\n");
        return End(html);
    }
}
