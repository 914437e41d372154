using System.Text.Json.Nodes;

namespace Lookup.EndToEndTests.Cli;

/// <summary>Each import has an id and is listed.</summary>
public sealed class ImportRecordTests(RunningService service) : IClassFixture<RunningService>, IDisposable
{
    private static readonly string[] Objections = ["--set", "kind=objection", "--set", "organisation=acme", "--set", "effective=2024-01-01T00:00:00Z"];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Import_IntoService_IsListedWithFileAndCounts()
    {
        var path = _folder.Write("optouts.csv", "number\n+31612370001\n+31612370002\n+31612370002\nx\n");
        string[] to = ["--address", service.Address];

        var first = await CliRun.Async(["import", path, .. Objections, .. to, "--json"]);
        var second = await CliRun.Async(["import", path, .. Objections, .. to, "--json"]);
        var listed = await CliRun.Async(["imports", "--last", "2", .. to, "--json"]);
        var text = await CliRun.Async(["imports", "--last", "1", .. to]);
        var facts = await CliRun.Async(["facts", "+31612370001", .. to, "--json"]);

        Assert.Equal((3, 3, 0), (first.ExitCode, second.ExitCode, listed.ExitCode));
        var ids = new[] { Id(first), Id(second) };
        Assert.NotEqual(ids[0], ids[1]);
        Assert.All(ids, id => Assert.Matches("^2[0-9]{7}-[0-9]{6}-[0-9a-f]{4}$", id));
        var imports = JsonNode.Parse(listed.Output)!["imports"]!.AsArray();
        Assert.Equal(ids.Order().Reverse(), imports.Select(i => i!["importId"]!.GetValue<string>()));
        var import = imports.Single(i => i!["importId"]!.GetValue<string>() == ids[0])!;
        Assert.Equal("IMPORT_STATE_DONE", import["state"]!.GetValue<string>());
        Assert.Equal("optouts.csv", import["fileName"]!.GetValue<string>());
        Assert.Equal(
            Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken))),
            import["fileSha256"]!.GetValue<string>());
        Assert.Equal(("2", "1"), (import["recorded"]!.GetValue<string>(), import["unchanged"]!.GetValue<string>()));
        Assert.NotNull(import["endTime"]);
        Assert.Contains("  done  ", text.Output, StringComparison.Ordinal);
        Assert.Contains("optouts.csv", text.Output, StringComparison.Ordinal);
        Assert.Equal(ids[0], JsonNode.Parse(facts.Output)!["facts"]![0]!["importId"]!.GetValue<string>());
    }

    [Fact]
    public async Task Import_KilledAndContinued_KeepsItsId()
    {
        var data = await _folder.StoreAsync();
        var path = _folder.Write("optouts.csv", "number\n" + string.Concat(Enumerable.Range(0, 60_000).Select(i => $"+3161{2_000_000 + i}\n")));
        using (var tool = ToolProcess.Start(["import", path, .. Objections, "--data", data]))
        {
            await tool.UntilAsync(() => File.Exists(path + ".checkpoint"));
            await tool.KillAsync();
        }

        var killed = Assert.Single(await ImportsAsync(data));
        var run = await CliRun.Async(["import", path, .. Objections, "--data", data, "--json"]);
        var ended = Assert.Single(await ImportsAsync(data));

        Assert.Equal("IMPORT_STATE_RUNNING", killed!["state"]!.GetValue<string>());
        Assert.Equal(Id(run), killed["importId"]!.GetValue<string>());
        Assert.Equal(Id(run), ended!["importId"]!.GetValue<string>());
        Assert.Equal("IMPORT_STATE_DONE", ended["state"]!.GetValue<string>());
    }

    [Fact]
    public async Task Redis_FirstLoad_IsListedToo()
    {
        await using var server = await RedisServer.StartAsync();
        string[] store = ["--redis", $"127.0.0.1:{server.Port}", "--key-file", _folder.PathOf("number.key")];
        var path = _folder.Write("optouts.csv", "number\n" + string.Concat(Enumerable.Range(0, 120_000).Select(i => $"+3161{4_000_000 + i}\n")));
        Assert.Equal(0, (await CliRun.Async(["init", .. store, "--new-key"])).ExitCode);

        var run = await CliRun.Async(["import", path, .. Objections, .. store, "--json"]);
        var listed = await CliRun.Async(["imports", .. store, "--json"]);

        var import = Assert.Single(JsonNode.Parse(listed.Output)!["imports"]!.AsArray())!;
        Assert.Equal(Id(run), import["importId"]!.GetValue<string>());
        Assert.Equal(("IMPORT_STATE_DONE", "120000"), (import["state"]!.GetValue<string>(), import["recorded"]!.GetValue<string>()));
    }

    private static string Id(CliRun run) => JsonNode.Parse(run.Output)!["import_id"]!.GetValue<string>();

    private static async Task<JsonArray> ImportsAsync(string data)
    {
        var run = await CliRun.Async("imports", "--data", data, "--json");
        return JsonNode.Parse(run.Output)!["imports"]!.AsArray();
    }
}
