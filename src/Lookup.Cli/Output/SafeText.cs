using System.Buffers;
using System.Globalization;
using System.Text;
using Spectre.Console;

namespace Lookup.Cli.Output;

/// <summary>Makes texts that others wrote harmless for those who read them: on a terminal, and in a spreadsheet.</summary>
internal static class SafeText
{
    private static readonly SearchValues<byte> Number = SearchValues.Create("+0123456789 -()./"u8);

    /// <summary>A text within markup: neither its tags nor its control characters do anything.</summary>
    public static string Escape(string text) => Markup.Escape(Printable(text).Replace("\n", "\\n", StringComparison.Ordinal));

    /// <summary>
    /// A text for a terminal. Control characters, which move the cursor, set the title or hide what is written, and those that reverse
    /// the direction of writing are shown by their codes. Line ends stay.
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
    /// Whether a spreadsheet may take a cell for a formula. What has nothing but digits and the signs of numbers is none, so that phone
    /// numbers stay as they are and can be read again.
    /// </summary>
    public static bool IsFormula(ReadOnlySpan<byte> cell)
    {
        var text = cell.TrimStart((byte)' ');
        return text is [(byte)'=' or (byte)'+' or (byte)'-' or (byte)'@' or (byte)'\t' or (byte)'\r', ..] && text.ContainsAnyExcept(Number);
    }

    /// <summary>A cell of CSV: a formula is made text by a quote in front of it, and the cell is quoted where it has to be.</summary>
    public static string Cell(string text)
    {
        text = IsFormula(Encoding.UTF8.GetBytes(text)) ? "'" + text : text;
        return text.AsSpan().IndexOfAny(",\"\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    private static bool IsHarmful(char c) => (char.IsControl(c) && c != '\n') || c is >= '\u202a' and <= '\u202e' or >= '\u2066' and <= '\u2069' or '\u200e' or '\u200f';
}
