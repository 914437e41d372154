using System.Text.Json.Nodes;
using Lookup.Cli.Demo;
using Lookup.V1;

namespace Lookup.EndToEndTests.Cli;

public class DemoTests
{
    [Fact]
    public async Task Demo_AsAProcess_ShowsEveryVerdictWithItsReasonAndLeavesNothing()
    {
        using var tool = ToolProcess.Start("demo");

        var run = await tool.EndAsync();

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(DemoScript.Steps.Count, run.Output.Split('\n').Count(line => line.StartsWith("   ALLOW", StringComparison.Ordinal)
            || line.StartsWith("   DENY", StringComparison.Ordinal) || line.StartsWith("   NOT_COVERED", StringComparison.Ordinal)));
        Assert.Contains("consent (law, ", run.Output, StringComparison.Ordinal);
        Assert.Contains("next permitted: Mon 2024-03-18 09:00 +01:00 (Europe/Amsterdam)", run.Output, StringComparison.Ordinal);
        Assert.Contains("Every answer was as expected.", run.Output, StringComparison.Ordinal);
        // Without it there is no store to serve.
        Assert.Contains("  lookup serve --data ./lookup-data --create\n", run.Output, StringComparison.Ordinal);
        var folder = run.Output.Split("embedded store in ")[1].Split(".\n")[0];
        Assert.False(Directory.Exists(folder), folder);
    }

    [Fact]
    public async Task Demo_WithJson_HoldsEveryAnswer()
    {
        var run = await CliRun.Async("demo", "--json");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var result = JsonNode.Parse(run.Output)!;
        Assert.True(result["ok"]!.GetValue<bool>());
        Assert.Equal(DemoScript.Steps.Count, result["steps"]!.AsArray().Count(step => step!["ok"]!.GetValue<bool>()));
    }

    [Fact]
    public void Script_OfTheDemo_CoversEveryKindOfAnswer()
    {
        Assert.Equal(
            [Verdict.Allow, Verdict.Deny, Verdict.NotCovered],
            DemoScript.Steps.Select(step => step.Verdict).Distinct().Order());
        Assert.True(DemoScript.Steps.Select(step => step.Reason).Distinct().Count() >= 7);
    }
}
