// For: reading phone numbers as people and files write them.
//
// Texts of a plus and digits, also after removing spaces and the usual punctuation, never reach libphonenumber. It reads the others,
// national forms and international ones with a trunk 0, and its result passes the same check as every number. The parser never guesses: a
// wrong guess loses an objection or permits a call to someone else. Therefore it rejects a text
//
// - that contains anything else (letters: vanity numbers, extensions, remarks),
// - that is a value of another column: a date, a decimal, an IP address,
// - that a spreadsheet calculated: with a minus before it,
// - that contains more than one number: decimals of a spreadsheet (.0), a second ending (/8, (2)), a repeated calling or area code; in countries
//   whose numbers have several lengths, these digits would make another, existing number,
// - that has the place in a list before the number: 1. 06...,
// - that fits two numbers: without plus and trunk 0, digits can belong to the region or begin with a calling code. It also rejects a text
//   that fits two numbers of the region. It accepts a number of the region even if a foreign one without its plus looks the same.
//
// docs/guide/scrub.md lists what a text cannot decide.
using System.Collections.Frozen;
using System.Globalization;
using PhoneNumbers;

namespace Lookup.Core.Numbers;

/// <summary>Reads numbers in E.164 and in national and international forms. Thread-safe.</summary>
public sealed class NumberParser
{
    /// <summary>Longest input in characters.</summary>
    public const int MaxInput = 64;

    // The most digits of a national number that is assigned to a line; plans allow more.
    private const int LongestLine = 11;
    private const int LongestInLuxembourg = 9;

    private const int Austria = 43;
    private const int Germany = 49;
    private const int Luxembourg = 352;

    // The most digits of a prefix before a number with its trunk 0.
    private const int LongestPrefix = 2;

    // Length of the shortest text that can be a second number after the first, with its trunk 0.
    private const int SecondNumber = 6;

    // The digits of an Italian mobile number that can be a fixed line behind the calling code.
    private const int ItalianMobile = 10;

    private const string InternationalPrefix = "00";

    private readonly PhoneNumberUtil _util = PhoneNumberUtil.GetInstance();
    private readonly ShortNumberInfo _short = ShortNumberInfo.GetInstance();
    private readonly FrozenSet<string> _regions;

    private NumberParser() => _regions = _util.GetSupportedRegions().ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>The only instance.</summary>
    public static NumberParser Instance { get; } = new();

    /// <summary>Returns whether a text is the code of a region, in either case. Allocates nothing.</summary>
    public bool IsRegion(string code) => _regions.Contains(code);

    /// <summary>Returns whether digits are exactly a country's calling code.</summary>
    public static bool IsCallingCode(string digits) =>
        digits.All(char.IsAsciiDigit) && NumberPlan.CallingCodeOf(digits) is > 0 and var code && code.ToString(CultureInfo.InvariantCulture) == digits;

    /// <summary>Reads a number.</summary>
    /// <param name="text">
    /// E.164 ("+31612345678"), with spaces and punctuation ("+31 (0)6-1234 5678"), or a form of the region
    /// ("06 12345678", "0031 6 12345678"). Digits of any script count as digits. A tel:, sip: or sips: URI of such a number is read too.
    /// </param>
    /// <param name="defaultRegion">ISO 3166 code of two letters in either case; null or empty for none.</param>
    /// <param name="fault">Why the text is not a number.</param>
    public bool TryParse(ReadOnlySpan<char> text, string? defaultRegion, out PhoneNumber number, out NumberFault fault)
    {
        if (PhoneNumber.TryParse(text, out number, out fault))
        {
            fault = FindTwice(number, isJoined: true);
            return fault == NumberFault.None || Reject(fault, out number, out fault);
        }

        if (NumberUri.IsOne(text))
        {
            return NumberUri.TryParse(text, defaultRegion, out number, out fault);
        }

        if (text.Length > MaxInput)
        {
            return Reject(NumberFault.InputTooLong, out number, out fault);
        }

        if (ListMark.BulletLength(text) is > 0 and var bullet)
        {
            return TryParse(text[bullet..], defaultRegion, out number, out fault);
        }

        var isNumber = TryText(text, defaultRegion, out number, out fault);
        // 1. 0612345678 is the first of a list, unless its place is part of the number: 33. 612345678.
        return ListMark.PlaceLength(text) is > 0 and var place && TryText(text[place..], defaultRegion, out var behind, out _) && behind != number
            ? Reject(NumberFault.ListItem, out number, out fault)
            : isNumber;
    }

