using Lookup.Testing.Regimes;
using System.Text.Json.Nodes;
using Lookup.Core;
using Lookup.Core.Facts;

namespace Lookup.Tests.Decisions;

/// <summary>Registers of an area, of some sectors, and those that need not be loaded.</summary>
public sealed class RegisterScopeTests
{
    private const string Texas = "+12145550123";
    private const string Ohio = "+16145550123";
    private const string Call = "2026-12-01T14:00:00-06:00";

    [Theory]
    [InlineData(Texas, Verdict.Deny)]
    [InlineData(Ohio, Verdict.Allow)]
    public void ListOfAState_BindsTheNumbersOfItsArea(string number, Verdict verdict) =>
        Assert.Equal(verdict, new Situation(number, Call).Registered("us-tx-dnc", "2020-01-01").Decide().Verdict);

    [Fact]
    public void ListOfAState_IsLiftedByConsentAlone()
    {
        var customer = new Situation(Texas, Call) { Group = "energy" }.Registered("us-tx-dnc", "2020-01-01").Relation(RelationKind.Customer, "2026-10-01");
        Assert.Equal((Verdict.Deny, ReasonCode.Registered), (customer.Decide().Verdict, customer.Decide().Primary));
        Assert.Equal(Verdict.Allow, customer.Consent("2026-10-02").Decide().Verdict);
    }

    [Theory]
    [InlineData("", false, Verdict.Allow, ReasonCode.NothingForbids)]
    [InlineData("", true, Verdict.NotCovered, ReasonCode.RegisterNotLoaded)]
    [InlineData("2026-11-30", true, Verdict.Allow, ReasonCode.NothingForbids)]
    [InlineData("2026-08-01", false, Verdict.Deny, ReasonCode.RegisterStale)]
    public void OptionalRegister_BindsOnceItIsLoaded(string snapshot, bool strict, Verdict verdict, ReasonCode reason)
    {
        var situation = new Situation(Texas, Call).Snapshot("us-tx-dnc", snapshot);
        situation.Layers |= strict ? Layers.Strict : 0;
        Assert.Equal((verdict, reason), (situation.Decide().Verdict, situation.Decide().Primary));
    }

    // The number is on record, whether the rest of the list is loaded or not.
    [Fact]
    public void OptionalRegister_ThatIsNotLoaded_StillForbidsWhatIsOnRecord() =>
        Assert.Equal(
            ReasonCode.Registered, new Situation(Texas, Call).Snapshot("us-tx-dnc", "").Registered("us-tx-dnc", "2020-01-01").Decide().Primary);

    [Theory]
    [InlineData(Sector.PressPublisher, Verdict.Deny)]
    [InlineData(Sector.Other, Verdict.Allow)]
    [InlineData(Sector.Unspecified, Verdict.Deny)]
    public void RegisterOfSomeSectors_BindsThemAndCallersOfNoKnownSector(Sector sector, Verdict verdict)
    {
        var rule = RegimeVariant.Register("us-tx-dnc");
        (rule["sectors"], rule["areas"]) = (new JsonArray("press_publisher"), new JsonArray("OH"));
        var regimes = new RegimeVariant().Add("us.json", "US", rule).Set();
        var situation = new Situation(Ohio, Call) { Sector = sector }.Registered("us-tx-dnc", "2020-01-01");
        Assert.Equal(verdict, situation.Decide(regimes).Verdict);
    }
}
