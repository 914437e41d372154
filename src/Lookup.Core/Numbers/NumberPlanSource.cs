using System.Globalization;
using PhoneNumbers;

namespace Lookup.Core.Numbers;

/// <summary>
/// The numbering plans of all calling codes as one set of digit strings, from libphonenumber's metadata. It contains each number that the
/// library considers valid and reachable from anywhere. Left out are voice mailboxes, which belong to no telephone; a trunk 0 after the
/// calling code; and San Marino under Italy's code, overseas France under France's and the reverse, and Northern Ireland under Ireland's.
/// <see cref="Additions"/> are added.
/// </summary>
internal sealed class NumberPlanSource
{
    // The region that the library uses for calling codes of no country.
    private const string NonGeographical = "001";

    // San Marino's lines can be called as +39 0549... and as +378 0549...; the second is their value.
    private const int Italy = 39;
    private const string SanMarinoInItaly = "0549";

    // In Ireland, lines of Northern Ireland are called as 048...; their value is +44 28...
    private const int Ireland = 353;
    private const string NorthernIrelandInIreland = "48";

    // Overseas lines and mobile numbers have calling codes of their own. In France, those of Saint-Pierre begin with its code.
    private const int France = 33;
    private const string SaintPierreInFrance = @"508[2-9]\d{5}";
    private const string OverseasLines = @"[2567]\d{8}";

    private const string SaintPierre = "508";

    // Digits of the lines of San Marino behind 0549, of Northern Ireland behind 48, and of a French number.
    private const int SanMarinoDigits = 6;
    private const int NorthernIrelandDigits = 8;
    private const int SaintPierreDigits = 6;
    private const int FrenchDigits = 9;

    // Special and VoIP numbers are one in all of France, and the metadata has many of them under several codes: +33 is their value.
    private const string NumbersOfAllFrance = @"[89]\d{8}";
    internal static readonly int[] OverseasCodes = [262, 508, 590, 594, 596];

    /// <summary>Numbers that exist, or are reserved for fiction and tests, but are missing in the metadata: calling code and pattern.</summary>
    internal static readonly (int CallingCode, string Pattern)[] Additions =
    [
        // Area codes of the United States in service (nationalnanpa.com).
        (1, @"357[2-9]\d{6}"),
        (1, @"436[2-9]\d{6}"),
        (1, @"457[2-9]\d{6}"),
        (1, @"465[2-9]\d{6}"),
        (1, @"471[2-9]\d{6}"),
        (1, @"483[2-9]\d{6}"),
        (1, @"624[2-9]\d{6}"),
        (1, @"729[2-9]\d{6}"),
        (1, @"837[2-9]\d{6}"),
        (1, @"861[2-9]\d{6}"),
        (1, @"924[2-9]\d{6}"),
        // Ofcom, "Telephone numbers for use in TV and radio drama programmes"; the metadata has the other ranges.
        (44, @"1632960\d{3}"),
        (44, @"7700900\d{3}"),
        // Arcep: numbers for audiovisual works; the metadata has the other ranges.
        (33, @"63998\d{4}"),
    ];

    /// <summary>Compiles the metadata.</summary>
    /// <exception cref="FormatException">A pattern is not supported.</exception>
    internal NumberPlanSource()
    {
        var util = PhoneNumberUtil.GetInstance();
        foreach (var code in util.GetSupportedCallingCodes())
        {
            var trunkZero = HasTrunkZero(util, code);
            var national = Sets.Union(NationalNumbers(util, code), AdditionsOf(code));
            if (trunkZero)
            {
                national = Sets.Except(national, Sets.Then(1, Sets.UpTo(PhoneNumber.MaxDigits)));
            }

            if (code == Italy)
            {
                national = Sets.Except(national, DigitPattern.Compile(SanMarinoInItaly, Sets, Sets.UpTo(PhoneNumber.MaxDigits)));
            }

            if (code == Ireland)
            {
                national = Sets.Except(national, DigitPattern.Compile(NorthernIrelandInIreland, Sets, Sets.UpTo(PhoneNumber.MaxDigits)));
            }

            var digits = code < 10 ? 1 : code < 100 ? 2 : 3;
            if (code == France)
            {
                national = Sets.Except(national, OverseasNumbers(util));
            }
            else if (OverseasCodes.Contains(code))
            {
                national = Sets.Except(national, Sets.Intersect(NationalNumbers(util, France), DigitPattern.Compile(NumbersOfAllFrance, Sets)));
            }

            national = Sets.Intersect(national, Sets.UpTo(PhoneNumber.MaxDigits - digits));
            var width = (int)Digits.PowersOfTen[3 - digits];
            Codes.AsSpan(code * width, width).Fill(new NumberPlan.CallingCode((short)code, Lengths(national), trunkZero));
            Numbers = Sets.Union(Numbers, DigitPattern.Compile(code.ToString(CultureInfo.InvariantCulture), Sets, national));
        }

        AddOtherForms(util);
    }

