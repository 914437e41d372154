using System.Buffers;
using System.Globalization;
using System.Text;
using Spectre.Console;

namespace Lookup.Cli.Output;

/// <summary>Makes untrusted texts safe to show on a terminal and in a spreadsheet.</summary>
internal static class SafeText
{
    private static readonly SearchValues<byte> Number = SearchValues.Create("+0123456789 -()./"u8);

    /// <summary>Escapes a text for markup: tags and control characters have no effect.</summary>
    public static string Escape(string text) => Markup.Escape(Printable(text).Replace("\n", "\\n", StringComparison.Ordinal));

    /// <summary>
    /// Makes a text safe for a terminal. Control characters (which can move the cursor, set the title or hide output) and
    /// characters that change the writing direction are shown as codes. Line ends stay.
    /// </summary>
    public static string Printable(string text)
    {
        if (!text.Any(IsHarmful))
        {
            return text;
        }

        var safe = new StringBuilder(text.Length + 16);
        foreach (var c in text)
        {
            if (IsHarmful(c))
            {
                safe.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
            else
            {
                safe.Append(c);
            }
        }

        return safe.ToString();
    }

    /// <summary>
    /// Whether a spreadsheet may read a cell as a formula. Digits and the characters of phone numbers alone are not a formula, so
    /// that phone numbers stay unchanged and can be imported again.
    /// </summary>
    public static bool IsFormula(ReadOnlySpan<byte> cell)
    {
        var text = cell.TrimStart((byte)' ');
        // Some spreadsheets read the full-width forms of = + - @ as the plain ones.
        return (text is [(byte)'=' or (byte)'+' or (byte)'-' or (byte)'@' or (byte)'\t' or (byte)'\r', ..] && text.ContainsAnyExcept(Number))
            || text is [0xEF, 0xBC, 0x9D or 0x8B or 0x8D or 0xA0, ..];
    }

    /// <summary>Formats a CSV cell: prefixes a formula with an apostrophe, and quotes the cell if necessary.</summary>
    public static string Cell(string text)
    {
        // Where a list is separated by semicolons, a spreadsheet takes what follows one, even within quotes, for a cell.
        text = string.Join(';', text.Split(';').Select(cell => IsFormula(Encoding.UTF8.GetBytes(cell)) ? "'" + cell : cell));
        return text.AsSpan().IndexOfAny(",\"\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    private static bool IsHarmful(char c) => (char.IsControl(c) && c != '\n') || c is >= '\u202a' and <= '\u202e' or >= '\u2066' and <= '\u2069' or '\u200e' or '\u200f';
}