    private bool TryText(ReadOnlySpan<char> text, string? defaultRegion, out PhoneNumber number, out NumberFault fault)
    {
        var read = new NumberText(stackalloc char[MaxInput], stackalloc NumberText.Group[MaxInput]);
        fault = read.Read(text);
        if (fault != NumberFault.None)
        {
            return Reject(fault, out number, out fault);
        }

        var region = string.IsNullOrEmpty(defaultRegion) ? null : defaultRegion.ToUpperInvariant();
        if (!TryDigits(read.Digits, region, out number, out fault))
        {
            // A fault about the content helps more than one about the number of digits.
            var other = OtherValues.Find(read, default);
            var better = other == NumberFault.None ? FindEnding(read, region) : other;
            return better == NumberFault.None ? false : Reject(better, out number, out fault);
        }

        fault = FindContradiction(read, region, number);
        return fault == NumberFault.None || Reject(fault, out number, out fault);
    }

    /// <summary>
    /// Reads an integer in E.164 without checking it against a plan. Facts may be stored under such an integer, because an earlier version
    /// accepted it or the plan has dropped it. Only for reading and erasing stored facts; never for a check.
    /// </summary>
    /// <param name="text">A plus and 4 to 15 digits, the first of them a known calling code.</param>
    public static bool TryParseStored(ReadOnlySpan<char> text, out PhoneNumber number)
    {
        number = default;
        var digits = text.Length > 0 && text[0] == '+' ? text[1..] : default;
        if (digits.Length is < 4 or > PhoneNumber.MaxDigits || digits[0] == '0' || digits.ContainsAnyExceptInRange('0', '9')
            || NumberPlan.CallingCodeOf(digits) == 0)
        {
            return false;
        }

        number = new PhoneNumber(ulong.Parse(digits, CultureInfo.InvariantCulture));
        return true;
    }

    /// <summary>Reads the number that a call shows, in international form. It may be of a range that only callers use, such as +34 400.</summary>
    /// <param name="text">The number.</param>
    /// <param name="fault">Why the text is not a number.</param>
    public bool TryParseCaller(string text, out PhoneNumber number, out NumberFault fault) =>
        TryParse(text, null, out number, out fault) || (fault == NumberFault.NotInPlan && TryParseStored(text, out number));

    private static bool Reject(NumberFault why, out PhoneNumber number, out NumberFault fault)
    {
        number = default;
        fault = why;
        return false;
    }

    // Reads digits with or without a plus before them.
    private bool TryDigits(ReadOnlySpan<char> digits, string? region, out PhoneNumber number, out NumberFault fault)
    {
        if (PhoneNumber.TryParse(digits, out number, out fault))
        {
            return true;
        }

        if (digits.Length > 0 && digits[0] == '+')
        {
            // The library removes a trunk 0; all its other corrections are rejected.
            return fault == NumberFault.TrunkZero
                ? TryLibrary(digits.ToString(), null, out number, out fault)
                : TryForms(digits[1..].ToString(), isNational: false, ref number, ref fault);
        }

        if (region is null || fault is not (NumberFault.NationalWithoutRegion or NumberFault.TooLong))
        {
            return false;
        }

        return TryNational(digits.ToString(), region, out number, out fault);
    }

