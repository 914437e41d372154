// For: telling in a few nanoseconds whether an integer can be a telephone number.
//
// Calling codes are prefix-free and at most three digits long, so the first three digits of a number decide its
// calling code: a table of 1,000 entries, each with the length of the code and a bit per national length that its
// countries use. The table is built once from libphonenumber's metadata, by asking it about each code and length;
// both take some 20 ms.
//
// Where a country dials 0 before national numbers, the 0 is often left in by mistake: +31 06... Networks differ in
// what they make of it. Were it taken as a number of its own, an objection stored without the 0 would not be found;
// so such numbers are refused here. This also refuses a few real numbers that begin with 0 in such a country (Japan,
// Rwanda, Uruguay: free numbers of companies). Italy and others without a trunk 0 keep theirs.
//
// Reference: ITU-T E.164; https://github.com/google/libphonenumber, FALSEHOODS.md and the FAQ on possible numbers.
using System.Text.RegularExpressions;
using PhoneNumbers;

namespace Lookup.Core.Numbers;

internal static class NumberPlan
{
    private const int Prefixes = 1000;

    private static readonly Entry[] ByPrefix = Build();

    public static NumberFault Check(ulong number)
    {
        var powers = Digits.PowersOfTen;
        var digits = Digits.Count(number);
        if (digits > PhoneNumber.MaxDigits)
        {
            return NumberFault.TooLong;
        }

        if (digits < 3)
        {
            return NumberFault.TooShort;
        }

        ref readonly var entry = ref ByPrefix[number / powers[digits - 3]];
        if (entry.CodeLength == 0)
        {
            return NumberFault.UnknownCallingCode;
        }

        var national = digits - entry.CodeLength;
        if (entry.TrunkZero && national > 0 && number / powers[national - 1] % 10 == 0)
        {
            return NumberFault.TrunkZero;
        }

        var bit = 1 << national;
        if ((entry.Lengths & bit) != 0)
        {
            return NumberFault.None;
        }

        return entry.Lengths < bit ? NumberFault.TooLong
            : (entry.Lengths & (bit - 1)) == 0 ? NumberFault.TooShort
            : NumberFault.ImpossibleLength;
    }

    private static Entry[] Build()
    {
        var util = PhoneNumberUtil.GetInstance();
        var table = new Entry[Prefixes];
        foreach (var code in util.GetSupportedCallingCodes())
        {
            var codeLength = code < 10 ? 1 : code < 100 ? 2 : 3;
            var width = (int)Digits.PowersOfTen[3 - codeLength];
            var entry = new Entry((ushort)Lengths(util, code, codeLength), (byte)codeLength, HasTrunkZero(util, code));
            table.AsSpan(code * width, width).Fill(entry);
        }

        return table;
    }

    private static int Lengths(PhoneNumberUtil util, int code, int codeLength)
    {
        var lengths = 0;
        for (var length = 1; length <= PhoneNumber.MaxDigits - codeLength; length++)
        {
            var probe = new PhoneNumbers.PhoneNumber.Builder()
                .SetCountryCode(code)
                .SetNationalNumber(Digits.PowersOfTen[length - 1])
                .Build();
            if (util.IsPossibleNumberWithReason(probe) == PhoneNumberUtil.ValidationResult.IS_POSSIBLE)
                lengths |= 1 << length;
        }

        return lengths;
    }

    private static bool HasTrunkZero(PhoneNumberUtil util, int code)
    {
        foreach (var region in util.GetRegionCodesForCountryCode(code))
        {
            var prefix = util.GetMetadataForRegion(region)?.NationalPrefixForParsing;
            if (!string.IsNullOrEmpty(prefix) && Regex.IsMatch("0", $"^(?:{prefix})"))
                return true;
        }

        return false;
    }

    private readonly record struct Entry(ushort Lengths, byte CodeLength, bool TrunkZero);
}
