// For: recognising values of other columns, whose digits are often a number of some plan: dates, decimals, IP addresses.
//
// A value with separators that no phone number uses in this way is rejected everywhere. Other values look like a number that lost its
// leading 0, as those from spreadsheets do. They are rejected only where the country writes that 0: 20240312 is a number in Denmark, but in
// Germany a date or what is left of 0202 40312.
using System.Globalization;

namespace Lookup.Core.Numbers;

internal static class OtherValues
{
    private const int Italy = 39;
    private const int DayDigits = 2;

    // The end of time in databases.
    private const string LastYear = "9999";

    // Coordinates have at most this many degrees, and seldom so many decimals. One or two decimals are a fraction.
    private const int MostDegrees = 180;
    private const int FewestDecimals = 3;
    private const int CoordinateDecimals = 9;

    /// <summary>Returns the fault of a text whose digits are a number but that is a value of another column.</summary>
    /// <param name="text">The text.</param>
    /// <param name="number">The number that its digits make; default if they make none.</param>
    internal static NumberFault Find(in NumberText text, PhoneNumber number)
    {
        var groups = text.Groups;
        if (IsDate(text))
        {
            return NumberFault.Date;
        }

        if (text.Digits.IsEmpty || text.Digits[0] == '+')
        {
            return NumberFault.None;
        }

        var before = groups.Length > 1 ? groups[1].Before : NumberText.Separator.None;
        for (var i = 2; i < groups.Length; i++)
        {
            before = groups[i].Before == before ? before : NumberText.Separator.None;
        }

        if (groups.Length == 2 && before == NumberText.Separator.Dot && IsSerial(text))
        {
            return NumberFault.Fraction;
        }

        var writesZero = WritesZero(number);
        if (before == NumberText.Separator.Dot && IsAddress(text, writesZero))
        {
            return NumberFault.IpAddress;
        }

        if ((before == NumberText.Separator.Slash || writesZero) && IsShortDate(text, before))
        {
            return NumberFault.Date;
        }

        if (number.Value == 0)
        {
            return NumberFault.None;
        }

        var lacksZero = LacksZero(text, number);
        if (lacksZero && IsCompactDate(text))
        {
            return NumberFault.Date;
        }

        return groups.Length == 2 && before == NumberText.Separator.Dot && text.DigitsOf(1).Length >= FewestDecimals
            && IsDecimal(text, number, lacksZero) ? NumberFault.Decimal : NumberFault.None;
    }

    // 45363.4166667: a spreadsheet's date with a time, the days since 1900. These are dates from 1954 to 2064.
    private static bool IsSerial(in NumberText text) => text.DigitsOf(0) is { Length: 5 } days && days[0] is >= '2' and <= '5';

    // 03.12.2024, 2024-03-12, 2024-03-12 1000
    private static bool IsDate(in NumberText text)
    {
        var groups = text.Groups;
        if (groups.Length is not (3 or 4) || (groups.Length == 4 && groups[3].Before != NumberText.Separator.Space) || groups[1].Before != groups[2].Before
            || groups[1].Before is not (NumberText.Separator.Dot or NumberText.Separator.Slash or NumberText.Separator.Hyphen))
        {
            return false;
        }

        var first = text.DigitsOf(0);
        var second = text.DigitsOf(1);
        var third = text.DigitsOf(2);
        return (IsYear(first) && IsDayAndMonth(second, third)) || (IsYear(third) && IsDayAndMonth(first, second));
    }

    // 03/12/24, 2024-03, 2024-2025
    private static bool IsShortDate(in NumberText text, NumberText.Separator before)
    {
        if (before is not (NumberText.Separator.Dot or NumberText.Separator.Slash or NumberText.Separator.Hyphen))
        {
            return false;
        }

        var first = text.DigitsOf(0);
        var second = text.DigitsOf(1);
        return text.Groups.Length switch
        {
            2 => (IsYear(first) && (IsYear(second) || IsMonth(second))) || (IsMonth(first) && IsYear(second)),
            3 => text.DigitsOf(2).Length == DayDigits && IsDayAndMonth(first, second),
            _ => false,
        };
    }

