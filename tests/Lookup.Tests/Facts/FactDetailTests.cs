using CsCheck;
using Lookup.Core.Facts;

namespace Lookup.Tests.Facts;

public class FactDetailTests
{
    [Fact]
    public void Write_NoTexts_IsNull()
    {
        Assert.Null(FactDetail.Write("", null));
        Assert.True(FactDetail.TryRead(null, out var reason, out var evidence));
        Assert.Equal("", reason);
        Assert.Null(evidence);
    }

    [Fact]
    public void TryRead_AnyTexts_AreThoseWritten() =>
        Gen.Select(Gen.String.AlphaNumeric, Gen.String.AlphaNumeric, Gen.String[Gen.Char[' ', '\u00ff'], 0, 20], Gen.Bool)
            .Sample((reference, reason, version, proof) =>
            {
                var evidence = proof ? new Evidence(reference, "ab", version, "web", "nl-NL") : null;
                Assert.True(FactDetail.TryRead(FactDetail.Write(reason, evidence), out var readReason, out var readEvidence));
                Assert.Equal(reason, readReason);
                Assert.Equal(evidence, readEvidence);
            });

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("\"reason\"")]
    public void TryRead_OtherText_IsRefused(string detail) => Assert.False(FactDetail.TryRead(detail, out _, out _));

    [Fact]
    public void TryRead_UnknownMembers_ArePassedOver()
    {
        Assert.True(FactDetail.TryRead("""{"reason":"r","later":{"x":1},"evidence":{"reference":5}}""", out var reason, out var evidence));
        Assert.Equal("r", reason);
        Assert.Equal(new Evidence(""), evidence);
    }
}