    private bool TryNational(string digits, string region, out PhoneNumber number, out NumberFault fault)
    {
        if (!_regions.Contains(region))
        {
            return Reject(NumberFault.UnknownRegion, out number, out fault);
        }

        if (_short.IsEmergencyNumber(digits, region))
        {
            return Reject(NumberFault.EmergencyOrShort, out number, out fault);
        }

        var code = _util.GetCountryCodeForRegion(region);
        if (TryOwnCode(digits, region, code, out number, out fault))
        {
            return fault == NumberFault.None;
        }

        // With a plus that got lost, the digits are a number of this country or another.
        var withPlus = PhoneNumber.TryParse("+" + digits, out var international, out var why);
        if (why == NumberFault.TrunkZero && NumberPlan.CallingCodeOf(digits) == code)
        {
            // 49 (0) 170 1234567
            withPlus = TryLibrary("+" + digits, null, out international, out _);
        }

        var ofRegion = withPlus && NumberPlan.CallingCodeOf(international) == code;
        if (TryLibrary(digits, region, out number, out fault, form: !withPlus))
        {
            // 447400123456, 4407400123456, 0447400123456 and 04917012345678 in Germany: its plan allows all of them, but no line has so many digits.
            if (digits.Length > (code == Luxembourg ? LongestInLuxembourg : LongestLine) && !ofRegion
                && (withPlus || TryWithoutTrunkZero(digits, out international)) && international != number)
            {
                return Reject(NumberFault.ForeignWithoutPlus, out number, out fault);
            }

            if (digits.Length > LongestLine + 1 && digits[0] == '0'
                && (PhoneNumber.TryParse($"+{digits.AsSpan(1)}", out var behindZero, out _) || TryWithoutTrunkZero(digits.AsSpan(1), out behindZero))
                && behindZero != number && (NumberPlan.CallingCodeOf(behindZero) == code || code is Austria or Germany))
            {
                return Reject(NumberFault.Ambiguous, out number, out fault);
            }

            if (!ofRegion || number == international)
            {
                return true;
            }
            // 4917012345678: a German mobile number, although the plan has an area code 4917 too.
            if (digits.Length <= LongestLine)
            {
                return Reject(NumberFault.Ambiguous, out number, out fault);
            }
        }

        if (ofRegion)
        {
            (number, fault) = (international, NumberFault.None);
            return true;
        }

        if (withPlus)
        {
            return Reject(NumberFault.ForeignWithoutPlus, out number, out fault);
        }

        if (fault == NumberFault.TooShort && IsShort(digits, code, region))
        {
            fault = NumberFault.EmergencyOrShort;
        }

        return false;
    }

    // Reads 0065 9745 9915 in Singapore: 00 and the region's calling code are no other country's, even where another prefix is dialled.
    private bool TryOwnCode(string digits, string region, int code, out PhoneNumber number, out NumberFault fault)
    {
        var own = digits.StartsWith(InternationalPrefix, StringComparison.Ordinal) ? $"{InternationalPrefix}{code}" : null;
        if (own is null || !digits.StartsWith(own, StringComparison.Ordinal) || !TryDigits($"+{digits.AsSpan(InternationalPrefix.Length)}", null, out number, out fault))
        {
            return Reject(NumberFault.None, out number, out fault);
        }

        // 0055 34 91234 5678 in Brazil: 0055 is also the prefix of a carrier, before a Spanish number.
        if (TryLibrary(digits, region, out var other, out _) && other != number && Digits.Count(other.Value) <= digits.Length - own.Length)
        {
            (number, fault) = (default, NumberFault.Ambiguous);
        }

        return true;
    }

    // Reads a calling code and a 0 that does not belong to the number, whether the country has a trunk 0 or not.
    private static bool TryWithoutTrunkZero(ReadOnlySpan<char> digits, out PhoneNumber number)
    {
        number = default;
        var code = NumberPlan.CallingCodeOf(digits);
        var length = Digits.Count((ulong)code);
        return code != 0 && length < digits.Length && digits[length] == '0' && PhoneNumber.TryParse($"+{digits[..length]}{digits[(length + 1)..]}", out number, out _);
    }

    private bool IsShort(string digits, int code, string region) =>
        _short.IsValidShortNumberForRegion(
            new PhoneNumbers.PhoneNumber.Builder()
                .SetCountryCode(code)
                .SetNationalNumber(ulong.Parse(digits, CultureInfo.InvariantCulture))
                .Build(),
            region);

