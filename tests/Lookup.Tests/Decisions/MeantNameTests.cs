using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;

namespace Lookup.Tests.Decisions;

public sealed class MeantNameTests
{
    private static readonly long Noon = new DateTimeOffset(2024, 3, 12, 12, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    [Theory]
    [InlineData("")]
    [InlineData("tv")]
    public void Is_EachTimelineOfAQuestion_IsMeantByItsOwnNameAlone(string group)
    {
        foreach (var country in (ulong[])[31612345678, 4915123456789, 447400123456, 12125550123, 33612345678])
        {
            if (!PhoneNumber.TryFrom(country, out var number, out _) || RegimeSet.BuiltIn.Find(number, Noon) is not { } rules)
            {
                continue;
            }

            var question = new Question
            {
                CallTime = Noon,
                OrganisationName = "acme",
                Organisation = Scope.FromName("acme"),
                OrganisationGroup = Scope.FromName("acme", group),
                Group = group.Length == 0 ? 0 : Scope.FromName(group),
                GroupName = group,
                Purpose = Purpose.Commercial,
                Reserves = true,
            };
            string[] registers = [.. RegimeSet.BuiltIn.Registers.Select(register => register.Name)];
            var ids = new FactId[Decider.Slots];
            var count = Decider.Plan(rules, question, ids, new byte[Decider.Slots]);
            for (var i = 0; i < count; i++)
            {
                if (ids[i].Scope == Scope.All)
                {
                    continue;
                }

                var names = ((string[])["acme", "acme/tv", "tv", "rival", "acme/", "acmex", "acme/tvx", "xacme/tv", "", .. registers])
                    .Where(name => MeantName.Matches(rules, question, ids[i], name)).ToList();
                Assert.Equal(ids[i].Scope, Scope.FromName(Assert.Single(names)));
            }
        }
    }

    [Fact]
    public void Foreign_InPlaceOfAConsent_IsNeitherItsLackNorPermission()
    {
        PhoneNumber.TryFrom(31612345678, out var number, out _);
        var rules = RegimeSet.BuiltIn.Find(number, Noon)!;
        var question = new Question { CallTime = Noon, OrganisationName = "acme", Organisation = Scope.FromName("acme"), OrganisationGroup = Scope.FromName("acme"), Purpose = Purpose.Commercial };
        var (ids, slots, bySlot) = (new FactId[Decider.Slots], new byte[Decider.Slots], new StoredValue[Decider.Slots]);
        var count = Decider.Plan(rules, question, ids, slots);
        var snapshots = new RegisterSnapshots(RegimeSet.BuiltIn, new Dictionary<string, long[]>());
        Assert.Equal(Verdict.Deny, Decider.Decide(rules, question, bySlot, snapshots).Verdict);
        for (var i = 0; i < count; i++)
        {
            bySlot[slots[i]] = MeantName.Foreign;
        }

        Assert.NotEqual(Verdict.Allow, Decider.Decide(rules, question, bySlot, snapshots).Verdict);
    }
}
