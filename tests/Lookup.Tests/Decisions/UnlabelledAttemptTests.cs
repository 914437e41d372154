using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;

namespace Lookup.Tests.Decisions;

/// <summary>Attempts that name no product group count in every group.</summary>
public sealed class UnlabelledAttemptTests
{
    private const string Florida = "+13055550123";
    private const string Call = "2025-03-11T14:00:00-04:00";

    [Theory]
    [InlineData(0, 3, Verdict.Deny)]
    [InlineData(1, 2, Verdict.Deny)]
    [InlineData(1, 1, Verdict.Allow)]
    [InlineData(3, 0, Verdict.Deny)]
    public void CapPerSubject_AttemptsWithoutAGroup_CountBesideThoseOfTheGroup(int labelled, int unlabelled, Verdict verdict)
    {
        var situation = new Situation(Florida, Call) { Group = "energy", Mode = DiallingMode.Manual };
        for (var i = 0; i < labelled; i++)
        {
            situation.Attempt($"2025-03-11T{i + 8:00}:00:00-04:00", "energy");
        }

        for (var i = 0; i < unlabelled; i++)
        {
            situation.Attempt($"2025-03-11T{i + 8:00}:30:00-04:00");
        }

        // They count only while within the window.
        situation.Attempt("2025-03-10T13:00:00-04:00").Attempt("2025-03-11T10:00:00-04:00", "insurance");
        Assert.Equal(verdict, situation.Decide().Verdict);
    }

    // Reserved with its group, reported without it: one call.
    [Theory]
    [InlineData("2025-03-11T13:00:00-04:00", Verdict.Allow)]
    [InlineData("2025-03-11T13:00:01-04:00", Verdict.Deny)]
    public void CapPerSubject_CallRecordedWithAndWithoutItsGroup_CountsOnce(string reported, Verdict verdict)
    {
        var situation = new Situation(Florida, Call) { Group = "energy", Mode = DiallingMode.Manual }
            .Attempt("2025-03-11T09:00:00-04:00", "energy")
            .Reserved("2025-03-11T13:00:00-04:00", "2025-03-11T15:00:00-04:00", "energy")
            .Attempt(reported);
        Assert.Equal(verdict, situation.Decide().Verdict);
    }

    [Theory]
    [InlineData("", 3)]
    [InlineData("energy", 3)]
    public void Plan_OfAReservation_NamesWhatItWrites(string group, int expected)
    {
        var question = new Situation(Florida, Call) { Group = group }.Question with { Reserves = true };
        Span<FactId> ids = stackalloc FactId[Decider.Slots];
        var count = Decider.Plan(new Situation(Florida, Call).Ready().Rules!, question, ids, stackalloc byte[Decider.Slots]);
        var attempts = ids[..count].ToArray().Where(id => id.Kind == FactKind.Attempt).ToList();
        Assert.Contains(new FactId(FactKind.Attempt, 0, Scope.FromName("o")), attempts);
        Assert.Contains(group.Length == 0 ? new FactId(FactKind.Attempt, FactId.Unlabelled, Scope.FromName("o")) : new FactId(FactKind.Attempt, 0, Scope.FromName("o", group)), attempts);
        Assert.Equal(group.Length == 0 ? expected - 1 : expected, attempts.Count);
    }
}
