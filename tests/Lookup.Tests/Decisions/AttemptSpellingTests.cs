using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;

namespace Lookup.Tests.Decisions;

/// <summary>A cap per product group counts the attempts under every spelling of the group.</summary>
public sealed class AttemptSpellingTests
{
    private const string Florida = "+13055550123";
    private const string Call = "2025-03-11T14:00:00-04:00";

    private static readonly string[] Spellings = ["solar-panels", "solar_panel", "solarpanels", "solar.panel", "s-o-l-a-r-panel-", "solarpanelss"];

    [Fact]
    public void CapPerSubject_EverySpellingOfTheGroup_IsCounted()
    {
        foreach (var asked in Spellings)
        {
            var situation = About(asked);
            for (var i = 0; i < 3; i++)
            {
                Assert.Equal(Verdict.Allow, situation.Decide().Verdict);
                situation.Attempt($"2025-03-11T{i + 8:00}:00:00-04:00", Spellings[(i + asked.Length) % Spellings.Length]);
            }

            Assert.Equal((Verdict.Deny, ReasonCode.TooManyAttempts), (situation.Decide().Verdict, situation.Decide().Primary));
        }
    }

    [Theory]
    [InlineData("solar")]
    [InlineData("panel")]
    [InlineData("solar_panel2")]
    public void CapPerSubject_AnotherGroup_IsNotCounted(string other)
    {
        var situation = About("solar_panel");
        for (var i = 0; i < 3; i++)
        {
            situation.Attempt($"2025-03-11T{i + 8:00}:00:00-04:00", other);
        }

        Assert.Equal(Verdict.Allow, situation.Decide().Verdict);
    }

    [Theory]
    [InlineData("solar_panel")]
    [InlineData("energy")]
    public void CapPerSubject_AttemptsOfEarlierVersions_AreCountedUnderTheirSpelling(string group)
    {
        var situation = About(group).AttemptAsSpelled("2025-03-11T08:00:00-04:00", group).AttemptAsSpelled("2025-03-11T09:00:00-04:00", group);
        Assert.Equal(Verdict.Allow, situation.Decide().Verdict);
        Assert.Equal(Verdict.Deny, situation.Attempt("2025-03-11T10:00:00-04:00", group).Decide().Verdict);
    }

    // A group that is spelled in the common way costs no read more than before.
    [Theory]
    [InlineData("energy", 0)]
    [InlineData("solar_panel", 1)]
    public void Plan_ReadsTheAttemptsOfEarlierVersions_OnlyIfTheirScopeDiffers(string group, int more)
    {
        var question = About(group).Question;
        Span<FactId> ids = stackalloc FactId[Decider.Slots];
        var count = Decider.Plan(About(group).Ready().Rules!, question, ids, stackalloc byte[Decider.Slots]);
        var attempts = ids[..count].ToArray().Where(id => id is { Kind: FactKind.Attempt, Detail: 0 } && id.Scope != Scope.FromName("o"));
        Assert.Equal(1 + more, attempts.Select(id => id.Scope).Distinct().Count());
    }

    [Theory]
    [InlineData("energy", "o/energy")]
    [InlineData("solar-panels", "o/solarpanel")]
    [InlineData("ss", "o/s")]
    [InlineData("---", "o/---")]
    [InlineData("", "o")]
    public void NameOfAnySpelling_IsOneForAllSpellings(string group, string expected)
    {
        Assert.Equal(expected, Scope.NameOfAnySpelling("o", group));
        Assert.Equal(Scope.FromName("o", expected.Length > 1 ? expected[2..] : ""), Scope.OfAnySpelling("o", group));
        Assert.Equal(Scope.OfAnySpelling("o", group), Scope.OfAnySpelling("o", group));
        var question = new Situation(Florida, Call) { Group = group }.Question;
        Assert.True(MeantName.Matches(About(group).Ready().Rules!, question, new FactId(FactKind.Attempt, 0, Scope.OfAnySpelling("o", group)), expected));
    }

    private static Situation About(string group) => new(Florida, Call) { Group = group, Mode = DiallingMode.Manual };
}
