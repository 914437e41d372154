// For: reading numbers as SIP trunks, web pages and address books write them.
//
// A URI names one number: "tel:+31-6-1234-5678", "tel:0612345678;phone-context=+31" (RFC 3966), "sip:+31612345678;npdi@host;user=phone"
// (RFC 3261, 19.1.6). Everything that could name another line is rejected, not dropped: an extension, a sub-address, digits dialled after
// the answer, and a parameter that RFC 3966 makes mandatory. A local number counts only with a context that is a calling code, or with the
// region of the request: RFC 3966 forbids to join a longer context and the number.
//
// https://www.rfc-editor.org/rfc/rfc3966
using System.Globalization;
using PhoneNumbers;

namespace Lookup.Core.Numbers;

/// <summary>Reads tel:, sip: and sips: URIs.</summary>
internal static class NumberUri
{
    /// <summary>Longest URI in characters.</summary>
    internal const int MaxLength = 256;

    private const string Tel = "tel:";
    private const string Sip = "sip:";
    private const string Sips = "sips:";
    private const string Context = "phone-context";
    private const string Mandatory = "m-";

    /// <summary>Returns whether a text is a URI of one of the schemes.</summary>
    internal static bool IsOne(ReadOnlySpan<char> text)
    {
        text = text.TrimStart();
        return text.Length > 0 && (text[0] | 0x20) is 't' or 's'
            && (StartsWith(text, Tel) || StartsWith(text, Sip) || StartsWith(text, Sips));
    }

    /// <summary>Reads the number of a URI.</summary>
    /// <param name="uri">A text that <see cref="IsOne"/> accepts.</param>
    /// <param name="defaultRegion">The region for a number without plus and context; null or empty for none.</param>
    internal static bool TryParse(ReadOnlySpan<char> uri, string? defaultRegion, out PhoneNumber number, out NumberFault fault)
    {
        number = default;
        fault = uri.Length > MaxLength ? NumberFault.InputTooLong : NumberFault.None;
        if (fault != NumberFault.None)
        {
            return false;
        }

        var rest = uri.Trim();
        var isTel = StartsWith(rest, Tel);
        rest = rest[(rest.IndexOf(':') + 1)..];
        if (!isTel)
        {
            var at = rest.IndexOf('@');
            if (at <= 0 || rest[(at + 1)..].IsEmpty || rest[(at + 1)..].Contains('@'))
            {
                fault = NumberFault.UriWithoutNumber;
                return false;
            }

            rest = rest[..at];
        }

        var region = defaultRegion;
        if (!TryReadParameters(rest, ref region, out var digits, out fault))
        {
            return false;
        }

        var text = Decode(digits);
        if (text is null || IsOne(text))
        {
            fault = NumberFault.InvalidCharacter;
            return false;
        }

        if (text.Trim().Length == 0)
        {
            fault = NumberFault.UriWithoutNumber;
            return false;
        }

        return NumberParser.Instance.TryParse(text, region, out number, out fault);
    }

    // Separates the number from its parameters; a context replaces the region.
    private static bool TryReadParameters(ReadOnlySpan<char> text, ref string? region, out ReadOnlySpan<char> digits, out NumberFault fault)
    {
        var first = text.IndexOf(';');
        digits = first < 0 ? text : text[..first];
        var context = default(string);
        fault = NumberFault.None;
        while (first >= 0 && fault == NumberFault.None)
        {
            text = text[(first + 1)..];
            first = text.IndexOf(';');
            var parameter = first < 0 ? text : text[..first];
            var equals = parameter.IndexOf('=');
            var name = (equals < 0 ? parameter : parameter[..equals]).Trim();
            if (Is(name, "ext") || Is(name, "isub") || Is(name, "postd"))
            {
                fault = NumberFault.Extension;
            }
            else if (StartsWith(name, Mandatory))
            {
                fault = NumberFault.InvalidCharacter;
            }
            else if (Is(name, Context))
            {
                fault = context is null ? NumberFault.None : NumberFault.NumberContext;
                context = equals < 0 ? "" : Decode(parameter[(equals + 1)..]) ?? "";
            }
        }

        // A number with its plus needs no context.
        if (fault == NumberFault.None && context is not null && !digits.TrimStart().StartsWith("+") && !StartsWith(digits.TrimStart(), "%2B"))
        {
            region = RegionOf(context);
            fault = region is null ? NumberFault.NumberContext : NumberFault.None;
        }

        return fault == NumberFault.None;
    }

    // The main region of a calling code; the others with the same code have the same forms. Null if the context is more or less than one.
    private static string? RegionOf(string context)
    {
        var digits = context.AsSpan().Trim();
        if (digits.Length is < 2 or > 4 || digits[0] != '+' || digits[1..].ContainsAnyExceptInRange('0', '9')
            || !int.TryParse(digits[1..], NumberStyles.None, CultureInfo.InvariantCulture, out var code) || NumberPlan.CallingCodeOf(digits[1..]) != code)
        {
            return null;
        }

        // "001" and "ZZ": no country.
        return PhoneNumberUtil.GetInstance().GetRegionCodeForCountryCode(code) is { Length: 2 } region and not "ZZ" ? region : null;
    }

    // Decodes percent escapes; null if one is malformed or not ASCII.
    private static string? Decode(ReadOnlySpan<char> text)
    {
        if (!text.Contains('%'))
        {
            return text.ToString();
        }

        Span<char> decoded = stackalloc char[MaxLength];
        var length = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '%')
            {
                decoded[length++] = text[i];
                continue;
            }

            if (i + 2 >= text.Length || !byte.TryParse(text.Slice(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) || value >= 0x80)
            {
                return null;
            }

            decoded[length++] = (char)value;
            i += 2;
        }

        return decoded[..length].ToString();
    }

    private static bool Is(ReadOnlySpan<char> text, string name) => text.Equals(name, StringComparison.OrdinalIgnoreCase);

    private static bool StartsWith(ReadOnlySpan<char> text, string begin) => text.StartsWith(begin, StringComparison.OrdinalIgnoreCase);
}
