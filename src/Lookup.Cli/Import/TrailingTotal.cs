using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Lookup.Core.Numbers;

namespace Lookup.Cli.Import;

/// <summary>Recognises a last line that states how many lines the file has.</summary>
internal static partial class TrailingTotal
{
    /// <summary>Returns the count that a last line states; null if the line is not a total.</summary>
    /// <param name="line">The bytes of the line.</param>
    /// <param name="region">Region of the file's numbers; null: none.</param>
    /// <param name="isNamed">Whether words say that it is a total.</param>
    public static long? Of(ReadOnlySpan<byte> line, string? region, out bool isNamed)
    {
        isNamed = false;
        if (line.Length > 200 || Pattern().Match(Encoding.UTF8.GetString(line)) is not { Success: true } match
            || NumberParser.Instance.TryParse(match.Groups["count"].Value, region, out _, out _))
        {
            return null;
        }

        var digits = string.Concat(match.Groups["count"].Value.Where(char.IsAsciiDigit));
        isNamed = Words().IsMatch(match.Groups["words"].Value + " " + match.Groups["after"].Value);
        // Without a word, a value in another column would pass for a total.
        return (isNamed || (match.Groups["words"].ValueSpan.Trim(" #\t\"") is [] && match.Groups["after"].ValueSpan.Trim(" #\t\"") is []))
            && long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : null;
    }

    // One whole number, with or without separators of thousands, and nothing else but words.
    [GeneratedRegex(@"^(?<words>[^0-9+]*)(?<count>[0-9]{1,3}(?:[.,'’ \u00a0\u202f][0-9]{3})+|[0-9]+)(?<after>[^0-9]*)$")]
    private static partial Regex Pattern();

    // In the languages of the supported countries.
    [GeneratedRegex("total|totaal|gesamt|summe|somme|suma|totale|totalt|sum|count|anzahl|aantal|nombre|número|numero|antal|antall|liczba|lines|records|rows|regels|zeilen|lignes|líneas|righe|linhas|linjer|rader|wiersz|trailer|eof", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Words();
}
