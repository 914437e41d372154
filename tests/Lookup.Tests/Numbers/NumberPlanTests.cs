using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using PhoneNumbers;
using PhoneNumber = Lookup.Core.Numbers.PhoneNumber;

namespace Lookup.Tests.Numbers;

public class NumberPlanTests
{
    private static readonly PhoneNumberUtil Util = PhoneNumberUtil.GetInstance();
    private static readonly int[] Codes = [.. Util.GetSupportedCallingCodes().Order()];

    // The automaton against the library: digits at random, and examples of all types with some digits changed, added or cut, which
    // lie on both sides of each border of a plan.
    [Fact]
    public void IsNumber_RandomDigitsAndNeighboursOfExamples_AgreesWithLibphonenumber()
    {
        var seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var valid = 0;
        for (var i = 0; i < 400_000; i++)
        {
            var code = Codes[random.Next(Codes.Length)];
            var national = random.Next(4) == 0 ? Random(random, random.Next(3, 13)) : Neighbour(random, code);
            if (code.ToString(CultureInfo.InvariantCulture).Length + national.Length > PhoneNumber.MaxDigits)
            {
                continue;
            }

            var accepted = NumberPlan.IsNumber(ulong.Parse($"{code}{national}", CultureInfo.InvariantCulture));
            Assert.True(accepted == Expected(code, national), $"+{code} {national}: {accepted}");
            valid += accepted ? 1 : 0;
        }

        Assert.True(valid > 50_000, $"{valid} valid");
    }

    [Fact]
    public void IsNumber_AllExamplesOfTheLibrary_AreNumbers()
    {
        var examples = 0;
        foreach (var region in Util.GetSupportedRegions())
        {
            foreach (var type in Enum.GetValues<PhoneNumberType>())
            {
                if (Util.GetExampleNumberForType(region, type) is not { } example)
                {
                    continue;
                }

                var national = Util.GetNationalSignificantNumber(example);
                Assert.Equal(Expected(example.CountryCode, national), NumberPlan.IsNumber(ulong.Parse($"{example.CountryCode}{national}", CultureInfo.InvariantCulture)));
                examples++;
            }
        }

        Assert.True(examples > 1000);
    }

    // Compiled patterns against .NET's own reading of them.
    [Fact]
    public void Compile_PatternsOfAllRegions_MatchAsRegularExpressions()
    {
        var random = new Random(1);
        foreach (var region in Util.GetSupportedRegions())
        {
            var metadata = Util.GetMetadataForRegion(region);
            foreach (var pattern in (string[])[metadata.GeneralDesc.NationalNumberPattern, metadata.FixedLine.NationalNumberPattern, metadata.Mobile.NationalNumberPattern])
            {
                if (pattern.Length == 0)
                {
                    continue;
                }

                var sets = new DigitSets();
                var compiled = DigitPattern.Compile(pattern, sets);
                var regex = new Regex($"^(?:{pattern})$", RegexOptions.CultureInvariant);
                for (var i = 0; i < 20; i++)
                {
                    var digits = Neighbour(random, metadata.CountryCode);
                    Assert.Equal(regex.IsMatch(digits), Contains(sets, compiled, digits));
                }
            }
        }
    }

    [Theory]
    [InlineData("1*")]
    [InlineData("(?=1)2")]
    [InlineData("[^1]")]
    [InlineData("1(2")]
    [InlineData("1{2,}")]
    [InlineData("a")]
    public void Compile_WhatPlansAreNotWrittenWith_Throws(string pattern) =>
        Assert.Throws<FormatException>(() => DigitPattern.Compile(pattern, new DigitSets()));

