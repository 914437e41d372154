using System.Text;
using System.Text.Json.Nodes;
using Lookup.Cli;
using Lookup.Cli.Regimes;
using Lookup.Core.Regimes;

namespace Lookup.ServiceTests.Golden;

/// <summary>Every figure of the regimes is pinned: if it is changed, a case of its country gets another answer.</summary>
public sealed class FigureTests
{
    // Changes that cannot be seen in any answer, because another rule or the day of the week decides.
    private static readonly Dictionary<string, string[]> WithoutEffect = new()
    {
        // With the stricter policies, a question must name a product group, and then needs a consent, which lifts the register.
        ["uk.json"] =
        [
            "UK.rules[3:register].effects[1:strict] removed", "UK.rules[3:register].effects[1:strict].afterDays = 1",
            "UK.rules[4:register].effects[1:strict] removed", "UK.rules[4:register].effects[1:strict].afterDays = 1",
        ],
        // With the stricter policies, a question must name the product group of the other rule on the register.
        ["ca.json"] = ["CA.rules[4:register].effects[1:strict] removed", "CA.rules[4:register].effects[1:strict].afterDays = 1"],
        // The day is a Sunday.
        ["ch.json"] = ["CH.rules[7:banned].from = 2024-09-02"],
        // The days are a Saturday and a Sunday.
        ["es.json"] =
        [
            "ES.rules[4:callerNumber].from = 2026-10-18",
            "ES.rules[8:permission].unless[0:consent].limits[0:policy].from = 2025-12-27",
            "ES.rules[8:permission].unless[0:consent].limits[0:policy].from = 2025-12-29",
            "ES.rules[11:register].unless[0:consent].limits[0:policy].from = 2025-12-27",
            "ES.rules[11:register].unless[0:consent].limits[0:policy].from = 2025-12-29",
            // Every number is closed at 21.
            "ES.rules[35:hours].windows.mon-sun 10:00-23:59",
        ],
        // No 4 May is near.
        ["nl.json"] = ["NL-2.rules[7:hours].from = 2024-10-14", "NL-2.rules[7:hours].from = 2024-10-16"],
        ["us.json"] =
        [
            // The rule before it is stricter.
            "US.rules[4:automated].from = 2023-05-24", "US.rules[5:automated].from = 2023-05-24",
            // A Saturday, which is not closed, and the Sunday after it, which is closed by the other rule.
            "US.rules[34:hours].from = 2026-10-17", "US.rules[49:hours].from = 2026-10-19",
            // No holiday is near.
            "US.rules[48:hours].from = 2019-12-02", "US.rules[48:hours].from = 2019-12-04",
        ],
    };

    public static TheoryData<string> Files => [.. RegimeSet.BuiltInFiles().Select(file => file.Key).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Files))]
    public void Figure_Changed_ChangesAnAnswer(string name)
    {
        var file = JsonNode.Parse(RegimeSet.BuiltInFiles().Single(one => one.Key == name).Value.Span)!.AsObject();
        var cases = GoldenCase.Files().Single(one => Path.GetFileName(one.File) == name).Cases;
        Assert.Null(FirstWrong(file, cases));
        var faults = new List<string>();
        foreach (var change in FigureChanges.Of(file))
        {
            change.Make();
            var isNoticed = FirstWrong(file, cases) is not null;
            if (isNoticed == IsWithoutEffect(name, change.Place))
            {
                faults.Add($"{change.Place}: {(isNoticed ? "is noticed, so it is not without effect" : "no case notices it")}");
            }

            change.Undo();
        }

        Assert.True(faults.Count == 0, $"{faults.Count} changes in {name}:\n{string.Join('\n', faults)}");
    }

    // The whole of the United States is closed before 8 and after 21.
    private static bool IsWithoutEffect(string name, string place) =>
        WithoutEffect.GetValueOrDefault(name, []).Contains(place)
        || (name == "us.json" && (place.Contains(" 07:59-", StringComparison.Ordinal) || place.EndsWith("-21:01", StringComparison.Ordinal)) && !place.Contains("[26:hours]", StringComparison.Ordinal));

    // The case that is answered otherwise, or why the file is refused; null if nothing changes.
    private static string? FirstWrong(JsonObject file, IReadOnlyList<ExpectedCase> cases)
    {
        RegimeSet regimes;
        try
        {
            regimes = RegimeSet.Load([KeyValuePair.Create("changed.json", (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(file.ToJsonString()))]);
        }
        catch (RegimeException refused)
        {
            return refused.Message;
        }

        using var run = new CaseRun(regimes);
        return cases.FirstOrDefault(one => IsWrong(run, one))?.Id;
    }

    private static bool IsWrong(CaseRun run, ExpectedCase one)
    {
        try
        {
            return run.Run(one).Faults.Count > 0;
        }
        catch (CliException)
        {
            // The changed file has not the register or region that the case names.
            return true;
        }
    }
}
