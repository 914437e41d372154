using CsCheck;
using Lookup.Core.Facts;

namespace Lookup.Tests.Facts;

public class FactDetailTests
{
    [Fact]
    public void Write_NoTexts_IsNull()
    {
        Assert.Null(FactDetail.Write("", null));
        Assert.True(FactDetail.TryRead(null, out var reason, out var evidence, out _));
        Assert.Equal("", reason);
        Assert.Null(evidence);
    }

    [Fact]
    public void TryRead_AnyTexts_AreThoseWritten() =>
        Gen.Select(Gen.String.AlphaNumeric, Gen.String.AlphaNumeric, Gen.String[Gen.Char[' ', '\u00ff'], 0, 20], Gen.Bool)
            .Sample((reference, reason, version, proof) =>
            {
                var evidence = proof ? new Evidence(reference, "ab", version, "web", "nl-NL", DateTimeOffset.FromUnixTimeMilliseconds(reference.Length), DateTimeOffset.FromUnixTimeMilliseconds(version.Length)) : null;
                Assert.True(FactDetail.TryRead(FactDetail.Write(reason, evidence), out var readReason, out var readEvidence, out _));
                Assert.Equal(reason, readReason);
                Assert.Equal(evidence, readEvidence);
            });

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("\"reason\"")]
    public void TryRead_OtherText_IsRefused(string detail) => Assert.False(FactDetail.TryRead(detail, out _, out _, out _));

    [Fact]
    public void TryRead_UnknownMembers_ArePassedOver()
    {
        Assert.True(FactDetail.TryRead("""{"reason":"r","later":{"x":1},"evidence":{"reference":5}}""", out var reason, out var evidence, out _));
        Assert.Equal("r", reason);
        Assert.Equal(new Evidence(""), evidence);
    }

    [Fact]
    public void Merge_CertificateThatIsClaimedLater_SaysSoInAnyOrder()
    {
        var by = DateTimeOffset.UnixEpoch.AddDays(90);
        var unclaimed = new Evidence("cert-1", ClaimBy: by);
        var claimed = new Evidence("cert-1", Sha256: new string('a', 64), Claimed: by.AddDays(-1));
        foreach (var order in new[] { (unclaimed, claimed), (claimed, unclaimed) })
        {
            var detail = FactDetail.Merge(FactDetail.Write("r", order.Item1), FactDetail.Write("", order.Item2)!);
            Assert.True(FactDetail.TryRead(detail, out var reason, out var evidence, out var earlier));
            Assert.Equal("r", reason);
            Assert.Equal(new Evidence("cert-1", Sha256: new string('a', 64), ClaimBy: by, Claimed: by.AddDays(-1)), evidence);
            Assert.Equal([order.Item1], earlier);
            foreach (var again in new[] { unclaimed, claimed })
            {
                Assert.Same(detail, FactDetail.Merge(detail, FactDetail.Write("other", again)!));
            }
        }
    }

    [Fact]
    public void Merge_OtherEvidence_ReplacesItAndKeepsTheFirstAndTheNewest()
    {
        var detail = FactDetail.Write("", new Evidence("0"))!;
        for (var i = 1; i <= 10; i++)
        {
            detail = FactDetail.Merge(detail, FactDetail.Write("", new Evidence($"{i}"))!);
        }

        Assert.True(FactDetail.TryRead(detail, out _, out var evidence, out var earlier));
        Assert.Equal("10", evidence!.Reference);
        Assert.Equal(["9", "8", "7", "6", "5", "4", "0"], earlier.Select(one => one.Reference));
        // A file that is imported again does not bring it back.
        Assert.Same(detail, FactDetail.Merge(detail, FactDetail.Write("", new Evidence("4"))!));
    }
}