    [Fact]
    public void Combine_SetsOfDigits_ActsAsSetsOfStrings() =>
        Gen.Select(Gen.String[Gen.Char["012"], 0, 4].HashSet[0, 12], Gen.String[Gen.Char["012"], 0, 4].HashSet[0, 12]).Sample((a, b) =>
        {
            var sets = new DigitSets();
            var (left, right) = (Of(sets, a), Of(sets, b));
            foreach (var text in a.Union(b))
            {
                Assert.Equal(a.Contains(text) || b.Contains(text), Contains(sets, sets.Union(left, right), text));
                Assert.Equal(a.Contains(text) && b.Contains(text), Contains(sets, sets.Intersect(left, right), text));
                Assert.Equal(a.Contains(text) && !b.Contains(text), Contains(sets, sets.Except(left, right), text));
            }

            // Equal sets are one node, however they were made.
            Assert.Equal(sets.Union(left, right), Of(sets, a.Union(b)));
        });

    // The first digit of a calling code's national numbers is refused as a trunk 0 where the library would strip it.
    [Fact]
    public void Check_ZeroBehindEachCallingCode_IsATrunkZeroWhereTheLibraryTakesItAway()
    {
        Assert.All(Codes, code =>
        {
            var stripped = Util.GetRegionCodesForCountryCode(code).Any(region =>
                Util.GetMetadataForRegion(region)?.NationalPrefixForParsing is { Length: > 0 } prefix && Regex.IsMatch("0", $"^(?:{prefix})"));
            Assert.Equal(stripped, NumberPlan.Check(ulong.Parse($"{code}01234567", CultureInfo.InvariantCulture)) == NumberFault.TrunkZero);
        });
    }

    [Fact]
    public void Additions_EachPattern_IsMissingInTheMetadata() =>
        Assert.All(NumberPlanSource.Additions, addition =>
        {
            var (code, pattern) = addition;
            var example = Regex.Replace(pattern, @"\[2-9\]|\\d\{(\d)\}", m => new string('2', m.Groups[1].Success ? m.Groups[1].Value[0] - '0' : 1));
            Assert.True(NumberPlan.IsNumber(ulong.Parse($"{code}{example}", CultureInfo.InvariantCulture)), example);
            Assert.False(Util.IsValidNumber(Library(code, example)), $"+{code} {pattern}: the metadata has it by now; remove it here");
        });

    // One national plan has six calling codes: each number has one of them, and every region reads its national form as that one.
    [Fact]
    public void TryParse_NationalNumbersOfFrance_AreOneNumberInAllRegions()
    {
        var source = new NumberPlanSource();
        int[] codes = [33, .. NumberPlanSource.OverseasCodes];
        var sets = codes.Select(code => $"{code}".Aggregate(source.Numbers, (set, digit) => source.Sets.After(set, digit - '0'))).ToArray();
        for (var i = 0; i < codes.Length; i++)
        {
            for (var j = 0; j < i; j++)
            {
                Assert.True(source.Sets.Intersect(sets[i], sets[j]) == DigitSets.None, $"{codes[i]} and {codes[j]}");
            }
        }

        var read = 0;
        for (var prefix = 1000; prefix < 10_000; prefix++)
        {
            var texts = ((string[])["FR", "RE", "YT", "GP", "MQ", "GF", "BL", "MF"])
                .Select(region => NumberParser.Instance.TryParse($"0{prefix}12345", region, out var number, out _) ? number.ToString() : "").Distinct().ToList();
            Assert.True(texts.Count == 1, $"0{prefix}12345: {string.Join(' ', texts)}");
            read += texts[0].Length > 0 ? 1 : 0;
        }

        Assert.True(read > 5_000, $"{read} numbers");
    }

    // An area that a regime knows can be called: the plan must know it too.
    [Fact]
    public void IsNumber_AreaCodesOfTheUnitedStates_AreInThePlan()
    {
        var file = Encoding.UTF8.GetString(RegimeSet.BuiltInFiles().Single(f => f.Key == "us.json").Value.Span);
        var areas = Regex.Matches(file, "\"1([2-9]\\d\\d)\"").Select(m => m.Groups[1].Value).ToList();
        Assert.True(areas.Count > 300);
        Assert.All(areas, area => Assert.True(NumberPlan.IsNumber(ulong.Parse($"1{area}2345678", CultureInfo.InvariantCulture)), area));
    }

