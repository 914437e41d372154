using System.Text.Json.Nodes;
using Lookup.Core.Access;
using Lookup.ServiceTests.Access;

namespace Lookup.ServiceTests.Cli;

/// <summary>lookup plan and lookup apply: a file that declares organisations and grants.</summary>
public sealed class DeclaredTests : IAsyncLifetime
{
    private const string Declared = """
        {
          // As a person writes it: comments, either form of a field's name, and no defaults.
          "organisations": [
            {"name": "acme", "attempt_caps": [{"max": 3, "within_hours": 24}, {"max": 1, "daysBack": 6, "perProductGroup": true}], "strict": true},
            {"name": "red-cross", "pauseAfterRefusalDays": 60},
          ],
          "grants": [
            {"credential_id": "dialer-7", "organisation": "acme"},
            {"credentialId": "dialer-7", "organisation": "red-cross", "untilTime": "2099-01-01T00:00:00Z"},
          ],
        }
        """;

    private readonly TempFolder _folder = new();
    private GuardedServer _guarded = null!;
    private string _anna = null!;
    private string _bert = null!;

    public async ValueTask InitializeAsync()
    {
        _guarded = await GuardedServer.StartAsync();
        (_anna, _bert) = (await _guarded.KeyAsync("anna", Roles.Admin), await _guarded.KeyAsync("bert", Roles.Admin));
        await _guarded.KeyAsync("dialer-7", Roles.Check);
    }