    private bool TryLibrary(string digits, string? region, out PhoneNumber number, out NumberFault fault, bool form = true)
    {
        PhoneNumbers.PhoneNumber parsed;
        try
        {
            parsed = _util.Parse(digits, region);
        }
        catch (NumberParseException exception)
        {
            return Reject(FaultOf(exception.ErrorType), out number, out fault);
        }

        var e164 = _util.Format(parsed, PhoneNumberFormat.E164);
        if (PhoneNumber.TryParse(e164, out number, out fault))
        {
            return true;
        }

        return form && TryForms(e164[1..], isNational: region is not null, ref number, ref fault);
    }

    private static bool TryForms(string digits, bool isNational, ref PhoneNumber number, ref NumberFault fault)
    {
        // In France, numbers of Saint-Pierre begin with its calling code.
        if (!digits.StartsWith("508", StringComparison.Ordinal) && HasCodeTwice(digits))
        {
            fault = NumberFault.RepeatedCallingCode;
            return false;
        }

        if (!SubscriberForms.TryFind(digits, isNational, out var found))
        {
            return false;
        }

        (number, fault) = (found, NumberFault.None);
        return true;
    }

    // Digits that are not a number, but become one without the repeated calling code.
    private static bool HasCodeTwice(ReadOnlySpan<char> digits)
    {
        var length = Digits.Count((ulong)NumberPlan.CallingCodeOf(digits));
        var rest = length < digits.Length ? digits[length..].TrimStart('0') : default;
        return rest.StartsWith(digits[..length]) && PhoneNumber.TryParse($"+{rest}", out _, out _);
    }

    // Finds a fault in the groups of a text whose digits make a number.
    private NumberFault FindContradiction(in NumberText text, string? region, PhoneNumber number)
    {
        var other = OtherValues.Find(text, number);
        if (other != NumberFault.None)
        {
            return other;
        }

        var ending = FindEnding(text, region);
        if (ending != NumberFault.None)
        {
            return ending;
        }

        Span<char> code = stackalloc char[4];
        NumberPlan.CallingCodeOf(number).TryFormat(code, out var length, default, CultureInfo.InvariantCulture);
        code = code[..length];
        var groups = text.Groups;
        // +(201) 555-0123, 011 (201) 555-0123: an area code, and a plus or prefix that a form has put in front.
        var opens = text.HasPlusBeforeParenthesis ? 0 : 1;
        if (opens + 1 < groups.Length && (opens == 0 || (groups[1].Parentheses != 0 && groups[1].Parentheses != groups[0].Parentheses))
            && !text.DigitsOf(opens).SequenceEqual(code) && number.ToString().AsSpan(1).SequenceEqual(text.Digits[groups[opens].Start..]))
        {
            return NumberFault.UnknownCallingCode;
        }

        for (var i = 1; i < groups.Length; i++)
        {
            var before = text.Digits[..groups[i].Start].TrimStart('+');
            var group = text.DigitsOf(i);
            var callingCode = CallingCodeAtEnd(before);
            if (groups[i].Parentheses != 0 && groups[i].Parentheses != groups[i - 1].Parentheses && group[0] == '0')
            {
                // +31 6 (0) 1234..., 1 (020) 1234...: a trunk 0 directly follows the calling code, and must not make another number.
                if (callingCode.IsEmpty)
                {
                    return NumberFault.TrunkZero;
                }

                if (group is "0" && TryDigits($"{text.Digits[..groups[i].Start]}{text.Digits[(groups[i].Start + 1)..]}", region, out var without, out _) && without != number)
                {
                    return NumberFault.Ambiguous;
                }
            }

            if (i == 1 && before.TrimStart('0').SequenceEqual(code) && group.SequenceEqual(code) && IsNumber(code, text.Digits[(groups[i].Start + length)..]))
            {
                return NumberFault.RepeatedCallingCode;
            }

            // 0-0664 1234567, 1) 08-123 456: a prefix for outside lines, or the place in a list.
            if (i == 1 && group[0] == '0' && text.Digits[0] != '+' && groups[1].Start <= LongestPrefix
                && TryDigits(text.Digits[groups[1].Start..], region, out var behind, out _) && behind != number)
            {
                return NumberFault.Ambiguous;
            }

            if (group[0] == '0' && text.Digits.Length - groups[i].Start >= SecondNumber
                && IsNumber(code, text.Digits[groups[i].Start..]) && TryDigits(text.Digits[..groups[i].Start], region, out _, out _))
            {
                return NumberFault.SecondNumber;
            }

            // 44 (0)20 7946 0018 and 44 020 7946 0018 in Germany: the 0 follows a calling code, so that the digits from there are the number.
            if (group[0] == '0' && text.Digits[0] != '+' && !callingCode.IsEmpty
                && (groups[i].Parentheses != 0 && groups[i].Parentheses != groups[i - 1].Parentheses
                    ? !TryBehind(callingCode, text.Digits[groups[i].Start..], out var behindCode) || behindCode != number
                    : i == 1 && callingCode.Length == before.Length && OtherValues.WritesZero(number)
                        && TryBehind(callingCode, text.Digits[groups[i].Start..], out behindCode) && behindCode != number))
            {
                return NumberFault.ForeignWithoutPlus;
            }
        }

        if (IsItalianMobile(text))
        {
            return NumberFault.Ambiguous;
        }

        var twice = FindTwice(number, isJoined: false);
        if (twice != NumberFault.None)
        {
            return twice;
        }

        var first = text.DigitsOf(0).TrimStart('0');
        return first.Length == length * 2 && first.StartsWith(code) && first.EndsWith(code) && groups.Length > 1
            && IsNumber(code, text.Digits[groups[1].Start..]) ? NumberFault.RepeatedCallingCode : NumberFault.None;
    }

