using System.Globalization;

namespace Lookup.Client;

/// <summary>Converts numbers between E.164 and the integers of a stream.</summary>
internal static class E164
{
    /// <summary>Parses a plus and 7 to 15 digits, the first not 0. The service checks whether the number is valid in its country.</summary>
    public static bool TryParse(string text, out ulong number)
    {
        number = 0;
        return text.Length is >= 8 and <= 16 && text[0] == '+' && text[1] != '0' &&
            ulong.TryParse(text.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    public static string ToText(ulong number) => string.Create(CultureInfo.InvariantCulture, $"+{number}");
}
