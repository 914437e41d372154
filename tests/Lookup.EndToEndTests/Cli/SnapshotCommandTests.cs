using System.Text.Json.Nodes;

namespace Lookup.EndToEndTests.Cli;

/// <summary>lookup import --register --snapshot.</summary>
public sealed class SnapshotCommandTests : IDisposable
{
    private static readonly string[] Bmnr = ["--register", "nl-bmnr", "--timezone", "Europe/Amsterdam"];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Service_PlainNumbersThenCsv_SwitchesAndTells()
    {
        await using var service = await ServiceAsync();
        string[] to = [.. Bmnr, "--address", service.Address];
        var plain = _folder.Write("first.txt", string.Concat(Enumerable.Range(0, 100).Select(i => $"+3161230{i:D4}\n")));
        var csv = _folder.Write("second.csv", "phone;categories\n" + string.Concat(Enumerable.Range(5, 96).Select(i => $"06 1230{i:D4};{(i == 50 ? "charities" : "")}\n")));

        var first = await CliRun.Async(["import", plain, "--snapshot", "2015-03-01", "--expect", "98", .. to]);
        var look = await CliRun.Async(["import", csv, "--snapshot", "2015-03-20", "--map", "number=phone", "--set", "region=NL", "--dry-run", .. to]);
        var second = await CliRun.Async(["import", csv, "--snapshot", "2015-03-20", "--map", "number=phone", "--set", "region=NL", "--json", .. to]);
        var again = await CliRun.Async(["import", csv, "--snapshot", "2015-03-20", "--map", "number=phone", "--set", "region=NL", .. to]);
        var listed = await CliRun.Async("imports", "--address", service.Address);
        var check = await CliRun.Async("check", "+31612300001", "--org", "acme", "--purpose", "commercial", "--at", "2015-03-24T14:00:00+01:00", "--exact", "--address", service.Address);

        Assert.Equal((0, ""), (first.ExitCode, first.Error));
        Assert.Contains("100 added", first.Output, StringComparison.Ordinal);
        Assert.Equal((0, ""), (look.ExitCode, look.Error));
        Assert.Contains("1 added, 5 removed, 1 with changed categories, 94 unchanged (7 % change)", look.Output, StringComparison.Ordinal);
        var json = JsonNode.Parse(second.Output)!;
        Assert.Equal((1, 5, 1, 94), (json["additions"]!.GetValue<int>(), json["removals"]!.GetValue<int>(), json["changes"]!.GetValue<int>(), json["unchanged"]!.GetValue<int>()));
        Assert.Equal(1, again.ExitCode);
        Assert.Contains("The register is already loaded as of ", again.Error, StringComparison.Ordinal);
        Assert.Contains("1 added, 5 removed, 1 changed, 94 unchanged", listed.Output, StringComparison.Ordinal);
        Assert.Equal(13, check.ExitCode);
    }

    [Fact]
    public async Task Service_FileThatDropsMost_IsRefusedUnlessAccepted()
    {
        await using var service = await ServiceAsync();
        string[] to = [.. Bmnr, "--address", service.Address];
        var whole = _folder.Write("whole.txt", string.Concat(Enumerable.Range(0, 1_000).Select(i => $"+3161230{i:D4}\n")));
        var tenth = _folder.Write("tenth.txt", string.Concat(Enumerable.Range(0, 100).Select(i => $"+3161230{i:D4}\n")));
        Assert.Equal(0, (await CliRun.Async(["import", whole, "--snapshot", "2015-03-01", "--accept-change", .. to])).ExitCode);

        var refused = await CliRun.Async(["import", tenth, "--snapshot", "2015-03-20", .. to]);
        var imports = await CliRun.Async("imports", "--address", service.Address, "--json");
        var accepted = await CliRun.Async(["import", tenth, "--snapshot", "2015-03-20", "--accept-change", .. to]);

        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("90 % of the 1,000 numbers on nl-bmnr would change, more than 10 %: nothing was changed.", refused.Error.ReplaceLineEndings(" "), StringComparison.Ordinal);
        Assert.Single(JsonNode.Parse(imports.Output)!["imports"]!.AsArray());
        Assert.Equal((0, ""), (accepted.ExitCode, accepted.Error));
    }

