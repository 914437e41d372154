using Lookup.Core.Facts;

namespace Lookup.Tests.Facts;

public sealed class PlainTextTests
{
    [Theory]
    [InlineData("")]
    [InlineData("web form 12")]
    [InlineData("Zoë Müller-Łukasiewicz; “désolée”")]
    [InlineData("\u05d3\u05d5\u05d3 \u200fאנה")]
    [InlineData("👩‍👩‍👧 家族 \U0001F4DE")]
    [InlineData("\ufffd")]
    public void Text_OfPeople_IsPlain(string text)
    {
        Assert.True(PlainText.IsPlain(text));
        Assert.Null(PlainText.Fault(text));
    }

    [Fact]
    public void Text_WithAnyControlCharacterSeparatorOverrideOrHalfAPair_IsRefusedByPlaceAndNotRepeated()
    {
        IEnumerable<int> refused =
        [
            .. Enumerable.Range(0, 0x20), .. Enumerable.Range(0x7f, 0x21), 0x2028, 0x2029, .. Enumerable.Range(0x202a, 5), .. Enumerable.Range(0x2066, 4),
            .. Enumerable.Range(0xd800, 0x800),
        ];
        var all = refused.ToHashSet();
        for (var one = 0; one <= char.MaxValue; one++)
        {
            var text = "se" + (char)one + "cret";
            Assert.Equal(!all.Contains(one), PlainText.IsPlain(text));
            if (all.Contains(one))
            {
                Assert.StartsWith($"Character 3 is U+{one:X4}: ", PlainText.Fault(text), StringComparison.Ordinal);
                Assert.DoesNotContain("secret", PlainText.Fault(text), StringComparison.Ordinal);
            }
        }

        Assert.False(PlainText.IsPlain("\ud83d"));
        Assert.False(PlainText.IsPlain("\udcde\ud83d"));
        Assert.False(PlainText.IsPlain("\ud83d\udcde\udcde"));
    }
}
