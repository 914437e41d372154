namespace Lookup.Core.Numbers;

/// <summary>What people put before each line of a list: a bullet, or the place in the list.</summary>
internal static class ListMark
{
    private const int MaxPlaceDigits = 3;

    // Hyphens and dashes are bullets too, but a spreadsheet writes a negative value with them.
    private const string Bullets = "\u2022\u2023\u2043\u25AA\u25AB\u25CF\u25CB\u25E6\u25A0\u25A1\u2219\u00B7\uF0B7*>";
    private const string Dashes = "-\u2010\u2011\u2012\u2013\u2014\u2212";

    /// <summary>Returns the length of a bullet and the space behind it; 0 if the text does not begin with one.</summary>
    internal static int BulletLength(ReadOnlySpan<char> text)
    {
        var start = text.Length - text.TrimStart().Length;
        if (start + 1 >= text.Length || !char.IsWhiteSpace(text[start + 1]))
        {
            return 0;
        }

        var rest = text[(start + 1)..].TrimStart();
        // No spreadsheet writes a value with a leading 0 or a plus.
        var isBullet = rest.Length > 0 && (Bullets.Contains(text[start]) || (Dashes.Contains(text[start]) && rest[0] is '0' or '+'));
        return isBullet ? text.Length - rest.Length : 0;
    }

    /// <summary>Returns the length of a place such as "12. " or "3) "; 0 if the text does not begin with one.</summary>
    internal static int PlaceLength(ReadOnlySpan<char> text)
    {
        var start = text.Length - text.TrimStart().Length;
        var digits = 0;
        while (digits <= MaxPlaceDigits && start + digits < text.Length && char.IsAsciiDigit(text[start + digits]))
        {
            digits++;
        }

        var mark = start + digits;
        return digits is > 0 and <= MaxPlaceDigits && text[start] != '0' && mark + 1 < text.Length && text[mark] is '.' or ')' && char.IsWhiteSpace(text[mark + 1])
            ? text.Length - text[(mark + 1)..].TrimStart().Length
            : 0;
    }
}
