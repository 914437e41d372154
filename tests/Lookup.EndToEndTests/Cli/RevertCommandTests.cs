using System.Text.Json.Nodes;

namespace Lookup.EndToEndTests.Cli;

/// <summary>lookup revert.</summary>
public sealed class RevertCommandTests(RunningService service) : IClassFixture<RunningService>, IDisposable
{
    private static readonly string[] Objections = ["--set", "kind=objection", "--set", "organisation=acme", "--set", "effective=2024-01-01T00:00:00Z"];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Service_Revert_UndoesThatImportAloneAndSaysWhatItPermits()
    {
        var wrong = _folder.Write("wrong.csv", "number\n+31612380001\n+31612380002\n+31612380003\n");
        var right = _folder.Write("right.csv", "number\n+31612380003\n+31612380004\n");
        var id = Id(await RunAsync(["import", wrong, .. Objections, "--json"]));
        await RunAsync(["import", right, .. Objections]);

        var look = await RunAsync("revert", id, "--dry-run");
        var unasked = await RunAsync("revert", id);
        var before = await FactsAsync("+31612380001");
        var done = await RunAsync("revert", id, "--yes", "--reason", "wrong file", "--actor", "anna");
        var again = await RunAsync("revert", id, "--yes", "--json");
        var listed = JsonNode.Parse((await RunAsync("imports", "--last", "2", "--json")).Output)!["imports"]!.AsArray().Single(i => i!["importId"]!.GetValue<string>() == id)!;

        Assert.Equal((0, 2, 0, 0), (look.ExitCode, unasked.ExitCode, done.ExitCode, again.ExitCode));
        Assert.Contains("2 facts would be removed (2 objection), 0 would be restored, 1 would be kept", look.Output.ReplaceLineEndings(" "), StringComparison.Ordinal);
        Assert.Contains("This can permit calls: 2 of these facts forbade calls (2 objection).", look.Output, StringComparison.Ordinal);
        Assert.Single(before);
        Assert.Contains("2 facts removed (2 objection)", done.Output, StringComparison.Ordinal);
        Assert.Equal("IMPORT_STATE_REVERTED", JsonNode.Parse(again.Output)!["state"]!.GetValue<string>());
        Assert.Equal(("IMPORT_STATE_REVERTED", "anna", "wrong file"), (listed["state"]!.GetValue<string>(), listed["revert"]!["actor"]!.GetValue<string>(), listed["revert"]!["reason"]!.GetValue<string>()));
        Assert.Empty(await FactsAsync("+31612380001"));
        Assert.Single(await FactsAsync("+31612380003"));
        Assert.Single(await FactsAsync("+31612380004"));
    }

    [Fact]
    public async Task Service_UnknownImport_IsOneSentence()
    {
        var run = await RunAsync("revert", "20200101-000000-0000", "--yes");

        Assert.Equal((1, "lookup: There is no import with this id in this store; 'lookup imports' lists them."), (run.ExitCode, run.Error.TrimEnd()));
    }

    [Fact]
    public async Task Folder_RevertKilled_GoesOnToTheSameEnd()
    {
        const int Count = 60_000;
        var data = await _folder.StoreAsync();
        string[] to = ["--data", data];
        var keep = _folder.Write("keep.csv", "number\n" + string.Concat(Enumerable.Range(0, 100).Select(i => $"+3161{2_000_000 + i}\n")));
        var wrong = _folder.Write("wrong.csv", "number\n" + string.Concat(Enumerable.Range(0, Count).Select(i => $"+3161{2_000_000 + i}\n")));
        Assert.Equal(0, (await ToolProcess.Start(["import", keep, .. Objections, .. to]).EndAsync()).ExitCode);
        var id = Id(await ToolProcess.Start(["import", wrong, .. Objections, .. to, "--json"]).EndAsync());
        var store = new DirectoryInfo(Path.Combine(data, "db"));
        var before = Size(store);
        using (var tool = ToolProcess.Start(["revert", id, "--yes", .. to]))
        {
            await tool.UntilAsync(() => Size(store) > before + 300_000);
            await tool.KillAsync();
        }

        var killed = JsonNode.Parse((await CliRun.Async(["imports", "--json", .. to])).Output)!["imports"]!.AsArray().Single(i => i!["importId"]!.GetValue<string>() == id)!;
        var between = await CliRun.Async(["doctor", .. to]);
        var rest = await CliRun.Async(["revert", id, "--yes", "--json", .. to]);
        var doctor = await CliRun.Async(["doctor", .. to]);

        Assert.Equal("IMPORT_STATE_REVERTING", killed["state"]!.GetValue<string>());
        Assert.Equal((0, ""), (rest.ExitCode, rest.Error));
        Assert.DoesNotContain("  100 timelines", between.Output, StringComparison.Ordinal);
        Assert.Contains("100 timelines", doctor.Output, StringComparison.Ordinal);
        Assert.Equal(0, doctor.ExitCode);
        Assert.Equal("IMPORT_STATE_REVERTED", JsonNode.Parse(rest.Output)!["state"]!.GetValue<string>());
    }

    private static long Size(DirectoryInfo folder) => folder.EnumerateFiles("*.log").Sum(file => file.Length);

    private static string Id(CliRun run) => JsonNode.Parse(run.Output)!["import_id"]!.GetValue<string>();

    private async Task<JsonArray> FactsAsync(string number) =>
        JsonNode.Parse((await RunAsync("facts", number, "--json")).Output)!["facts"]!.AsArray();

    private Task<CliRun> RunAsync(params string[] arguments) => CliRun.Async([.. arguments, "--address", service.Address]);
}