    // +3921234567: the mobile number 392 1234567 with an added plus, or 02 1234567 in Milan without its 0. A separator after 39 decides.
    private bool IsItalianMobile(in NumberText text)
    {
        var start = text.Digits[0] == '+' ? 1 : text.Digits.StartsWith(InternationalPrefix) ? InternationalPrefix.Length : 0;
        var digits = text.Digits[start..];
        if (start == 0 || !digits.StartsWith("39") || digits.Length != ItalianMobile || digits[2] is not (>= '1' and <= '3') || PhoneNumber.TryParse($"+{digits}", out _, out _))
        {
            return false;
        }

        foreach (var group in text.Groups)
        {
            if (group.Start == start + 2)
            {
                return false;
            }
        }

        return IsNumber("39", digits);
    }

    // 030 030 1234567, +49 30 0301234567: no number within an area begins with 0, but the plans of some countries do not say so. With more
    // digits than a line has, +49 511145 0511146, they are two numbers of one area. A mobile number may begin with 0 behind its prefix, so
    // joined digits may be one.
    private NumberFault FindTwice(PhoneNumber number, bool isJoined)
    {
        if (!NumberPlan.HasTrunkZero(number))
        {
            return NumberFault.None;
        }

        Span<char> text = stackalloc char[PhoneNumber.MaxDigits];
        number.Value.TryFormat(text, out var digits, default, CultureInfo.InvariantCulture);
        var code = NumberPlan.CallingCodeOf(number);
        var national = text[Digits.Count((ulong)code)..digits];
        for (var at = 1; at + 2 < national.Length; at++)
        {
            if (national[at] != '0' || national[at + 1] != national[0])
            {
                continue;
            }

            var rest = national[(at + 1)..];
            if (!PhoneNumber.TryParse($"+{code}{rest}", out var second, out _))
            {
                continue;
            }

            var parsed = _util.Parse(second.ToString(), null);
            if (_util.GetLengthOfNationalDestinationCode(parsed) is > 0 and var area && area <= at && rest.StartsWith(national[..area])
                && (!isJoined || _util.GetNumberType(parsed) is PhoneNumberType.FIXED_LINE or PhoneNumberType.FIXED_LINE_OR_MOBILE))
            {
                if (at == area)
                {
                    return NumberFault.RepeatedCallingCode;
                }

                if (national.Length > LongestLine && PhoneNumber.TryParse($"+{code}{national[..at]}", out _, out _))
                {
                    return NumberFault.SecondNumber;
                }
            }
        }

        return NumberFault.None;
    }

