using CsCheck;
using Lookup.Core.Numbers;

namespace Lookup.Tests.Numbers;

public class NumberUriTests
{
    [Theory]
    [InlineData("tel:+31612345678", null)]
    [InlineData("TEL:+31612345678", null)]
    [InlineData(" tel:+31-6-1234-5678 ", "US")]
    [InlineData("tel:+31(6)12.34.56.78", null)]
    [InlineData("tel:%2B31612345678", null)]
    [InlineData("tel:+31%206%2012345678", null)]
    [InlineData("tel:0612345678;phone-context=+31", null)]
    [InlineData("tel:0612345678;phone-context=+31", "US")]
    [InlineData("tel:0612345678;PHONE-CONTEXT=%2B31", null)]
    [InlineData("tel:06-12345678;cic=+1-6789;phone-context=+31", null)]
    [InlineData("tel:+31612345678;phone-context=example.com", null)]
    [InlineData("tel:0612345678", "NL")]
    [InlineData("tel:31612345678", "NL")]
    [InlineData("sip:+31612345678@gateway.example;user=phone", null)]
    [InlineData("sips:+31612345678@gateway.example:5061;transport=tls", null)]
    [InlineData("sip:0612345678@10.0.0.1", "NL")]
    [InlineData("sip:0031612345678@10.0.0.1", "NL")]
    [InlineData("sip:%2B31612345678@[2001:db8::1]:5060", null)]
    [InlineData("sip:+31612345678;npdi;rn=+3197@carrier.example?Subject=x", null)]
    [InlineData("sip:0612345678;phone-context=+31@pbx.example;user=phone", null)]
    public void TryParse_UriOfOneNumber_IsTheNumber(string text, string? region)
    {
        Assert.True(NumberParser.Instance.TryParse(text, region, out var number, out var fault), fault.ToString());
        Assert.Equal(("+31612345678", NumberFault.None), (number.ToString(), fault));
    }

    [Theory]
    [InlineData("tel:+31201234567;ext=12", null, NumberFault.Extension)]
    [InlineData("tel:+31201234567;EXT=12", null, NumberFault.Extension)]
    [InlineData("sip:+31201234567;ext=12@pbx.example", null, NumberFault.Extension)]
    [InlineData("tel:+31201234567;isub=12", null, NumberFault.Extension)]
    [InlineData("tel:+31201234567;postd=pp22", null, NumberFault.Extension)]
    [InlineData("tel:+31201234567;m-route=abroad", null, NumberFault.InvalidCharacter)]
    [InlineData("tel:7042;phone-context=example.com", "NL", NumberFault.NumberContext)]
    [InlineData("tel:1234;phone-context=+1-914-555", "US", NumberFault.NumberContext)]
    [InlineData("tel:5551234;phone-context=+1914", "US", NumberFault.NumberContext)]
    [InlineData("tel:0612345678;phone-context=+31;phone-context=+32", null, NumberFault.NumberContext)]
    [InlineData("tel:0612345678;phone-context", "NL", NumberFault.NumberContext)]
    [InlineData("tel:12345678;phone-context=+800", null, NumberFault.NumberContext)]
    [InlineData("tel:0612345678;phone-context=+999", null, NumberFault.NumberContext)]
    [InlineData("tel:0612345678", null, NumberFault.NationalWithoutRegion)]
    [InlineData("tel:112;phone-context=+31", null, NumberFault.EmergencyOrShort)]
    [InlineData("tel:", null, NumberFault.UriWithoutNumber)]
    [InlineData("tel:;ext=1", null, NumberFault.Extension)]
    [InlineData("tel:tel:+31612345678", null, NumberFault.InvalidCharacter)]
    [InlineData("tel:+31612345678@host", null, NumberFault.InvalidCharacter)]
    [InlineData("tel:+3161234567%", null, NumberFault.InvalidCharacter)]
    [InlineData("tel:+3161234567%C3%A9", null, NumberFault.InvalidCharacter)]
    [InlineData("sip:gateway.example", null, NumberFault.UriWithoutNumber)]
    [InlineData("sip:@gateway.example", null, NumberFault.UriWithoutNumber)]
    [InlineData("sip:+31612345678@", null, NumberFault.UriWithoutNumber)]
    [InlineData("sip:+31612345678@a@b", null, NumberFault.UriWithoutNumber)]
    [InlineData("sip:alice@gateway.example", null, NumberFault.Letters)]
    [InlineData("sip:anonymous@anonymous.invalid", "NL", NumberFault.Letters)]
    [InlineData("sip:+31612345678:secret@host", null, NumberFault.InvalidCharacter)]
    [InlineData("sip:9+31612345678@host", null, NumberFault.InvalidCharacter)]
    [InlineData("mailto:+31612345678", null, NumberFault.Letters)]
    public void TryParse_UriOfSomethingElse_IsRejectedWithItsReason(string text, string? region, NumberFault expected)
    {
        Assert.False(NumberParser.Instance.TryParse(text, region, out var number, out var fault));
        Assert.Equal((expected, default), (fault, number));
        Assert.NotEmpty(fault.Describe());
    }

    [Fact]
    public void TryParse_TooLong_IsRejected()
    {
        Assert.False(NumberParser.Instance.TryParse($"tel:+31612345678;x={new string('1', 256)}", null, out _, out var fault));
        Assert.Equal(NumberFault.InputTooLong, fault);
        Assert.True(NumberParser.Instance.TryParse($"sip:+31612345678@{new string('h', 100)}.example", null, out _, out _));
    }

    // A URI adds no number: it is the one of its text, or none.
    [Fact]
    public void TryParse_AnyTextAsUri_IsTheNumberOfTheTextOrNone() =>
        Gen.String[Gen.Char["+0123456789-.() %;=@:x"], 0, 24].Sample(text =>
        {
            var isUri = NumberParser.Instance.TryParse("tel:" + text, "NL", out var ofUri, out _);
            var isSip = NumberParser.Instance.TryParse($"sip:{text}@host", "NL", out var ofSip, out _);
            var plain = text.Split(';')[0];
            var isPlain = NumberParser.Instance.TryParse(Uri.UnescapeDataString(plain), "NL", out var number, out _);
            Assert.True(!isUri || (isPlain && ofUri == number), text);
            Assert.True(!isSip || (isPlain && ofSip == number), text);
        });
}