    /// <summary>The sets that <see cref="Numbers"/> refers to.</summary>
    internal DigitSets Sets { get; } = new();

    /// <summary>The numbers, each as calling code and national number.</summary>
    internal int Numbers { get; } = DigitSets.None;

    /// <summary>The calling code for each first three digits.</summary>
    internal NumberPlan.CallingCode[] Codes { get; } = new NumberPlan.CallingCode[1000];

    /// <summary>Ranges that are left out because their numbers have another value, ascending.</summary>
    internal List<NumberPlan.OtherForm> OtherForms { get; } = [];

    private void AddOtherForms(PhoneNumberUtil util)
    {
        Add($"{Italy}{SanMarinoInItaly}", "3780549", SanMarinoDigits);
        Add($"{Ireland}{NorthernIrelandInIreland}", "4428", NorthernIrelandDigits);
        Add($"{France}{SaintPierre}", SaintPierre, SaintPierreDigits);
        var french = NationalNumbers(util, France);
        foreach (var code in OverseasCodes)
        {
            var numbers = NationalNumbers(util, code);
            AddEach(Sets.Intersect(Sets.Intersect(numbers, french), DigitPattern.Compile(NumbersOfAllFrance, Sets)), (ulong)code, France, FrenchDigits);
            var lines = Sets.Except(Sets.Intersect(numbers, DigitPattern.Compile(OverseasLines, Sets)), DigitPattern.Compile(SaintPierreInFrance, Sets));
            AddEach(lines, France, (ulong)code, FrenchDigits);
        }

        OtherForms.Sort((one, other) => one.First.CompareTo(other.First));

        void Add(string form, string value, int rest) => AddAll(
            ulong.Parse(form, CultureInfo.InvariantCulture), ulong.Parse(value, CultureInfo.InvariantCulture), Digits.PowersOfTen[rest]);

        void AddAll(ulong form, ulong value, ulong size) => OtherForms.Add(new NumberPlan.OtherForm(form * size, (form * size) + size - 1, value * size));

        // As few ranges as the patterns allow: those behind a prefix, once all digits may follow it.
        void AddEach(int set, ulong form, ulong value, int rest)
        {
            if (set == StringsOfLengths([rest]))
            {
                AddAll(form, value, Digits.PowersOfTen[rest]);
            }
            else if (set != DigitSets.None)
            {
                for (var digit = 0; digit < 10; digit++)
                {
                    AddEach(Sets.After(set, digit), (form * 10) + (ulong)digit, (value * 10) + (ulong)digit, rest - 1);
                }
            }
        }
    }

