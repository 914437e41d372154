using CsCheck;
using Lookup.Core.Numbers;
using PhoneNumbers;

namespace Lookup.Tests.Numbers;

public class NumberParserTests
{
    private static readonly PhoneNumberUtil Util = PhoneNumberUtil.GetInstance();

    [Theory]
    [InlineData("+31612345678", null)]
    [InlineData("+31612345678", "XX")]
    [InlineData(" +31 6 1234 5678 ", null)]
    [InlineData("+31-6-12.34.56.78", null)]
    [InlineData("+31 (0)6-1234 5678", null)]
    [InlineData("+310612345678", null)]
    [InlineData("(+31) 6 12345678", null)]
    [InlineData("06 12345678", "NL")]
    [InlineData("06 12345678", "nl")]
    [InlineData("06/12345678", "NL")]
    [InlineData("612345678", "NL")]
    [InlineData("31612345678", "NL")]
    [InlineData("0031 6 12345678", "NL")]
    [InlineData("0031612345678", "DE")]
    [InlineData("01131612345678", "US")]
    [InlineData("\u200E+31 6 1234\u00A05678\u202C", null)]
    [InlineData("+31\u20106\u201112345678", null)]
    [InlineData("\uFF0B31612345678", null)]
    [InlineData("\uFF10\uFF16 12345678", "NL")]
    [InlineData("\u0660\u0666\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668", "NL")]
    public void TryParse_WaysToWriteOneNumber_IsTheNumber(string text, string? region)
    {
        Assert.True(NumberParser.Instance.TryParse(text, region, out var number, out var fault), fault.ToString());
        Assert.Equal("+31612345678", number.ToString());
        Assert.Equal(NumberFault.None, fault);
    }

    [Theory]
    [InlineData("0612345678", "IT", "+390612345678")]
    [InlineData("020 7946 0018", "GB", "+442079460018")]
    [InlineData("(202) 555-0123", "US", "+12025550123")]
    [InlineData("1 202 555 0123", "US", "+12025550123")]
    [InlineData("0900-1234", "NL", "+319001234")]
    [InlineData("14020", "NL", "+3114020")]
    [InlineData("030/1234567", "DE", "+49301234567")]
    [InlineData("03-1234-5678", "JP", "+81312345678")]
    [InlineData("8 (912) 345-67-89", "RU", "+79123456789")]
    public void TryParse_NationalForm_IsInE164(string text, string region, string expected)
    {
        Assert.True(NumberParser.Instance.TryParse(text, region, out var number, out var fault), fault.ToString());
        Assert.Equal(expected, number.ToString());
    }

    [Theory]
    [InlineData("", null, NumberFault.Empty)]
    [InlineData(" - ", "NL", NumberFault.Empty)]
    [InlineData("+", null, NumberFault.TooShort)]
    [InlineData("+31", null, NumberFault.TooShort)]
    [InlineData("06 12345678", null, NumberFault.NationalWithoutRegion)]
    [InlineData("06 12345678", "", NumberFault.NationalWithoutRegion)]
    [InlineData("0031612345678", null, NumberFault.NationalWithoutRegion)]
    [InlineData("06 12345678", "XX", NumberFault.UnknownRegion)]
    [InlineData("06 12345678", "Netherlands", NumberFault.UnknownRegion)]
    [InlineData("1-800-FLOWERS", "US", NumberFault.Letters)]
    [InlineData("+31612345678 ext 5", null, NumberFault.Letters)]
    [InlineData("06 12345678 (Jan)", "NL", NumberFault.Letters)]
    [InlineData("06 12345678#5", "NL", NumberFault.InvalidCharacter)]
    [InlineData("*31#0612345678", "NL", NumberFault.InvalidCharacter)]
    [InlineData("+31612345678;+31612345679", null, NumberFault.InvalidCharacter)]
    [InlineData("+31612345678 +31612345679", null, NumberFault.InvalidCharacter)]
    [InlineData("0612345678 / 0612345679", "NL", NumberFault.SecondNumber)]
    [InlineData("112", "NL", NumberFault.EmergencyOrShort)]
    [InlineData("911", "US", NumberFault.EmergencyOrShort)]
    [InlineData("1233", "NL", NumberFault.EmergencyOrShort)]
    [InlineData("12", "NL", NumberFault.TooShort)]
    [InlineData("555-0123", "US", NumberFault.TooShort)]
    [InlineData("00999123456789", "NL", NumberFault.UnknownCallingCode)]
    [InlineData("+999123456789", "NL", NumberFault.UnknownCallingCode)]
    [InlineData("061234567890123456", "NL", NumberFault.TooLong)]
    [InlineData("+31 6 1234 5678 9012 3456", "NL", NumberFault.TooLong)]
    public void TryParse_OtherText_SaysWhy(string text, string? region, NumberFault expected)
    {
        Assert.False(NumberParser.Instance.TryParse(text, region, out var number, out var fault), number.ToString());
        Assert.Equal(expected, fault);
        Assert.Equal(default, number);
    }

    [Fact]
    public void TryParse_InputLongerThanTheLimit_IsRefusedBeforeItIsRead()
    {
        Assert.False(NumberParser.Instance.TryParse(new string(' ', 53) + "+31612345678", null, out _, out var fault));
        Assert.Equal(NumberFault.InputTooLong, fault);
        Assert.True(NumberParser.Instance.TryParse(new string(' ', 52) + "+31612345678", null, out _, out _));
        Assert.False(NumberParser.Instance.TryParse(new string('9', 1_000_000), "NL", out _, out fault));
        Assert.Equal(NumberFault.InputTooLong, fault);
    }

    // An assigned number is the same however it is written: an objection given in one form is found in the others.
    [Fact]
    public void TryParse_FormsOfExampleNumbers_AreOneNumber()
    {
        var forms = 0;
        foreach (var region in Util.GetSupportedRegions())
        {
            foreach (var type in new[] { PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE })
            {
                var example = Util.GetExampleNumberForType(region, type);
                if (example is null || !NumberParser.Instance.TryParse(Util.Format(example, PhoneNumberFormat.E164), null, out var expected, out _))
                {
                    continue;
                }

                var international = Util.Format(example, PhoneNumberFormat.INTERNATIONAL);
                var national = Util.Format(example, PhoneNumberFormat.NATIONAL);
                Assert.True(NumberParser.Instance.TryParse(international, null, out var fromInternational, out var fault), $"{international}: {fault}");
                Assert.Equal(expected, fromInternational);
                Assert.True(NumberParser.Instance.TryParse(national, region, out var fromNational, out fault), $"{region} {national}: {fault}");
                Assert.Equal(expected, fromNational);
                forms += 2;
            }
        }

        Assert.True(forms > 900);
    }

    // What is accepted is a number by the strict rules too, so it can be stored, listed and read again.
    [Fact]
    public void TryParse_AnyText_NeverThrowsAndGivesStrictNumbers() =>
        Gen.Select(
            Gen.OneOf(Gen.String, Gen.String[Gen.Char["+0123456789 ()-./"], 0, 30], Gen.String[Gen.Char["0123456789"], 1, 20]),
            Gen.OneOf("NL", "US", "IT", "AR", "BR", "JP", "SM", "BY", "001", "", null)).Sample((text, region) =>
        {
            if (!NumberParser.Instance.TryParse(text, region, out var number, out var fault))
            {
                Assert.NotEqual(NumberFault.None, fault);
                return;
            }

            Assert.True(Lookup.Core.Numbers.PhoneNumber.TryParse(number.ToString(), out var again, out _));
            Assert.Equal(number, again);
        });
}