    // The calling code that digits are, alone or after a dialling prefix; empty if they are not.
    private static ReadOnlySpan<char> CallingCodeAtEnd(ReadOnlySpan<char> digits)
    {
        for (; digits.Length > 0; digits = digits[1..])
        {
            if (digits.Length <= 3 && Digits.Count((ulong)NumberPlan.CallingCodeOf(digits)) == digits.Length && NumberPlan.CallingCodeOf(digits) != 0)
            {
                return digits;
            }

            if (digits[0] is not ('0' or '1'))
            {
                return default;
            }
        }

        return default;
    }

    // Reads the number behind a calling code, with a 0 before it that the country may not dial.
    private bool TryBehind(ReadOnlySpan<char> code, ReadOnlySpan<char> national, out PhoneNumber number) =>
        TryDigits($"+{code}{national}", null, out number, out _) || TryWithoutTrunkZero($"{code}{national}", out number);

    // Whether digits after a calling code are a number, with or without the trunk 0 of the country.
    private bool IsNumber(ReadOnlySpan<char> code, ReadOnlySpan<char> national) => TryDigits($"+{code}{national}", null, out _, out _);

    // Finds digits at the end that do not belong to the number.
    private NumberFault FindEnding(in NumberText text, string? region)
    {
        var groups = text.Groups;
        if (groups.Length < 2)
        {
            return NumberFault.None;
        }

        var dots = 0;
        var slash = 0;
        var slashes = 0;
        for (var i = 1; i < groups.Length; i++)
        {
            if (groups[i].Before == NumberText.Separator.LineBreak)
            {
                return NumberFault.SecondNumber;
            }

            if (groups[i].Before == NumberText.Separator.Dot)
            {
                dots++;
            }

            if (groups[i].Before == NumberText.Separator.Slash)
            {
                (slash, slashes) = (i, slashes + 1);
            }
        }

        var last = groups[^1];
        var ending = text.DigitsOf(groups.Length - 1);
        if (dots == 1 && last.Before == NumberText.Separator.Dot
            && (ending.Length <= 2 || (!ending.ContainsAnyExcept('0') && IsNumber(text, last.Start, region))))
        {
            return NumberFault.Fraction;
        }

        if (last.Parentheses != 0 && last.Parentheses != groups[0].Parentheses)
        {
            return NumberFault.SecondNumber;
        }
        // 01/23/45/67/89: a slash between all groups is a separator.
        if (slash > 0 && ((slashes == 1 && text.Digits.Length - groups[slash].Start <= 2) || IsNumber(text, groups[slash].Start, region)))
        {
            return NumberFault.SecondNumber;
        }

        return last.Before == NumberText.Separator.Hyphen && ending.Length == 1 && IsNumber(text, last.Start, region)
            && !HasDirectDial(text, last.Start, region) ? NumberFault.SecondNumber : NumberFault.None;
    }

    private bool IsNumber(in NumberText text, int end, string? region) => TryDigits(text.Digits[..end], region, out _, out _);

    // Austria, Germany and Luxembourg write a hyphen before the digits of a direct-dial extension, which mobile numbers do not have.
    private bool HasDirectDial(in NumberText text, int end, string? region) =>
        TryDigits(text.Digits[..end], region, out var number, out _) && NumberPlan.CallingCodeOf(number) is Austria or Germany or Luxembourg
        && _util.GetNumberType(_util.Parse(number.ToString(), null)) != PhoneNumberType.MOBILE;

    private static NumberFault FaultOf(ErrorType error) => error switch
    {
        ErrorType.INVALID_COUNTRY_CODE => NumberFault.UnknownCallingCode,
        ErrorType.TOO_LONG => NumberFault.TooLong,
        ErrorType.TOO_SHORT_AFTER_IDD or ErrorType.TOO_SHORT_NSN or ErrorType.NOT_A_NUMBER => NumberFault.TooShort,
        _ => NumberFault.NotInPlan,
    };
}
