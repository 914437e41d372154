// For: giving one subscriber one value.
//
// Some lines can be written as several numbers that a network would connect to the same telephone. An objection to one of them counts
// only if all become the same value. No form listed here is itself a number of its country's plan, so no other subscriber's number
// changes.
//
//   Italy          mobile numbers began with 0 until 2001 (+39 0333...); fixed lines keep theirs, and often lose it (+39 6...).
//   San Marino     +39 0549... and +378 without the 0549 are +378 0549...
//   France         one national plan with its overseas departments: 0692... is +262 692..., 0508... is +508 without the 508. Special and
//                  VoIP numbers, 08... and 09..., are +33, also behind the overseas codes that the metadata has them under.
//   Ireland        dials 048 for lines of Northern Ireland, +44 28.
//   Mexico         mobile numbers had a 1 in front until 2019 (+52 1...), and the prefixes 01, 044 and 045.
//   Argentina      a 15 after the area code of mobile numbers within the country is a 9 before it from abroad.
using System.Globalization;
using PhoneNumbers;

namespace Lookup.Core.Numbers;

internal static class SubscriberForms
{
    private const int FrenchDigits = 9;
    private static readonly string[] FrenchCodes = ["33", "262", "508", "590", "594", "596"];
    private static readonly string[] MexicanPrefixes = ["044", "045", "01", "1"];

    /// <summary>Finds the number behind another form.</summary>
    /// <param name="digits">Calling code and national number; together not a number of a plan.</param>
    /// <param name="isNational">Whether the calling code comes from the region and not from the text.</param>
    internal static bool TryFind(string digits, bool isNational, out PhoneNumber number)
    {
        number = default;
        var code = NumberPlan.CallingCodeOf(digits).ToString(CultureInfo.InvariantCulture);
        if (!digits.StartsWith(code, StringComparison.Ordinal))
        {
            return false;
        }

        var national = digits[code.Length..];
        switch (code)
        {
            case "39":
                return TryItaly(national, out number);
            case "378":
                return TrySanMarino(national, out number);
            case "353":
                return national.StartsWith("48", StringComparison.Ordinal) && TryNumber("44", $"28{national[2..]}", out number);
            case "52":
                foreach (var prefix in MexicanPrefixes)
                {
                    if (national.StartsWith(prefix, StringComparison.Ordinal) && TryNumber(code, national[prefix.Length..], out number))
                    {
                        return true;
                    }
                }

                return false;
            case "54":
                return TryArgentina(digits, out number);
            case "33" or "508":
                return TryFrance(code, national, out number);
            default:
                return FrenchCodes.Contains(code) && national.Length == FrenchDigits && (isNational || IsValid(digits)) && TryFrance(code, national, out number);
        }
    }

    private static bool TryItaly(string national, out PhoneNumber number)
    {
        if (national.StartsWith("0549", StringComparison.Ordinal))
        {
            return TryNumber("378", national, out number);
        }

        return national.StartsWith("03", StringComparison.Ordinal) ? TryNumber("39", national[1..], out number)
            : national.StartsWith("549", StringComparison.Ordinal) && TryNumber("378", "0" + national, out number) ? true
            : TryNumber("39", "0" + national, out number);
    }

    private static bool TrySanMarino(string national, out PhoneNumber number) =>
        TryNumber("378", "0549" + national, out number) || TryNumber("378", "0" + national, out number);

    private static bool TryFrance(string code, string national, out PhoneNumber number)
    {
        number = default;
        if (national.Length != FrenchDigits)
        {
            return false;
        }

        if (national.StartsWith("508", StringComparison.Ordinal) && TryNumber("508", national[3..], out number))
        {
            return true;
        }
        // No two of the codes have a number in common (NumberPlanSource).
        foreach (var other in FrenchCodes)
        {
            if (other != code && TryNumber(other, national, out number))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsValid(string digits)
    {
        var util = PhoneNumberUtil.GetInstance();
        return util.IsValidNumber(util.Parse("+" + digits, null));
    }

    // The library knows the length of each area code, and therefore the position of the 15.
    private static bool TryArgentina(string digits, out PhoneNumber number)
    {
        number = default;
        var util = PhoneNumberUtil.GetInstance();
        try
        {
            var e164 = util.Format(util.Parse("+" + digits, null), PhoneNumberFormat.E164);
            return PhoneNumber.TryParse(e164, out number, out _);
        }
        catch (NumberParseException)
        {
            return false;
        }
    }

    private static bool TryNumber(string code, string national, out PhoneNumber number) =>
        PhoneNumber.TryParse($"+{code}{national}", out number, out _);
}
