using Lookup.Core.Blocks;
using Lookup.Core.Numbers;

namespace Lookup.Tests.Blocks;

public sealed class BlockPatternTests
{
    [Theory]
    [InlineData("313XXXXXXX", "US", 13_130_000_000, 13_139_999_999)]
    [InlineData("313xxxxxxx", "us", 13_130_000_000, 13_139_999_999)]
    [InlineData("1 (313) XXX-XXXX", "US", 13_130_000_000, 13_139_999_999)]
    [InlineData("+1313XXXXXXX", null, 13_130_000_000, 13_139_999_999)]
    [InlineData("+1 313 555 XXXX", null, 13_135_550_000, 13_135_559_999)]
    [InlineData("313555XXXX", "US", 13_135_550_000, 13_135_559_999)]
    [InlineData("31355501XX", "US", 13_135_550_100, 13_135_550_199)]
    [InlineData("0031 20 XXXXXXX", "NL", 31_200_000_000, 31_209_999_999)]
    [InlineData("020-XXXXXXX", "NL", 31_200_000_000, 31_209_999_999)]
    [InlineData("06XXXXXXXX", "NL", 31_600_000_000, 31_699_999_999)]
    public void Pattern_IsRead(string text, string? region, ulong first, ulong last)
    {
        Assert.True(BlockPattern.TryParse(text, region, out var range, out _, out var fault), fault);
        Assert.Equal(new BlockRange(first, last, IsPrefix: false), range);
    }

    [Theory]
    [InlineData("+1313*", null, 1313)]
    [InlineData("+49 151*", null, 49151)]
    [InlineData("0151*", "DE", 49151)]
    public void Prefix_IsRead(string text, string? region, ulong prefix)
    {
        Assert.True(BlockPattern.TryParse(text, region, out var range, out _, out var fault), fault);
        Assert.Equal(new BlockRange(prefix, prefix, IsPrefix: true), range);
    }

    [Theory]
    [InlineData("313-000-0000", "313-199-9999", "US", 13_130_000_000, 13_131_999_999)]
    [InlineData("+31201234500", "+31201234699", null, 31_201_234_500, 31_201_234_699)]
    [InlineData("020 1234500", "020 1234699", "NL", 31_201_234_500, 31_201_234_699)]
    public void Range_IsRead(string from, string to, string? region, ulong first, ulong last)
    {
        Assert.True(BlockPattern.TryParse(from, to, region, out var range, out _, out var fault), fault);
        Assert.Equal(new BlockRange(first, last, IsPrefix: false), range);
    }