    [Fact]
    public async Task Service_FirstLoad_NeedsTheSizeThatItsKeeperStates()
    {
        await using var service = await ServiceAsync();
        var file = _folder.Write("first.txt", string.Concat(Enumerable.Range(0, 100).Select(i => $"+3161230{i:D4}\n")));
        string[] load = ["import", file, "--snapshot", "2015-03-01", .. Bmnr, "--address", service.Address];

        var silent = await CliRun.Async(load);
        var few = await CliRun.Async([.. load, "--expect", "120"]);
        var wrong = await CliRun.Async([.. load, "--expect", "-1"]);
        var right = await CliRun.Async([.. load, "--expect", "105"]);
        var later = await CliRun.Async(["import", file, "--snapshot", "2015-03-20", .. Bmnr, "--expect", "200", "--address", service.Address]);

        Assert.Equal((1, 1, 2, 0, 1), (silent.ExitCode, few.ExitCode, wrong.ExitCode, right.ExitCode, later.ExitCode));
        Assert.Contains("this is the first load of nl-bmnr, so nothing tells whether 100 numbers is the whole of it. Set --expect", silent.Error, StringComparison.Ordinal);
        Assert.Contains("The file has 100 numbers where --expect says 120, more than 10 % apart: nothing was changed.", few.Error, StringComparison.Ordinal);
        Assert.Contains("--expect says 200", later.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Service_InvalidLines_StopUnlessAccepted()
    {
        await using var service = await ServiceAsync();
        string[] to = [.. Bmnr, "--address", service.Address, "--snapshot", "2015-03-01", "--accept-change"];
        var file = _folder.Write("bmnr.txt", "+31612300001\nhello\n+31612300002\n12\n");

        var stopped = await CliRun.Async(["import", file, .. to]);
        var accepted = await CliRun.Async(["import", file, "--max-rejects", "2", .. to]);

        Assert.Equal(1, stopped.ExitCode);
        Assert.StartsWith("lookup: 2 lines have no valid number; --max-rejects allows 0.", stopped.Error, StringComparison.Ordinal);
        Assert.True(accepted.ExitCode == 3, accepted.Error);
        Assert.Equal(3, (await File.ReadAllLinesAsync(file + ".rejects.csv", TestContext.Current.CancellationToken)).Length);
    }

    [Fact]
    public async Task Folder_LoadKilled_PermitsNothingAndGoesOn()
    {
        const int Count = 60_000;
        var data = await _folder.StoreAsync();
        string[] to = [.. Bmnr, "--data", data];
        var first = _folder.Write("first.txt", string.Concat(Enumerable.Range(0, Count).Select(i => $"+3161{2_000_000 + i}\n")));
        var second = _folder.Write("second.txt", string.Concat(Enumerable.Range(Count / 2, Count).Select(i => $"+3161{2_000_000 + i}\n")));
        Assert.Equal(0, (await ToolProcess.Start(["import", first, "--snapshot", "2015-03-01", "--accept-change", .. to]).EndAsync()).ExitCode);
        var store = new DirectoryInfo(Path.Combine(data, "db"));
        var before = Size(store);
        using (var tool = ToolProcess.Start(["import", second, "--snapshot", "2015-03-20", "--accept-change", .. to]))
        {
            // The log grows once the difference is being written.
            await tool.UntilAsync(() => Size(store) > before + 200_000);
            await tool.KillAsync();
        }

        var killed = JsonNode.Parse((await CliRun.Async("imports", "--data", data, "--json")).Output)!["imports"]![0]!;
        var rest = await CliRun.Async(["import", second, "--snapshot", "2015-03-20", "--accept-change", "--json", .. to]);
        var done = JsonNode.Parse((await CliRun.Async("imports", "--data", data, "--json")).Output)!["imports"]![0]!;

        Assert.Equal("IMPORT_STATE_RUNNING", killed["state"]!.GetValue<string>());
        Assert.Equal((0, ""), (rest.ExitCode, rest.Error));
        var json = JsonNode.Parse(rest.Output)!;
        Assert.True(json["resumed"]!.GetValue<bool>());
        Assert.Equal(killed["importId"]!.GetValue<string>(), json["import_id"]!.GetValue<string>());
        Assert.Equal(Count, json["listed"]!.GetValue<int>());
        Assert.InRange(json["additions"]!.GetValue<int>() + json["removals"]!.GetValue<int>(), 1, Count - 1);
        Assert.Equal(("IMPORT_STATE_DONE", $"{Count / 2}"), (done["state"]!.GetValue<string>(), done["additions"]!.GetValue<string>()));
    }

    [Fact]
    public async Task Redis_FirstSnapshotIntoEmptyStore_IsAFirstLoad()
    {
        await using var server = await RedisServer.StartAsync();
        string[] store = ["--redis", $"127.0.0.1:{server.Port}", "--key-file", _folder.PathOf("number.key")];
        Assert.Equal(0, (await CliRun.Async(["init", .. store, "--new-key"])).ExitCode);
        var first = _folder.Write("first.txt", string.Concat(Enumerable.Range(0, 150_000).Select(i => $"+3161{2_000_000 + i}\n")));
        var second = _folder.Write("second.txt", string.Concat(Enumerable.Range(1_000, 150_000).Select(i => $"+3161{2_000_000 + i}\n")));

        var one = await CliRun.Async(["import", first, "--snapshot", "2015-03-01", "--accept-change", "--json", .. Bmnr, .. store]);
        var two = await CliRun.Async(["import", second, "--snapshot", "2015-03-20", "--json", .. Bmnr, .. store]);
        var imports = JsonNode.Parse((await CliRun.Async(["imports", "--json", .. store])).Output)!["imports"]!.AsArray();
        await using var admin = await server.AdminAsync();

        Assert.Equal((0, ""), (one.ExitCode, one.Error));
        Assert.Equal((0, ""), (two.ExitCode, two.Error));
        Assert.Equal((1_000, 1_000, 149_000), (JsonNode.Parse(two.Output)!["additions"]!.GetValue<int>(), JsonNode.Parse(two.Output)!["removals"]!.GetValue<int>(), JsonNode.Parse(two.Output)!["unchanged"]!.GetValue<int>()));
        Assert.Equal(2, imports.Count);
        Assert.All(imports, import => Assert.Equal("IMPORT_STATE_DONE", import!["state"]!.GetValue<string>()));
        Assert.Equal(2, (await admin.GetDatabase().HashLengthAsync("{lookup}:snapshots")));
    }

    [Theory]
    [InlineData("--snapshot requires --register NAME.", "--snapshot", "2015-03-01")]
    [InlineData("--register requires --snapshot DATE.", "--register", "nl-bmnr")]
    [InlineData("--register 'xx' is unknown; 'lookup register list' lists all.", "--register", "xx", "--snapshot", "2015-03-01T00:00:00Z")]
    [InlineData("--snapshot '2015-03-01' has no offset", "--register", "nl-bmnr", "--snapshot", "2015-03-01")]
    [InlineData("--max-change 101 is out of range", "--register", "nl-bmnr", "--snapshot", "2015-03-01T00:00:00Z", "--max-change", "101")]
    public async Task BadOptions_AreOneSentence(string sentence, params string[] options)
    {
        var run = await CliRun.Async(["import", _folder.Write("a.txt", "+31612300001\n"), .. options]);

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("lookup: " + sentence, run.Error, StringComparison.Ordinal);
    }

    private static long Size(DirectoryInfo folder) => folder.EnumerateFiles("*.log").Sum(file => file.Length);

    private static async Task<RunningService> ServiceAsync()
    {
        var service = new RunningService();
        await service.InitializeAsync();
        return service;
    }
}
