using Lookup.Core;

namespace Lookup.Tests.Decisions;

/// <summary>A withdrawal for a product group ends what was consented to for that group before, however it was consented to and spelled.</summary>
public sealed class GroupWithdrawalTests
{
    private const string Number = "+31612345678";
    private const string Call = "2024-03-12T14:30:00+01:00";
    private const string Before = "2024-01-05T10:00:00+01:00";
    private const string Withdrawn = "2024-02-05T10:00:00+01:00";
    private const string Later = "2024-02-06T10:00:00+01:00";

    [Theory]
    [InlineData("", "energy", "energy")]
    [InlineData("energy", "energy", "energy")]
    [InlineData("energy", "", "energy")]
    [InlineData("", "", "energy")]
    [InlineData("solar-panels", "solar_panels", "solar-panels")]
    [InlineData("solar-panels", "solarpanel", "solar-panels")]
    [InlineData("energy", "energys", "energy")]
    [InlineData("energys", "energy", "energys")]
    [InlineData("", "Solar-Panels", "solar_panel")]
    public void Withdrawal_ForTheGroup_EndsEarlierConsents(string consented, string withdrawn, string asked)
    {
        var situation = new Situation(Number, Call) { Group = asked }.Consent(Before, group: consented);
        Assert.Equal(Verdict.Allow, situation.Decide().Verdict);
        var decision = situation.Consent(Withdrawn, withdrawn: true, group: withdrawn).Decide();
        Assert.Equal((Verdict.Deny, ReasonCode.ConsentWithdrawn), (decision.Verdict, decision.Primary));
        Assert.Equal(Verdict.Allow, situation.Consent(Later, group: asked).Decide().Verdict);
    }

    [Theory]
    [InlineData("energy", "telecom")]
    [InlineData("energy", "")]
    [InlineData("solar-panels", "solar")]
    public void Withdrawal_ForAnotherGroup_LeavesTheGeneralConsent(string withdrawn, string asked) => Assert.Equal(
        Verdict.Allow,
        new Situation(Number, Call) { Group = asked }.Consent(Before).Consent(Withdrawn, withdrawn: true, group: withdrawn).Decide().Verdict);

    [Theory]
    [InlineData("")]
    [InlineData("energy")]
    public void GeneralConsent_AfterTheWithdrawalForTheGroup_Permits(string withdrawn) => Assert.Equal(
        Verdict.Allow,
        new Situation(Number, Call) { Group = "energy" }.Consent(Before, group: "energy").Consent(Withdrawn, withdrawn: true, group: withdrawn).Consent(Later).Decide().Verdict);

    [Fact]
    public void Withdrawal_AfterTheCall_DoesNotCountForIt() => Assert.Equal(
        Verdict.Allow,
        new Situation(Number, Call) { Group = "energy" }.Consent(Before).Consent("2024-03-12T15:30:00+01:00", withdrawn: true, group: "energy").Decide().Verdict);
}