    // Follows PhoneNumberUtil.IsValidNumber: a region with leading digits is the only one for numbers that begin with them; among the others,
    // the first that has the number counts.
    private int NationalNumbers(PhoneNumberUtil util, int code)
    {
        var numbers = DigitSets.None;
        var claimed = DigitSets.None;
        foreach (var region in util.GetRegionCodesForCountryCode(code))
        {
            var metadata = MetadataOf(util, code, region);
            var ofRegion = Sets.Except(NumbersOfRegion(metadata), claimed);
            if (metadata.HasLeadingDigits)
            {
                var leading = DigitPattern.Compile(metadata.LeadingDigits, Sets, Sets.UpTo(PhoneNumber.MaxDigits));
                ofRegion = Sets.Intersect(ofRegion, leading);
                claimed = Sets.Union(claimed, leading);
            }

            numbers = Sets.Union(numbers, ofRegion);
        }

        // The lengths of the main country apply to all; shorter forms are dialled locally (310-xxxx in Canada).
        return Sets.Intersect(numbers, StringsOfLengths(MetadataOf(util, code, util.GetRegionCodesForCountryCode(code)[0]).GeneralDesc.PossibleLengthList));
    }

    private static PhoneMetadata MetadataOf(PhoneNumberUtil util, int code, string region) =>
        region == NonGeographical ? util.GetMetadataForNonGeographicalRegion(code) : util.GetMetadataForRegion(region);

    private int OverseasNumbers(PhoneNumberUtil util)
    {
        var numbers = DigitPattern.Compile(SaintPierreInFrance, Sets);
        foreach (var code in OverseasCodes)
        {
            numbers = Sets.Union(numbers, Sets.Intersect(NationalNumbers(util, code), DigitPattern.Compile(OverseasLines, Sets)));
        }

        return numbers;
    }

    private int NumbersOfRegion(PhoneMetadata metadata)
    {
        PhoneNumberDesc[] types =
        [
            metadata.FixedLine, metadata.Mobile, metadata.TollFree, metadata.PremiumRate, metadata.SharedCost,
            metadata.PersonalNumber, metadata.Voip, metadata.Pager, metadata.Uan,
        ];
        var ofTypes = DigitSets.None;
        foreach (var type in types)
        {
            if (type.HasNationalNumberPattern)
            {
                ofTypes = Sets.Union(ofTypes, NumbersOfType(type));
            }
        }

        return Sets.Intersect(ofTypes, NumbersOfType(metadata.GeneralDesc));
    }

    private int NumbersOfType(PhoneNumberDesc type)
    {
        var numbers = DigitPattern.Compile(type.NationalNumberPattern, Sets);
        var lengths = type.PossibleLengthList;
        return lengths.Count == 0 ? numbers : Sets.Intersect(numbers, StringsOfLengths(lengths));
    }

    private int StringsOfLengths(IList<int> lengths)
    {
        var numbers = DigitSets.None;
        foreach (var length in lengths)
        {
            var any = DigitSets.Empty;
            for (var i = 0; i < length; i++)
            {
                any = Sets.Then(DigitSets.AllDigits, any);
            }

            numbers = Sets.Union(numbers, any);
        }

        return numbers;
    }

    private int AdditionsOf(int code)
    {
        var numbers = DigitSets.None;
        foreach (var (callingCode, pattern) in Additions)
        {
            if (callingCode == code)
            {
                numbers = Sets.Union(numbers, DigitPattern.Compile(pattern, Sets));
            }
        }

        return numbers;
    }

    private ushort Lengths(int numbers)
    {
        var lengths = 0;
        HashSet<int> level = [numbers];
        for (var length = 0; level.Count > 0; length++)
        {
            if (level.Any(Sets.HasEmpty))
            {
                lengths |= 1 << length;
            }

            level = [.. level.SelectMany(set => Enumerable.Range(0, 10).Select(digit => Sets.After(set, digit))).Where(set => set != DigitSets.None)];
        }

        return (ushort)lengths;
    }

    // The prefix for parsing is a regular expression, and compiling those of all countries takes longer than everything else here. Where 0 is
    // its first alternative, it is dialled although numbers are displayed with another prefix (Belarus).
    private static bool HasTrunkZero(PhoneNumberUtil util, int code)
    {
        foreach (var region in util.GetRegionCodesForCountryCode(code))
        {
            if (util.GetMetadataForRegion(region) is { } metadata
                && (metadata.NationalPrefix == "0" || metadata.NationalPrefixForParsing.StartsWith("0|", StringComparison.Ordinal)))
            {
                return true;
            }
        }

        return false;
    }
}
