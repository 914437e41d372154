using System.Globalization;

namespace Lookup.Client;

/// <summary>Numbers as they travel in a stream.</summary>
internal static class E164
{
    /// <summary>A plus and 7 to 15 digits, the first not 0; whether it is a number of its country is for the service to say.</summary>
    public static bool TryParse(string text, out ulong number)
    {
        number = 0;
        return text.Length is >= 8 and <= 16 && text[0] == '+' && text[1] != '0' &&
            ulong.TryParse(text.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    public static string ToText(ulong number) => string.Create(CultureInfo.InvariantCulture, $"+{number}");
}