    public async ValueTask DisposeAsync()
    {
        await _guarded.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Apply_MakesWhatPlanShows_AndThenNothing()
    {
        var file = _folder.Write("lookup.json", Declared);
        var plan = await RunAsync(5, "plan", file);
        Assert.Contains("+ organisation acme  sector other  strict  at most 1/6d/group, 3/24h", plan.Output, StringComparison.Ordinal);
        Assert.Contains("+ grant dialer-7 red-cross  until", plan.Output, StringComparison.Ordinal);
        Assert.Contains("4 to change", plan.Output, StringComparison.Ordinal);
        Assert.Equal(plan.Output, (await RunAsync(5, "plan", file)).Output);

        Assert.Contains("4 of 4 changed", (await RunAsync(0, "apply", file)).Output, StringComparison.Ordinal);
        Assert.Contains("Nothing to change: 4 as declared.", (await RunAsync(0, "apply", file)).Output, StringComparison.Ordinal);
        Assert.Contains("Nothing to change", (await RunAsync(0, "plan", file)).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhatTheServiceLists_IsAFile_ThatChangesNothing()
    {
        await RunAsync(0, "apply", _folder.Write("lookup.json", Declared));
        var listed = JsonNode.Parse((await RunAsync(0, "org", "list", "--json")).Output)!.AsObject();
        listed["grants"] = JsonNode.Parse((await RunAsync(0, "grant", "list", "--json")).Output)!["grants"]!.DeepClone();
        await RunAsync(0, "plan", _folder.Write("listed.json", listed.ToJsonString()));
    }

    [Fact]
    public async Task Apply_RemovesGrantsOnlyWithPrune_AndKeepsRecords()
    {
        await RunAsync(0, "apply", _folder.Write("lookup.json", Declared));
        var less = _folder.Write("less.json", """{"organisations": [], "grants": [{"credentialId": "dialer-7", "organisation": "acme"}]}""");
        var plan = await RunAsync(0, "plan", less);
        Assert.Contains("organisation acme is not in the file and stays", plan.Output, StringComparison.Ordinal);
        Assert.Contains("grant dialer-7 red-cross is not in the file and stays", plan.Output, StringComparison.Ordinal);
        Assert.Contains("- grant dialer-7 red-cross", (await RunAsync(0, "apply", less, "--prune")).Output, StringComparison.Ordinal);
        Assert.DoesNotContain("red-cross", (await RunAsync(0, "grant", "list")).Output, StringComparison.Ordinal);
        Assert.Contains("red-cross", (await RunAsync(0, "org", "list")).Output, StringComparison.Ordinal);

        // A file without the section says nothing about grants.
        Assert.DoesNotContain("grant", (await RunAsync(0, "apply", _folder.Write("none.json", """{"organisations": []}"""), "--prune")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Apply_OfARecordThatBindsLess_NeedsASecondAdministrator_AndMakesTheRest()
    {
        await RunAsync(0, "apply", _folder.Write("lookup.json", Declared));
        var looser = _folder.Write("looser.json", Declared.Replace("\"strict\": true", "\"strict\": false", StringComparison.Ordinal).Replace("2099", "2098", StringComparison.Ordinal));
        var plan = await RunAsync(5, "plan", looser);
        Assert.Contains("~ organisation acme  strict yes -> none", plan.Output, StringComparison.Ordinal);
        Assert.Contains("a second administrator must apply it too", plan.Output, StringComparison.Ordinal);
        var first = await RunAsync(1, "apply", looser);
        Assert.Contains("not made: a second administrator must apply the same file", first.Output, StringComparison.Ordinal);
        Assert.Contains("1 of 2 changed", first.Output, StringComparison.Ordinal);
        var second = await CliRun.Async("apply", looser, "--address", _guarded.Server.Host.GrpcAddress.ToString(), "--api-key", _bert);
        Assert.True(second.ExitCode == 0, second.Output + second.Error);
        Assert.Contains("1 of 1 changed", second.Output, StringComparison.Ordinal);
    }

    // Without a record, an organisation has no sector that a rule excepts.
    [Fact]
    public async Task Apply_OfANewRecordWithAnotherSector_NeedsASecondAdministrator()
    {
        var file = _folder.Write("sector.json", """{"organisations": [{"name": "press", "sector": "SECTOR_PRESS_PUBLISHER"}]}""");
        Assert.Contains("a second administrator must apply it too", (await RunAsync(5, "plan", file)).Output, StringComparison.Ordinal);
        Assert.Contains("0 of 1 changed", (await RunAsync(1, "apply", file)).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await CliRun.Async("apply", file, "--address", _guarded.Server.Host.GrpcAddress.ToString(), "--api-key", _bert)).ExitCode);
    }

    [Theory]
    [InlineData("{\"organisations\": [],\n \"organisations\": []}", "the field 'organisations' is there twice")]
    [InlineData("""{"organisations": [{"name": "acme", "pauseAfterRefusalDays": 60, "pause_after_refusal_days": 1}]}""", "organisations[0]: pause_after_refusal_days: Duplicate field.")]
    [InlineData("""{"organisations": [{"name": "acme", "attemptCaps": [{"max": 3, "withinHours": 24, "within_hours": 48}]}]}""", "organisations[0]: attempt_caps[0].within_hours: Duplicate field.")]
    [InlineData("""{"organisation": []}""", "'organisation' is not known; did you mean 'organisations'")]
    [InlineData("""{}""", "declares nothing")]
    [InlineData("""[]""", "not a JSON object")]
    [InlineData("{\n  \"organisations\": [}\n", "line 2, byte 21")]
    [InlineData("""{"organisations": {}}""", "organisations must be a list")]
    [InlineData("""{"organisations": [7]}""", "organisations[0] must be an object")]
    [InlineData("""{"organisations": [{"name": "acme"}, {"name": "acme", "strict": true}]}""", "organisations[1]: acme is there twice")]
    [InlineData("""{"organisations": [{"name": "acme"}, {"name": "Beta"}]}""", "organisations[1]: name:")]
    [InlineData("""{"organisations": [{"name": "acme", "strictt": true}]}""", "organisations[0]: strictt: Unknown field of Organisation; check the spelling.")]
    [InlineData("""{"organisations": [{"name": "acme", "sector": "SECTOR_NONE"}]}""", "organisations[0]: sector: Must be a value of Sector")]
    [InlineData("""{"organisations": [{"name": "acme", "attemptCaps": [{"max": 99, "withinHours": 24}]}]}""", "organisations[0]: attempt_caps[0].max: 99 is out of range")]
    [InlineData("""{"organisations": [{"name": "acme", "attemptCaps": [{"max": 3, "withinHours": 24, "daysBack": 6}]}]}""", "organisations[0]: attempt_caps[0].days_back: Only one of")]
    [InlineData("""{"organisations": [{"name": "\ud800"}]}""", "organisations[0]: contains a string that is not valid Unicode")]
    [InlineData("""{"grants": [{"credentialId": "dialer-7"}]}""", "grants[0]: organisation:")]
    [InlineData("""{"grants": [{"credentialId": "dialer-8", "organisation": "acme"}]}""", "No credential has the id 'dialer-8'")]
    public async Task WrongFile_IsRefused_WithThePlace_AndChangesNothing(string json, string why)
    {
        var run = await RunAsync(1, "apply", _folder.Write("wrong.json", json));
        Assert.Contains(why, run.Error, StringComparison.Ordinal);
        Assert.Contains("No organisations", (await RunAsync(0, "org", "list")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_ThatIsMissing_IsNamed() => Assert.Contains("'missing.json' cannot be read: it does not exist.", (await RunAsync(1, "plan", "missing.json")).Error, StringComparison.Ordinal);

    private async Task<CliRun> RunAsync(int exitCode, params string[] arguments)
    {
        var run = await CliRun.Async([.. arguments, "--address", _guarded.Server.Host.GrpcAddress.ToString(), "--api-key", _anna]);
        Assert.True(run.ExitCode == exitCode, $"{run.ExitCode}: {run.Output}{run.Error}");
        return run;
    }
}
