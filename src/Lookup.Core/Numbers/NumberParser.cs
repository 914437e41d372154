// For: taking numbers as people and files write them.
//
// What is already a plus and digits never reaches libphonenumber. Neither does what becomes that when spaces and the
// usual punctuation are left out. The rest, national forms and international ones with a trunk 0, libphonenumber
// reads, and its answer passes the same check as every number. Nothing is guessed: letters (vanity numbers,
// extensions, remarks) and second numbers are refused, because a number that was guessed wrong loses an objection.
using System.Buffers;
using System.Globalization;
using PhoneNumbers;

namespace Lookup.Core.Numbers;

/// <summary>Reads numbers in E.164 and in national and international forms. Thread-safe.</summary>
public sealed class NumberParser
{
    /// <summary>Longest input in characters.</summary>
    public const int MaxInput = 64;

    private const char LeftToRightMark = '\u200E';
    private const char SoftHyphen = '\u00AD';
    private static readonly SearchValues<char> Punctuation = SearchValues.Create("()[]./-~");

    private readonly PhoneNumberUtil _util = PhoneNumberUtil.GetInstance();
    private readonly ShortNumberInfo _short = ShortNumberInfo.GetInstance();
    private readonly HashSet<string> _regions;

    private NumberParser() => _regions = _util.GetSupportedRegions();

    /// <summary>The parser.</summary>
    public static NumberParser Instance { get; } = new();

    /// <summary>Reads a number.</summary>
    /// <param name="text">
    /// E.164 ("+31612345678"), with spaces and punctuation ("+31 (0)6-1234 5678"), or a form of the region
    /// ("06 12345678", "0031 6 12345678"). Digits of any script count as digits.
    /// </param>
    /// <param name="defaultRegion">ISO 3166 code of two letters in either case; null or empty for none.</param>
    /// <param name="number">The number.</param>
    /// <param name="fault">Why it is none.</param>
    public bool TryParse(ReadOnlySpan<char> text, string? defaultRegion, out PhoneNumber number, out NumberFault fault)
    {
        if (PhoneNumber.TryParse(text, out number, out fault))
            return true;
        if (text.Length > MaxInput)
            return Refuse(NumberFault.InputTooLong, out number, out fault);

        Span<char> buffer = stackalloc char[MaxInput];
        fault = Strip(text, buffer, out var length);
        if (fault != NumberFault.None)
            return false;

        var digits = buffer[..length];
        if (PhoneNumber.TryParse(digits, out number, out fault))
            return true;

        return fault switch
        {
            NumberFault.TrunkZero => Read(digits.ToString(), null, out number, out fault),
            NumberFault.NationalWithoutRegion when !string.IsNullOrEmpty(defaultRegion) =>
                ReadNational(digits.ToString(), defaultRegion, out number, out fault),
            // A number too long for E.164 can still be a national one with a prefix for international calls.
            NumberFault.TooLong when digits[0] != '+' && !string.IsNullOrEmpty(defaultRegion) =>
                ReadNational(digits.ToString(), defaultRegion, out number, out fault),
            _ => false,
        };
    }

    private static bool Refuse(NumberFault why, out PhoneNumber number, out NumberFault fault)
    {
        number = default;
        fault = why;
        return false;
    }

    // Leaves ASCII digits and a plus in front.
    private static NumberFault Strip(ReadOnlySpan<char> text, Span<char> buffer, out int length)
    {
        length = 0;
        foreach (var c in text)
        {
            if (char.IsAsciiDigit(c))
                buffer[length++] = c;
            else if (c is '+' or '\uFF0B' && length == 0)
                buffer[length++] = '+';
            else if (char.IsDigit(c))
                buffer[length++] = (char)('0' + (int)char.GetNumericValue(c));
            else if (char.IsLetter(c))
                return NumberFault.Letters;
            else if (!IsIgnored(c))
                return NumberFault.InvalidCharacter;
        }

        return length == 0 ? NumberFault.Empty : NumberFault.None;
    }

    private static bool IsIgnored(char c) =>
        Punctuation.Contains(c)
        || char.IsWhiteSpace(c)
        || c == SoftHyphen
        || CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.DashPunctuation
        // Marks of writing direction come along when numbers are copied from pages.
        || (c >= LeftToRightMark && CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.Format);

    private bool ReadNational(string digits, string region, out PhoneNumber number, out NumberFault fault)
    {
        region = region.ToUpperInvariant();
        if (!_regions.Contains(region))
            return Refuse(NumberFault.UnknownRegion, out number, out fault);
        if (_short.IsEmergencyNumber(digits, region))
            return Refuse(NumberFault.EmergencyOrShort, out number, out fault);
        if (Read(digits, region, out number, out fault))
            return true;
        if (fault == NumberFault.TooShort && IsShort(digits, region))
            fault = NumberFault.EmergencyOrShort;
        return false;
    }

    private bool IsShort(string digits, string region) =>
        _short.IsValidShortNumberForRegion(
            new PhoneNumbers.PhoneNumber.Builder()
                .SetCountryCode(_util.GetCountryCodeForRegion(region))
                .SetNationalNumber(ulong.Parse(digits, CultureInfo.InvariantCulture))
                .Build(),
            region);

    private bool Read(string digits, string? region, out PhoneNumber number, out NumberFault fault)
    {
        PhoneNumbers.PhoneNumber parsed;
        try
        {
            parsed = _util.Parse(digits, region);
        }
        catch (NumberParseException exception)
        {
            return Refuse(FaultOf(exception.ErrorType), out number, out fault);
        }

        var e164 = _util.Format(parsed, PhoneNumberFormat.E164);
        return PhoneNumber.TryParse(e164, out number, out fault);
    }

    private static NumberFault FaultOf(ErrorType error) => error switch
    {
        ErrorType.INVALID_COUNTRY_CODE => NumberFault.UnknownCallingCode,
        ErrorType.TOO_LONG => NumberFault.TooLong,
        ErrorType.TOO_SHORT_AFTER_IDD or ErrorType.TOO_SHORT_NSN or ErrorType.NOT_A_NUMBER => NumberFault.TooShort,
        _ => NumberFault.Impossible,
    };
}