    [Theory]
    [InlineData("", "US", "no digits")]
    [InlineData("XXXXXXXXXX", "US", "no digits")]
    [InlineData("3135550100", "US", "one number")]
    [InlineData("313555010X", "US", "fewer than 100")]
    [InlineData("313XXXXXXX", null, "no country")]
    [InlineData("313XXXXXXX", "QQ", "region")]
    [InlineData("+1313*", "NLD", "region")]
    [InlineData("313XXXXXX", "US", "No number of US")]
    [InlineData("313XXXXXXXX", "US", "No number of US")]
    [InlineData("313X555XXX", "US", "Character 5")]
    [InlineData("313qXXXXXX", "US", "Character 4 is 'q'")]
    [InlineData("313\tXXXXXXX", "US", "Character 4 is U+0009")]
    [InlineData("313*XX", "US", "Character 5 follows")]
    [InlineData("313X*", "US", "Character 5 is *")]
    [InlineData("3+13XXXXXXX", "US", "Character 2 is '+'")]
    [InlineData("+999XXXXXXX", null, "calling code")]
    [InlineData("+1313XXXXXXXXXXXX", null, "15 digits")]
    [InlineData("+31020XXXXXXX", null, "dialled only within the country")]
    [InlineData("+123456789012345*", null, "begins with these digits")]
    [InlineData("3135XXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "US", "No number of US")]
    [InlineData("313XXXXXXX", "U\nS", "region")]
    [InlineData("00*", "NL", "international calls")]
    [InlineData("011*", "US", "international calls")]
    [InlineData("31612*", "NL", "Can mean")]
    [InlineData("39347*", "IT", "Can mean")]
    [InlineData("4915*", "DE", "Can mean")]
    [InlineData("336*", "FR", "Can mean")]
    [InlineData("9198*", "IN", "Can mean")]
    [InlineData("8*", "RU", "Can mean")]
    [InlineData("+1313XXXXXX", null, "this length")]
    [InlineData("+1313XXXXXXXX", null, "this length")]
    [InlineData("+13XX", null, "this length")]
    [InlineData("+5415*", null, "begins with these digits")]
    [InlineData("+31612345678*", null, "a whole number")]
    [InlineData("+3161234567*", null, "fewer than 100")]
    [InlineData("0612345678*", "NL", "No number of NL")]
    [InlineData("05*", "FR", "Can mean")]
    public void OtherText_IsRefused_WithItsPlace(string text, string? region, string why)
    {
        Assert.False(BlockPattern.TryParse(text, region, out _, out _, out var fault));
        Assert.Contains(why, fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("+31201234500", "+31201234550", "fewer than 100")]
    [InlineData("+31201234500", "+31201234500", "one number")]
    [InlineData("+31201234699", "+31201234500", "greater")]
    [InlineData("+31201234500", "+312012346991", "same number of digits")]
    [InlineData("+312012345XX", "+31201234699", "without X")]
    [InlineData("+31201234500", "+32201234699", "calling code")]
    [InlineData("+21201234500", "+31201234699", "calling code")]
    [InlineData("+3120123450", "+3120123469", "fewer than 100")]
    [InlineData("+312012345000", "+312012346990", "this length")]
    [InlineData("+3120123450000000000000000", "+3120123469900000000000000", "15 digits")]
    public void OtherRange_IsRefused(string from, string to, string why)
    {
        Assert.False(BlockPattern.TryParse(from, to, null, out _, out _, out var fault));
        Assert.Contains(why, fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("+33692*", 262_692, 33_692)]
    [InlineData("+594976*", 33_976, 594_976)]
    [InlineData("+35348*", 4_428, 35_348)]
    [InlineData("+390549*", 3_780_549, 390_549)]
    public void PatternInAnotherForm_IsThatOfTheNumber(string text, ulong prefix, ulong asWritten)
    {
        Assert.True(BlockPattern.TryParse(text, null, out var range, out var written, out var fault), fault);
        Assert.Equal(new BlockRange(prefix, prefix, IsPrefix: true), range);
        Assert.Equal(new BlockRange(asWritten, asWritten, IsPrefix: true), written);
        Assert.Equal((false, true), (BlockPattern.IsOutsidePlan(range), BlockPattern.IsOutsidePlan(written)));
        Assert.True(BlockPattern.TryParse($"+{asWritten}500100", $"+{asWritten}500999", null, out range, out _, out fault) || asWritten is 390_549 or 35_348, fault);
    }

    // The first digits of a number, as typed, cover that number or are refused.
    [Fact]
    public void PrefixOfATypedNumber_CoversTheNumber()
    {
        var random = new Random(7);
        var accepted = 0;
        foreach (var region in (string[])["NL", "DE", "FR", "GB", "IT", "ES", "BE", "US", "IN", "RU", "SE", "PL", "AU", "MX", "AR", "HU"])
        {
            for (var i = 0; i < 400; i++)
            {
                var typed = string.Concat(Enumerable.Range(0, random.Next(8, 13)).Select(_ => (char)('0' + random.Next(10))));
                if (!NumberParser.Instance.TryParse(typed, region, out var number, out _))
                {
                    continue;
                }

                var digits = random.Next(3, typed.Length - 1);
                if (BlockPattern.TryParse(typed[..digits] + "*", region, out var range, out _, out _))
                {
                    Assert.True(range.Covers(number.Value), $"{typed[..digits]}* of {region} is {range}, but {typed} is {number}.");
                    accepted++;
                }

                if (BlockPattern.TryParse(typed[..digits] + new string('X', typed.Length - digits), region, out range, out _, out _))
                {
                    Assert.True(range.Covers(number.Value), $"{typed[..digits]} and X of {region} is {range}, but {typed} is {number}.");
                    accepted++;
                }
            }
        }

        Assert.True(accepted > 200, $"{accepted}");
    }

    // The lengths below a prefix, against every number below it.
    [Fact]
    public void LengthsAfter_AreThoseOfTheNumbers()
    {
        var random = new Random(8);
        for (var i = 0; i < 2_000; i++)
        {
            var prefix = (ulong)random.NextInt64(1, (long)Digits.PowersOfTen[random.Next(1, 9)]);
            var lengths = NumberPlan.LengthsAfter(prefix);
            for (var more = 0; more <= 3; more++)
            {
                var size = Digits.PowersOfTen[more];
                var isAny = false;
                for (var n = 0ul; n < size && !isAny; n++)
                {
                    isAny = NumberPlan.IsNumber((prefix * size) + n);
                }

                Assert.Equal(isAny, (lengths & (1 << more)) != 0);
            }
        }
    }

    [Theory]
    [InlineData("+1XXXXXXXXXX", true)]
    [InlineData("+13XXXXXXXXX", false)]
    [InlineData("+31*", true)]
    [InlineData("+316*", false)]
    [InlineData("+353XXXXXXXXX", true)]
    public void WholeCountry_IsRecognised(string text, bool isWhole)
    {
        Assert.True(BlockPattern.TryParse(text, null, out var range, out _, out var fault), fault);
        Assert.Equal(isWhole, BlockPattern.CoversCountry(range));
    }

    // A range that misses some numbers is the same slip as one that covers all.
    [Theory]
    [InlineData("+31000000001", "+31999999999", true)]
    [InlineData("+31100000000", "+31899999999", true)]
    [InlineData("+31100000000", "+31599999999", false)]
    [InlineData("+31600000000", "+31699999999", false)]
    public void WholeCountry_IsMoreThanHalfOfIt(string first, string last, bool isWhole)
    {
        Assert.True(BlockPattern.TryParse(first, last, "NL", out var range, out _, out var fault), fault);
        Assert.Equal(isWhole, BlockPattern.CoversCountry(range));
    }

    [Theory]
    [InlineData("+1313XXXXXXX")]
    [InlineData("+49151*")]
    [InlineData("+312012345XX")]
    public void Pattern_IsWrittenAsItIsRead(string text)
    {
        Assert.True(BlockPattern.TryParse(text, null, out var range, out _, out _));
        Assert.Equal(text, range.ToString());
    }
}