    // 20240312, 2024 03 12, 12032024, 202403
    private static bool IsCompactDate(in NumberText text)
    {
        var digits = text.Digits;
        return digits.Length switch
        {
            6 => IsYear(digits[..4]) && IsMonth(digits[4..]),
            8 => (IsYear(digits[..4]) && IsMonth(digits[4..6]) && IsDayAndMonth(digits[4..6], digits[6..]))
                || (IsYear(digits[4..]) && IsDayAndMonth(digits[..2], digits[2..4])),
            _ => false,
        };
    }

    // 192.168.1.20. Where the first digit is never 0, numbers are written as pairs: 20.12.34.56.
    private static bool IsAddress(in NumberText text, bool writesZero)
    {
        if (text.Groups.Length != 4)
        {
            return false;
        }

        var pairs = true;
        for (var i = 0; i < 4; i++)
        {
            var group = text.DigitsOf(i);
            if (!byte.TryParse(group, NumberStyles.None, CultureInfo.InvariantCulture, out _) || (group[0] == '0' && group.Length > 1))
            {
                return false;
            }

            pairs &= group.Length == 2;
        }

        return writesZero || !pairs;
    }

    // 52.370216, 0.1234567, 1234567.891; but 06.12345678, and 31.612345678 in the Netherlands.
    private static bool IsDecimal(in NumberText text, PhoneNumber number, bool lacksZero)
    {
        var whole = text.DigitsOf(0);
        var decimals = text.DigitsOf(1).Length;

        if (whole[0] == '0')
        {
            return whole.Length == 1;
        }

        return lacksZero || (whole.Length <= 3 && int.Parse(whole, CultureInfo.InvariantCulture) <= MostDegrees
            && (decimals < CoordinateDecimals || IsNational(text, number)));
    }

    /// <summary>Returns whether the country of a number writes a 0 before it; false for default.</summary>
    internal static bool WritesZero(PhoneNumber number) =>
        number.Value != 0 && (NumberPlan.HasTrunkZero(number) || NumberPlan.CallingCodeOf(number) == Italy);

    private static bool LacksZero(in NumberText text, PhoneNumber number)
    {
        if (text.Digits[0] == '0')
        {
            return false;
        }

        return NumberPlan.HasTrunkZero(number) ? IsNational(text, number)
            : NumberPlan.CallingCodeOf(number) == Italy && HasDigits(number, $"{Italy}0{text.Digits}");
    }

    // Whether the text has no calling code.
    private static bool IsNational(in NumberText text, PhoneNumber number) =>
        HasDigits(number, $"{NumberPlan.CallingCodeOf(number)}{text.Digits}");

    private static bool HasDigits(PhoneNumber number, string digits) => number.Value.ToString(CultureInfo.InvariantCulture) == digits;

    private static bool IsYear(ReadOnlySpan<char> digits) =>
        digits.Length == 4 && (digits.StartsWith("19") || digits.StartsWith("20") || digits.SequenceEqual(LastYear));

    private static bool IsMonth(ReadOnlySpan<char> digits) =>
        digits.Length == DayDigits && byte.Parse(digits, CultureInfo.InvariantCulture) is >= 1 and <= 12;

    private static bool IsDayAndMonth(ReadOnlySpan<char> one, ReadOnlySpan<char> other) =>
        one.Length <= DayDigits && other.Length <= DayDigits
        && byte.TryParse(one, NumberStyles.None, CultureInfo.InvariantCulture, out var a)
        && byte.TryParse(other, NumberStyles.None, CultureInfo.InvariantCulture, out var b)
        && a is >= 1 and <= 31 && b is >= 1 and <= 31 && Math.Min(a, b) <= 12;
}
