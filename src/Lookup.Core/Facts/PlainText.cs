using System.Buffers;
using System.Globalization;

namespace Lookup.Core.Facts;

/// <summary>
/// The rule for every stored text of a caller: it displays as what it is, on one line, wherever it is printed. Rejected are control
/// characters (C0, DEL and C1), the line and paragraph separators U+2028 and U+2029, characters that embed, override or isolate
/// bidirectional text (U+202A to U+202E, U+2066 to U+2069), and unpaired surrogates.
/// </summary>
public static class PlainText
{
    // The search stops at every surrogate; FindFault decides whether it is unpaired.
    private static readonly SearchValues<char> Suspects = SearchValues.Create(
    [
        .. Range('\u0000', '\u001f'), .. Range('\u007f', '\u009f'), .. Range('\u2028', '\u202e'), .. Range('\u2066', '\u2069'),
        .. Range('\ud800', '\udfff'),
    ]);

    /// <summary>Returns whether a text contains no rejected character.</summary>
    public static bool IsPlain(ReadOnlySpan<char> text) => FindFault(text) < 0;

    /// <summary>Describes the first rejected character without repeating the text; null if there is none.</summary>
    public static string? Fault(ReadOnlySpan<char> text) => FindFault(text) is >= 0 and var at
        ? $"Character {(at + 1).ToString(CultureInfo.InvariantCulture)} is U+{(int)text[at]:X4}: control characters, line breaks, "
            + "bidirectional controls and unpaired surrogates are not allowed. Remove it."
        : null;

    private static int FindFault(ReadOnlySpan<char> text)
    {
        for (var from = 0; ;)
        {
            var at = text[from..].IndexOfAny(Suspects);
            if (at < 0)
            {
                return -1;
            }

            at += from;
            if (!char.IsHighSurrogate(text[at]) || at + 1 == text.Length || !char.IsLowSurrogate(text[at + 1]))
            {
                return at;
            }

            from = at + 2;
        }
    }

    private static IEnumerable<char> Range(char first, char last) => Enumerable.Range(first, last - first + 1).Select(one => (char)one);
}
