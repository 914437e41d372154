using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;

namespace Lookup.Tests.Decisions;

/// <summary>The words for product groups: another spelling escapes no rule, and a question without a word says so.</summary>
public sealed class ProductGroupTests
{
    private const string Fr = "+33612345678";
    private const string InFr1 = "2025-03-14T11:00:00+01:00";
    private const string Uk = "+447400123456";
    private const string InUk = "2025-03-11T14:00:00Z";
    private const string Nl = "+31612345678";
    private const string InNl1 = "2015-03-10T14:00:00+01:00";

    [Theory]
    [InlineData("energy_renovation")]
    [InlineData("energy-renovation")]
    [InlineData("energyrenovation")]
    [InlineData("energy.renovations")]
    [InlineData("Energy_Renovation")]
    public void Ban_AnotherSpelling_Binds(string group) =>
        Expect(new Situation(Fr, InFr1) { Group = group }, Verdict.Deny, ReasonCode.ProductGroupBanned);

    [Theory]
    [InlineData("", Verdict.Allow, ReasonCode.NothingForbids)]
    [InlineData("wine", Verdict.Allow, ReasonCode.NothingForbids)]
    [InlineData("renovation", Verdict.Allow, ReasonCode.NothingForbids)]
    public void Question_ThatNamesNoGroupOfTheCountry_SaysSo(string group, Verdict verdict, ReasonCode reason)
    {
        var situation = new Situation(Fr, InFr1) { Group = group, Caller = 33162345678 };
        var decision = situation.Decide();
        Assert.Equal((verdict, reason), (decision.Verdict, decision.Primary));
        Assert.Equal(ReasonCode.ProductGroupNotNamed, decision.ReasonAt(decision.ReasonCount - 1).Code);
        situation.Layers |= Layers.Strict;
        Expect(situation, Verdict.Deny, ReasonCode.ProductGroupNotNamed);
    }

    [Fact]
    public void Question_ThatNamesAnotherGroupOfTheCountry_SaysNothing()
    {
        var decision = new Situation(Uk, InUk) { Group = "pensions", Sector = Sector.PensionProvider }.Consent("2025-01-01").Decide();
        Assert.Equal((Verdict.Allow, ReasonCode.Consent, 1), (decision.Verdict, decision.Primary, decision.ReasonCount));
    }

    // What lifts the rule of every group lifts the doubt too; consent alone does not permit others to offer pensions.
    [Theory]
    [InlineData(Sector.PensionProvider, Verdict.Allow)]
    [InlineData(Sector.Other, Verdict.Deny)]
    public void Strict_WithTheConsentThatEveryGroupNeeds_IsPermitted(Sector sector, Verdict verdict) =>
        Assert.Equal(verdict, new Situation(Uk, InUk) { Sector = sector, Layers = Layers.Default | Layers.Strict }.Consent("2025-01-01").Decide().Verdict);

    [Fact]
    public void Country_WithoutGroups_SaysNothing()
    {
        var decision = new Situation(Nl, InNl1).Decide();
        Assert.Equal((Verdict.Allow, 1), (decision.Verdict, decision.ReasonCount));
    }

    [Theory]
    [InlineData("press", Verdict.Allow)]
    [InlineData("pres-s", Verdict.Deny)]
    public void Exemption_NeedsTheExactWord(string group, Verdict verdict) =>
        Assert.Equal(verdict, new Situation(Fr, InFr1) { Group = group, Sector = Sector.PressPublisher }.Registered("fr-bloctel", "2020-01-01").Decide().Verdict);

    [Theory]
    [InlineData("pensions", "pension", true)]
    [InlineData("pension", "pensions", true)]
    [InlineData("pensions", "pen-sion.s", true)]
    [InlineData("pensions", "PENSIONS", true)]
    [InlineData("pensions", "pensio", false)]
    [InlineData("gas", "ga", true)]
    [InlineData("energy", "", false)]
    [InlineData("energy", "energy_renovation", false)]
    public void IsLike_Names_AreComparedWithoutSeparatorsCaseAndPlural(string one, string other, bool expected)
    {
        Assert.Equal(expected, GroupSpelling.IsLike(one, other));
        Assert.Equal(expected, GroupSpelling.IsLike(other, one));
    }

    [Fact]
    public void Vocabulary_OfEveryCountry_IsInTheDocumentation()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Lookup.sln")))
        {
            folder = folder.Parent!;
        }

        var page = File.ReadAllText(Path.Combine(folder.FullName, "docs", "guide", "regimes.md"));
        Assert.NotEmpty(RegimeSet.BuiltIn.ProductGroups);
        Assert.All(RegimeSet.BuiltIn.ProductGroups, group => Assert.Contains($"`{group.Name}`", page, StringComparison.Ordinal));
    }

    private static void Expect(Situation situation, Verdict verdict, ReasonCode reason)
    {
        var decision = situation.Decide();
        Assert.Equal((verdict, reason), (decision.Verdict, decision.Primary));
    }
}
