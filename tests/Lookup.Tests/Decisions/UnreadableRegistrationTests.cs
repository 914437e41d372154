using Lookup.Core;
using Lookup.Core.Facts;

namespace Lookup.Tests.Decisions;

public class UnreadableRegistrationTests
{
    // In Italy a registration cancels earlier consents; one that cannot be read may be newer than the consent.
    [Fact]
    public void Decide_ConsentBesideUnreadableRegistration_CannotTell()
    {
        var situation = new Situation("+393471234567", "2024-04-19T12:00:00Z").Consent("2024-01-01T12:00:00Z");
        Assert.Equal(Verdict.Allow, situation.Decide().Verdict);
        situation.Stored(new FactId(FactKind.Registration, 0, Scope.FromName("it-rpo")), [0x7f, 1, 2, 3]);
        Assert.Equal(Verdict.Unknown, situation.Decide().Verdict);
        Assert.Equal(ReasonCode.RecordUnreadable, situation.Decide().Primary);
    }
}
