using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Lookup.Cli.Commands;
using Lookup.Cli.Output;

namespace Lookup.EndToEndTests.Cli;

/// <summary>lookup watch against a service.</summary>
public sealed partial class WatchCommandTests(RunningService service) : IClassFixture<RunningService>
{
    [Fact]
    public async Task Watch_Interrupted_SaysHowToGoOnAndDoes()
    {
        string token;
        await ObjectAsync("+31612340000");
        using (var watch = ToolProcess.Start("watch", "--org", "acme", "--address", service.Address))
        {
            await watch.UntilAsync(() => watch.Error.Contains("Watching.", StringComparison.Ordinal));
            await CliRun.Async(
                "record", "consent", "+31612340003", "--org", "acme", "--purposes", "commercial", "--since", "now", "--evidence", "rec-1", "--address", service.Address);
            await ObjectAsync("+31612340001");
            await watch.UntilAsync(() => watch.Output.Contains("*001", StringComparison.Ordinal) && watch.Output.Contains("*003", StringComparison.Ordinal));
            watch.Interrupt();
            var end = await watch.EndAsync();
            Assert.Equal(130, end.ExitCode);
            Assert.Contains("+316*****001  objection to acme", end.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("612340001", end.Output + end.Error, StringComparison.Ordinal);
            // A watch has no texts, so it does not say that there is no evidence.
            Assert.Contains("+316*****003  consent to acme for commercial, no expiry  (source", end.Output, StringComparison.Ordinal);
            token = GoOn().Match(end.Error).Groups["token"].Value;
            Assert.Contains($"Resume with: lookup watch --org acme --address {service.Address} --from {token}\n", end.Error, StringComparison.Ordinal);
            Assert.NotEmpty(token);
        }

        await ObjectAsync("+31612340002");
        using var again = ToolProcess.Start("watch", "--address", service.Address, "--from", token, "--json");
        await again.UntilAsync(() => again.Output.Contains('\n', StringComparison.Ordinal));
        again.Interrupt();
        var told = JsonNode.Parse((await again.EndAsync()).Output.Split('\n')[0])!;
        Assert.Equal("+31612340002", (string?)told["change"]!["number"]);
        Assert.Equal("acme", (string?)told["change"]!["fact"]!["fact"]!["objection"]!["organisation"]);
        Assert.NotEqual(token, (string?)told["resumeToken"]);
    }

    [Theory]
    [InlineData("watch", "lookup watch --from t2")]
    [InlineData("watch --org acme --org bolt --numbers", "lookup watch --org acme --org bolt --numbers --from t2")]
    [InlineData("watch --from t1 --api-key=lk_secret --json", "lookup watch --json --from t2")]
    public void ResumeCommand_OfAWatch_RepeatsItsOptionsWithoutTheCredential(string line, string expected)
    {
        var root = CliApp.Build(new Shell(TextWriter.Null, TextWriter.Null, Stream.Null, TimeProvider.System));

        Assert.Equal(expected, WatchCommand.ResumeCommand(root.Parse(line.Split(' ')), "t2"));
    }

    [Fact]
    public async Task Watch_OrganisationThatIsNotKnown_IsRefused()
    {
        var run = await CliRun.Async("watch", "--org", "nobody-at-all", "--address", service.Address);
        Assert.Equal(2, run.ExitCode);
        Assert.Equal("lookup: --org: No organisation of this name has a record or a fact: create one with 'lookup org put'. See 'lookup watch --help'.\n", run.Error);
    }

    [Fact]
    public async Task Watch_TokenOfAnotherStore_SaysWhatToDo()
    {
        var run = await CliRun.Async("watch", "--from", Lookup.Redis.ConsistencyToken.Of(1, 0, 1).ToString(), "--address", service.Address);
        Assert.Equal(4, run.ExitCode);
        Assert.Contains("Scrub the active lists again", run.Error, StringComparison.Ordinal);
    }

    private async Task ObjectAsync(string number)
    {
        var run = await CliRun.Async("record", "objection", number, "--org", "acme", "--source", "test", "--address", service.Address);
        Assert.True(run.ExitCode == 0, run.Error);
    }

    [GeneratedRegex("lookup watch .*--from (?<token>\\S+)")]
    private static partial Regex GoOn();
}
