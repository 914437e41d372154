using Lookup.Core.Numbers;
using PhoneNumbers;
using PhoneNumber = Lookup.Core.Numbers.PhoneNumber;

namespace Lookup.Tests.Numbers;

public class PhoneNumberTests
{
    private static readonly PhoneNumberUtil Util = PhoneNumberUtil.GetInstance();

    [Theory]
    [InlineData("+31612345678", 31612345678)]
    [InlineData("+12025550123", 12025550123)]
    [InlineData("+390612345678", 390612345678)]
    [InlineData("+2250712345678", 2250712345678)]
    [InlineData("+80012345678", 80012345678)]
    [InlineData("+3114020", 3114020)]
    public void TryParse_E164_IsTheNumber(string text, ulong value)
    {
        Assert.True(PhoneNumber.TryParse(text, out var number, out var fault));
        Assert.Equal(NumberFault.None, fault);
        Assert.Equal(value, number.Value);
        Assert.Equal(text, number.ToString());
        Assert.True(PhoneNumber.TryFrom(value, out var same, out _));
        Assert.Equal(number, same);
    }

    [Theory]
    [InlineData("", NumberFault.Empty)]
    [InlineData("+", NumberFault.TooShort)]
    [InlineData("+3", NumberFault.TooShort)]
    [InlineData("+31", NumberFault.TooShort)]
    [InlineData("+31112", NumberFault.TooShort)]
    [InlineData("+316123456789012", NumberFault.TooLong)]
    [InlineData("+4912345678901234", NumberFault.TooLong)]
    [InlineData("+99999999999999999999999999999999", NumberFault.TooLong)]
    [InlineData("+44791112345", NumberFault.NotInPlan)]
    [InlineData("+4479111234", NumberFault.ImpossibleLength)]
    [InlineData("+0031612345678", NumberFault.UnknownCallingCode)]
    [InlineData("+999123456789", NumberFault.UnknownCallingCode)]
    [InlineData("31612345678", NumberFault.NationalWithoutRegion)]
    [InlineData("0612345678", NumberFault.NationalWithoutRegion)]
    [InlineData("+31 612345678", NumberFault.InvalidCharacter)]
    [InlineData("++31612345678", NumberFault.InvalidCharacter)]
    [InlineData("+3161234567a", NumberFault.Letters)]
    [InlineData("+3161234567\u0663", NumberFault.InvalidCharacter)]
    [InlineData("+310612345678", NumberFault.TrunkZero)]
    [InlineData("+4901711234567", NumberFault.TrunkZero)]
    [InlineData("+81312345678", NumberFault.None)]
    [InlineData("+316123456780", NumberFault.NotInPlan)]
    [InlineData("+390549886377", NumberFault.NotInPlan)]
    [InlineData("+810312345678", NumberFault.TrunkZero)]
    public void TryParse_OtherText_SaysWhy(string text, NumberFault expected)
    {
        Assert.Equal(expected == NumberFault.None, PhoneNumber.TryParse(text, out var number, out var fault));
        Assert.Equal(expected, fault);
        Assert.Equal(expected == NumberFault.None, number != default);
    }

    [Theory]
    [InlineData(0UL, NumberFault.TooShort)]
    [InlineData(7UL, NumberFault.TooShort)]
    [InlineData(31UL, NumberFault.TooShort)]
    [InlineData(999_999_999_999UL, NumberFault.UnknownCallingCode)]
    [InlineData(999_999_999_999_999UL, NumberFault.UnknownCallingCode)]
    [InlineData(1_000_000_000_000_000UL, NumberFault.TooLong)]
    [InlineData(ulong.MaxValue, NumberFault.TooLong)]
    [InlineData(310612345678UL, NumberFault.TrunkZero)]
    public void TryFrom_NoNumber_SaysWhy(ulong digits, NumberFault expected)
    {
        Assert.False(PhoneNumber.TryFrom(digits, out _, out var fault));
        Assert.Equal(expected, fault);
    }

    // No assigned number is refused, and none is taken as something else than the library takes it for.
    [Fact]
    public void TryParse_ExampleNumbersOfAllRegions_AreTheNumbersThemselves()
    {
        var checkedNumbers = 0;
        foreach (var region in Util.GetSupportedRegions())
        {
            foreach (var type in Enum.GetValues<PhoneNumberType>())
            {
                var example = Util.GetExampleNumberForType(region, type);
                // Canada's 310-xxxx cannot be dialled from abroad.
                if (example is null || type == PhoneNumberType.VOICEMAIL || Util.IsPossibleNumberWithReason(example) != PhoneNumberUtil.ValidationResult.IS_POSSIBLE)
                {
                    continue;
                }

                var text = Util.Format(example, PhoneNumberFormat.E164);
                // Special numbers of France have one value in all its departments.
                var expected = NumberPlanSource.OverseasCodes.Contains(example.CountryCode) && example.NationalNumber is >= 800_000_000 and < 1_000_000_000
                    && Util.IsValidNumber(Util.Parse($"+33{example.NationalNumber}", null)) ? $"+33{example.NationalNumber}" : text;
                Assert.True(NumberParser.Instance.TryParse(text, null, out var number, out var fault), $"{text}: {fault}");
                Assert.Equal(expected, number.ToString());
                Assert.Equal(text, Util.Format(Util.Parse(text, null), PhoneNumberFormat.E164));
                checkedNumbers++;
            }
        }

        Assert.True(checkedNumbers > 1000);
    }

    [Theory]
    [InlineData(31612345678, "+316*****78")]
    [InlineData(4915112345678, "+491*****78")]
    [InlineData(3114020, "+3*****")]
    public void Masked_AnyNumber_HidesMostDigits(ulong value, string expected) =>
        Assert.Equal(expected, new PhoneNumber(value).Masked);

    [Fact]
    public void TryParse_GoodAndBadTexts_AllocatesNothing()
    {
        string[] texts = ["+31612345678", "+12025550123", "", "0612345678", "+310612345678", "+999123456789", "+31x", "+3161234567890123"];
        var accepted = 0;
        var allocated = Allocations.Of(() =>
        {
            for (var i = 0; i < 1000; i++)
            {
                if (PhoneNumber.TryParse(texts[i % texts.Length], out _, out _))
                {
                    accepted++;
                }
            }
        });
        Assert.Equal(0, allocated);
        Assert.Equal(500, accepted);
    }

    [Fact]
    public void Describe_EveryFault_IsASentence() =>
        Assert.All(Enum.GetValues<NumberFault>(), fault => Assert.EndsWith(".", fault.Describe(), StringComparison.Ordinal));
}
