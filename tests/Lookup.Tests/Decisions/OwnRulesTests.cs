using Lookup.Core;
using Lookup.Core.Decisions;

namespace Lookup.Tests.Decisions;

/// <summary>Caps that an organisation sets itself, and calls that are reserved.</summary>
public class OwnRulesTests
{
    private const string Uk = "+442071234567";
    private const string CallTime = "2025-03-14T11:00:00Z";

    // The next moment is within calling hours too.
    [Theory]
    [InlineData(3, 20, 0, "2025-03-14T16:00:00Z")]
    [InlineData(4, 24, 0, null)]
    [InlineData(3, 2, 0, null)]
    [InlineData(3, 0, 0, null)]
    [InlineData(3, 0, 1, "2025-03-15T09:00:00Z")]
    public void Cap_Full_DeniesUntilOneLeavesTheWindow(int max, int hours, int days, string? next)
    {
        var situation = Free().Attempt("2025-03-13T20:00:00Z").Attempt("2025-03-14T09:00:00Z").Attempt("2025-03-14T10:00:00Z");
        situation.Own = OwnRules.Create([new AttemptCap(max, hours, days, PerSubject: false)], 0);
        var decision = situation.Decide();
        Assert.Equal(next is null ? Verdict.Allow : Verdict.Deny, decision.Verdict);
        if (next is not null)
        {
            Assert.Equal((ReasonCode.TooManyAttempts, Layer.Policy), (decision.Primary, decision.ReasonAt(0).Text.Layer));
            Assert.Equal(Situation.At(next), decision.NextPermitted);
        }
    }

    // The attempt on record is two minutes after the placed call of 09:00, as when the dialer reports the outcome.
    [Theory]
    [InlineData(new[] { "2025-03-14T09:00:00Z" }, 1)]
    [InlineData(new[] { "2025-03-14T08:50:00Z" }, 2)]
    [InlineData(new[] { "2025-03-14T08:50:00Z", "2025-03-14T09:00:00Z", "2025-03-14T08:50:00Z" }, 2)]
    [InlineData(new[] { "2025-03-13T10:00:00Z", "2025-03-14T08:50:00Z" }, 2)]
    [InlineData(new string[0], 1)]
    public void PlacedCalls_WithAttemptsOnRecord_CountOnceEach(string[] placed, int attempts)
    {
        var situation = Free().Attempt("2025-03-14T09:02:00Z").Attempt("2025-03-14T11:01:00Z");
        situation.PlacedCalls = [.. placed.Select(Situation.At)];
        situation.Own = OwnRules.Create([new AttemptCap(attempts, 24, 0, PerSubject: false)], 0);
        Assert.Equal(ReasonCode.TooManyAttempts, situation.Decide().Primary);
        situation.Own = OwnRules.Create([new AttemptCap(attempts + 1, 24, 0, PerSubject: false)], 0);
        Assert.Equal(Verdict.Allow, situation.Decide().Verdict);
    }

    [Fact]
    public void Cap_AllLayersSwitchedOff_BindsAllTheSame()
    {
        var situation = Free().Attempt("2025-03-14T10:00:00Z");
        situation.Layers = Layers.Law;
        situation.Own = OwnRules.Create([new AttemptCap(1, 24, 0, PerSubject: false)], 0);
        Assert.Equal(ReasonCode.TooManyAttempts, situation.Decide().Primary);
    }

    [Fact]
    public void Cap_PerSubject_CountsTheGroupOfTheCallAlone()
    {
        var situation = Free().Attempt("2025-03-14T10:00:00Z", "energy");
        situation.Own = OwnRules.Create([new AttemptCap(1, 24, 0, PerSubject: true)], 0);
        situation.Group = "energy";
        Assert.Equal(ReasonCode.TooManyAttempts, situation.Decide().Primary);
        situation.Group = "telecom";
        Assert.Equal(Verdict.Allow, situation.Decide().Verdict);
    }

    [Fact]
    public void Pause_AfterARefusal_LastsSoManyFullDays()
    {
        var situation = Free().Refusal("2025-03-12T10:00:00Z");
        situation.Own = OwnRules.Create([], 3);
        var decision = situation.Decide();
        Assert.Equal(ReasonCode.Refusal, decision.Primary);
        Assert.Equal(Situation.At("2025-03-17T08:00:00Z"), decision.NextPermitted);
        situation.Own = OwnRules.Create([], 1);
        Assert.Equal(Verdict.Allow, situation.Decide().Verdict);
    }

    // The reservation is over first, though it is the newest.
    [Theory]
    [InlineData("2025-03-14T11:00:30Z", Verdict.Deny, "2025-03-14T11:00:35Z")]
    [InlineData("2025-03-14T10:59:56Z", Verdict.Deny, "2025-03-14T11:00:01Z")]
    [InlineData("2025-03-14T10:59:55Z", Verdict.Allow, null)]
    public void Reservation_CountsUntilItIsOverByTheGrace(string until, Verdict verdict, string? next)
    {
        var situation = Free().Attempt("2025-03-14T09:00:00Z").Reserved("2025-03-14T10:58:00Z", until);
        situation.Own = OwnRules.Create([new AttemptCap(2, 24, 0, PerSubject: false)], 0);
        var decision = situation.Decide();
        Assert.Equal(verdict, decision.Verdict);
        if (next is not null)
        {
            Assert.Equal(Situation.At(next), decision.NextPermitted);
        }
    }

    [Fact]
    public void Reservation_ThatWasPlaced_CountsLikeAnyOther()
    {
        var situation = Free().Reserved("2025-03-14T10:50:00Z", "2025-03-14T10:52:00Z").Attempt("2025-03-14T10:50:00Z");
        situation.Own = OwnRules.Create([new AttemptCap(1, 24, 0, PerSubject: false)], 0);
        Assert.Equal(ReasonCode.TooManyAttempts, situation.Decide().Primary);
    }

    [Fact]
    public void Reservation_IsNoFirstContact()
    {
        var situation = new Situation("+31612345678", "2025-03-04T14:00:00+01:00").Consent("2024-03-01", "2026-01-01");
        Assert.Equal(ReasonCode.FirstContactTooLate, situation.Reserved("2024-05-01", "2024-05-02").Decide().Primary);
        Assert.Equal(Verdict.Allow, situation.Attempt("2024-05-01").Decide().Verdict);
    }

    [Theory]
    [InlineData(0, 24, 0)]
    [InlineData(8, 24, 0)]
    [InlineData(1, 8_785, 0)]
    [InlineData(1, 1, 1)]
    [InlineData(1, 0, 367)]
    [InlineData(1, -1, 0)]
    public void Of_OutOfRange_Throws(int max, int hours, int days) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => OwnRules.Create([new AttemptCap(max, hours, days, PerSubject: false)], 0));

    [Fact]
    public void Create_Nothing_IsNull() => Assert.Null(OwnRules.Create([], 0));

    private static Situation Free() => new(Uk, CallTime);
}