    private static int Of(DigitSets sets, IEnumerable<string> texts) =>
        texts.Aggregate(DigitSets.None, (set, text) => sets.Union(set, DigitPattern.Compile(text, sets)));

    private static bool Contains(DigitSets sets, int set, string digits) =>
        sets.HasEmpty(digits.Aggregate(set, (at, digit) => sets.After(at, digit - '0')));

    // What the library says, and where it is not followed: see NumberPlanSource.
    private static bool Expected(int code, string national)
    {
        var number = Library(code, national);
        var regions = Util.GetRegionCodesForCountryCode(code);
        if (NumberPlanSource.Additions.Any(a => a.CallingCode == code && Regex.IsMatch(national, $"^(?:{a.Pattern})$")))
        {
            return true;
        }

        if (!Util.IsValidNumber(number) || Util.IsPossibleNumberWithReason(number) != PhoneNumberUtil.ValidationResult.IS_POSSIBLE)
        {
            return false;
        }

        if (NumberPlan.Check(ulong.Parse($"{code}{national}", CultureInfo.InvariantCulture)) == NumberFault.TrunkZero)
        {
            return false;
        }

        if (code == 353 && national.StartsWith("48", StringComparison.Ordinal))
        {
            return false;
        }

        if (code == 39 && national.StartsWith("0549", StringComparison.Ordinal))
        {
            return false;
        }

        if (code == 33
            && (Regex.IsMatch(national, @"^508[2-9]\d{5}$")
                || (Regex.IsMatch(national, @"^[2567]\d{8}$") && new[] { 262, 590, 594, 596, 508 }.Any(overseas => Util.IsValidNumber(Library(overseas, national))))))
        {
            return false;
        }

        if (NumberPlanSource.OverseasCodes.Contains(code) && Regex.IsMatch(national, @"^[89]\d{8}$") && Util.IsValidNumber(Library(33, national)))
        {
            return false;
        }

        // A voice mailbox may match another type as well.
        return Util.GetNumberType(number) != PhoneNumberType.VOICEMAIL
            || regions.Select(Util.GetMetadataForRegion).Any(m => m is not null && Of(m).Any(pattern => pattern.Length > 0 && Regex.IsMatch(national, $"^(?:{pattern})$")));
    }

    private static string[] Of(PhoneMetadata metadata) => [metadata.FixedLine.NationalNumberPattern, metadata.Mobile.NationalNumberPattern];

    private static PhoneNumbers.PhoneNumber Library(int code, string national)
    {
        var zeros = Math.Min(national.Length - national.TrimStart('0').Length, national.Length - 1);
        var builder = new PhoneNumbers.PhoneNumber.Builder().SetCountryCode(code).SetNationalNumber(ulong.Parse(national, CultureInfo.InvariantCulture));
        if (zeros > 0)
        {
            builder.SetNumberOfLeadingZeros(zeros);
        }

        return builder.Build();
    }

    private static string Neighbour(Random random, int code)
    {
        var regions = Util.GetRegionCodesForCountryCode(code);
        var example = regions[0] == "001"
            ? Util.GetExampleNumberForNonGeoEntity(code)
            : Util.GetExampleNumberForType(regions[random.Next(regions.Count)], (PhoneNumberType)random.Next(0, 11));
        if (example is null)
        {
            return Random(random, random.Next(3, 13));
        }

        var digits = Util.GetNationalSignificantNumber(example).ToCharArray();
        for (var changes = random.Next(5); changes > 0; changes--)
        {
            digits[random.Next(digits.Length)] = (char)('0' + random.Next(10));
        }

        var text = new string(digits);
        return random.Next(8) switch
        {
            0 => text + random.Next(10),
            1 when text.Length > 2 => text[..^1],
            _ => text,
        };
    }

    private static string Random(Random random, int length) => string.Concat(Enumerable.Range(0, length).Select(_ => (char)('0' + random.Next(10))));
}
