using System.Text.Json.Nodes;

namespace Lookup.EndToEndTests.Cli;

/// <summary>Commands that use a store without a service.</summary>
public sealed class StoreCommandTests : IDisposable
{
    private const int Count = 120_000;

    private static readonly string[] Objections = ["--set", "kind=objection", "--set", "organisation=acme", "--set", "effective=2024-01-01T00:00:00Z"];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Init_KeyFileThatDoesNotExist_NamesTheOptionThatCreatesIt()
    {
        var run = await CliRun.Async("init", "--redis", "127.0.0.1:1", "--key-file", _folder.PathOf("number.key"));

        Assert.Equal((1, $"lookup: The key file {_folder.PathOf("number.key")} does not exist; create it with --new-key."), (run.ExitCode, run.Error.TrimEnd()));
    }

    [Fact]
    public async Task Rekey_NewKeyOfAFolder_NamesTheNextCommandWithTheFolder()
    {
        var data = await _folder.StoreAsync();

        var run = await CliRun.Async("rekey", "--data", data, "--new-key");

        Assert.Contains($"Next: stop the service that has the folder open, and run: lookup rekey --data {data}\n", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redis_InitImportAgainAndDoctor_HoldEveryFactOnce()
    {
        await using var server = await RedisServer.StartAsync();
        string[] store = ["--redis", $"127.0.0.1:{server.Port}", "--key-file", _folder.PathOf("number.key")];
        var path = Write();

        var before = await CliRun.Async(["import", path, .. Objections, "--redis", $"127.0.0.1:{server.Port}", "--key-file", _folder.PathOf("number.key")]);
        var init = await CliRun.Async(["init", .. store, "--new-key"]);
        var again = await CliRun.Async(["init", .. store]);
        var first = await CliRun.Async(["import", path, .. Objections, .. store, "--json"]);
        var second = await CliRun.Async(["import", path, .. Objections, .. store, "--json"]);
        var doctor = await CliRun.Async(["doctor", .. store, "--json"]);
        var replicated = await CliRun.Async(["doctor", .. store, "--wait-replicas", "1"]);

        Assert.Equal((1, $"lookup: The key file {_folder.PathOf("number.key")} does not exist."), (before.ExitCode, before.Error.TrimEnd()));
        Assert.Equal((0, ""), (init.ExitCode, init.Error));
        Assert.Equal((1, "lookup: The server already has a store."), (again.ExitCode, again.Error.TrimEnd()));
        Assert.Equal((0, ""), (first.ExitCode, first.Error));
        Assert.Equal((Count, 0), Counts(first));
        Assert.Equal((0, Count), Counts(second));
        Assert.Equal(0, doctor.ExitCode);
        Assert.Contains($"{Count} timelines", doctor.Output.Replace(",", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal(1, replicated.ExitCode);
        Assert.Contains("0 connected, but writes wait for 1.", replicated.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redis_FirstLoadKilled_IsBegunAnewWhenAskedAndEndsWhole()
    {
        await using var server = await RedisServer.StartAsync();
        string[] store = ["--redis", $"127.0.0.1:{server.Port}", "--key-file", _folder.PathOf("number.key")];
        // Long enough that it is still under way when it is killed.
        const int count = 5 * Count;
        var path = Write(count);
        Assert.Equal(0, (await CliRun.Async(["init", .. store, "--new-key"])).ExitCode);
        await using var admin = await server.AdminAsync();
        using (var tool = ToolProcess.Start(["import", path, .. Objections, .. store]))
        {
            var database = admin.GetDatabase();
            await tool.UntilAsync(() => (long)database.Execute("DBSIZE") > 1000);
            await tool.KillAsync();
        }

        var refused = await CliRun.Async(["import", path, .. Objections, .. store]);
        var whole = await CliRun.Async(["import", path, .. Objections, .. store, "--restart", "--json"]);
        var again = await CliRun.Async(["import", path, .. Objections, .. store, "--json"]);

        Assert.Equal(1, refused.ExitCode);
        Assert.Equal("lookup: A first load into this store is running or was interrupted; if it was interrupted, start it over with --restart.", refused.Error.TrimEnd());
        Assert.Equal((count, 0), Counts(whole));
        Assert.Equal((0, count), Counts(again));
    }

    [Fact]
    public async Task Redis_AnotherKeyOrNoStore_IsRefusedWithWhatToDo()
    {
        await using var server = await RedisServer.StartAsync();
        var redis = $"127.0.0.1:{server.Port}";
        var path = Write();
        await CliRun.Async("init", "--data", _folder.PathOf("other"));
        var otherKey = _folder.PathOf("other/number.key");

        var none = await CliRun.Async(["import", path, .. Objections, "--redis", redis, "--key-file", otherKey]);
        await CliRun.Async("init", "--redis", redis, "--key-file", _folder.PathOf("number.key"), "--new-key");
        var wrong = await CliRun.Async(["import", path, .. Objections, "--redis", redis, "--key-file", otherKey]);
        var doctor = await CliRun.Async("doctor", "--redis", redis, "--key-file", otherKey);

        Assert.Equal((1, 1, 1), (none.ExitCode, wrong.ExitCode, doctor.ExitCode));
        Assert.Contains("If it should be a new store, create it with 'lookup init'.", none.Error, StringComparison.Ordinal);
        Assert.Contains("Name the key it was created with, using --key-file; ", wrong.Error, StringComparison.Ordinal);
        Assert.Contains("fail  key: ", doctor.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redis_NotThere_IsOneSentence()
    {
        await CliRun.Async("init", "--data", _folder.PathOf("other"));

        var run = await CliRun.Async(["import", Write(), .. Objections, "--redis", "127.0.0.1:1", "--key-file", _folder.PathOf("other/number.key")]);

        Assert.Equal(1, run.ExitCode);
        Assert.EndsWith("Check its address (127.0.0.1:1), its credentials and its log.", run.Error.TrimEnd(), StringComparison.Ordinal);
        Assert.Single(run.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Folder_ImportKilled_GoesOnToTheSameEndState()
    {
        var path = Write();
        var data = await _folder.StoreAsync();
        using (var tool = ToolProcess.Start(["import", path, .. Objections, "--data", data]))
        {
            await tool.UntilAsync(() => File.Exists(path + ".checkpoint"));
            await tool.KillAsync();
        }

        var second = await ToolProcess.Start(["import", path, .. Objections, "--data", data, "--json"]).EndAsync();
        var third = await CliRun.Async(["import", path, .. Objections, "--data", data, "--json"]);
        var doctor = await CliRun.Async("doctor", "--data", data);

        Assert.Equal((0, ""), (second.ExitCode, second.Error));
        Assert.True(JsonNode.Parse(second.Output)!["resumed_after_line"]!.GetValue<long>() > 0);
        Assert.Equal(Count, JsonNode.Parse(second.Output)!["lines"]!.GetValue<long>());
        // Nothing is missing: a whole import finds every fact.
        Assert.Equal((0, Count), Counts(third));
        Assert.Contains($"{Count} timelines", doctor.Output.Replace(",", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Folder_InitTwiceOrInUse_IsRefused()
    {
        var data = _folder.PathOf("data");
        var init = await CliRun.Async("init", "--data", data, "--expected-facts", "5000000", "--json");
        var again = await CliRun.Async("init", "--data", data);
        using var serve = ToolProcess.Start("serve", "--data", data, "--listen", "127.0.0.1:0");
        await serve.UntilAsync(() => serve.Output.Contains("Ready", StringComparison.Ordinal));
        var inUse = await CliRun.Async("doctor", "--data", data);

        Assert.Equal(0, init.ExitCode);
        Assert.Equal(4, JsonNode.Parse(init.Output)!["partitions"]!.GetValue<int>());
        Assert.Contains("is not empty", again.Error, StringComparison.Ordinal);
        Assert.Equal(1, inUse.ExitCode);
        Assert.Contains("is in use by another process: stop the service that has it open, or ask that service without --data.", inUse.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("serve --listen 127.0.0.1:0 --data")]
    [InlineData("doctor --data")]
    [InlineData("imports --data")]
    [InlineData("rebuild --data")]
    [InlineData("rekey --data")]
    [InlineData("revert 20261124-141502-7f3a --yes --data")]
    [InlineData("key create admin --role admin --data")]
    [InlineData("import LIST --set kind=objection --set organisation=acme --data")]
    [InlineData("import LIST --register nl-bmnr --snapshot 2015-03-01 --timezone Europe/Amsterdam --data")]
    public async Task Command_OnAFolderWithoutAStore_IsRefusedAndMakesNone(string line)
    {
        var list = _folder.Write("list.csv", "number\n+31612345678\n");
        foreach (var data in new[] { _folder.PathOf("typo"), Directory.CreateDirectory(_folder.PathOf("empty")).FullName })
        {
            var before = Directory.Exists(data);
            var run = await CliRun.Async([.. line.Split(' ').Select(word => word == "LIST" ? list : word), data]);

            Assert.Equal(1, run.ExitCode);
            Assert.Contains($"There is no store in {data}: correct the path, or set up a new, empty store with 'lookup init --data {data}'", run.Error, StringComparison.Ordinal);
            Assert.Equal(before, Directory.Exists(data));
            Assert.True(!before || !Directory.EnumerateFileSystemEntries(data).Any());
        }
    }

    [Fact]
    public async Task Serve_StoreThatVanished_IsRefused()
    {
        var data = await _folder.StoreAsync();
        Directory.Delete(Path.Combine(data, "db"), recursive: true);
        // What is marked as a store must not begin as an empty one, even where one may be made.
        var marked = await CliRun.Async("serve", "--data", data, "--create", "--listen", "127.0.0.1:0");
        File.Delete(Path.Combine(data, "initialised"));
        var unmarked = await CliRun.Async("serve", "--data", data, "--listen", "127.0.0.1:0");

        Assert.Equal((1, 1), (marked.ExitCode, unmarked.ExitCode));
        Assert.Contains("There is no store in", unmarked.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(data, "db")));
    }

    [Fact]
    public async Task Serve_NewStoreInAFolderWithOtherThings_IsRefused()
    {
        _folder.Write("letters.txt", "x");
        var run = await CliRun.Async("serve", "--data", _folder.Path, "--create", "--listen", "127.0.0.1:0");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("has no store, but other files ('letters.txt')", run.Error, StringComparison.Ordinal);
        Assert.Equal(["letters.txt"], new DirectoryInfo(_folder.Path).EnumerateFiles("l*.txt").Select(f => f.Name));
        Assert.False(File.Exists(_folder.PathOf("number.key")));
    }

    [Fact]
    public async Task Serve_FilesOfTlsThatCannotBeUsed_LeavesNothingBehind()
    {
        var data = _folder.PathOf("data");
        var run = await CliRun.Async(
            "serve", "--data", data, "--create", "--listen", "127.0.0.1:0", "--tls-cert", _folder.PathOf("none.pem"), "--tls-key", _folder.PathOf("none.key"));

        Assert.NotEqual(0, run.ExitCode);
        Assert.False(Directory.Exists(data));
    }

    [Fact]
    public async Task Serve_Started_SaysWhichStoreSinceWhenAndHowManyFacts()
    {
        var data = _folder.PathOf("data");
        using (var first = ToolProcess.Start("serve", "--data", data, "--listen", "127.0.0.1:0"))
        {
            await first.UntilAsync(() => first.Output.Contains("Ready", StringComparison.Ordinal));
            Assert.Contains("A NEW, EMPTY store was created in", first.Output, StringComparison.Ordinal);
            first.Interrupt();
            await first.EndAsync();
        }

        var import = await CliRun.Async(["import", _folder.Write("three.csv", "number\n+31612345671\n+31612345672\n+31612345673\n"), .. Objections, "--data", data]);
        Assert.True(import.ExitCode == 0, import.Error);
        using var second = ToolProcess.Start("serve", "--data", data, "--listen", "127.0.0.1:0", "--json");
        await second.UntilAsync(() => second.Output.Contains('\n', StringComparison.Ordinal));
        var store = JsonNode.Parse(second.Output)!["store"]!;
        Assert.Equal((data, 3, false), ((string)store["name"]!, (int)store["facts"]!, (bool)store["new"]!));
        Assert.NotEmpty((string)store["created"]!);
        second.Interrupt();
        await second.EndAsync();
    }

    [Fact]
    public async Task Serve_UntilInterrupted_AnswersAndEndsCleanly()
    {
        using var serve = ToolProcess.Start("serve", "--data", _folder.PathOf("data"), "--listen", "127.0.0.1:0", "--json");
        await serve.UntilAsync(() => serve.Output.Contains('\n', StringComparison.Ordinal));
        var address = JsonNode.Parse(serve.Output)!["grpc"]!.GetValue<string>();

        var check = await CliRun.Async("check", "+31612345678", "--org", "acme", "--purpose", "commercial", "--at", "2024-03-12T14:00:00+01:00", "--address", address);
        var taken = await CliRun.Async("serve", "--data", _folder.PathOf("other"), "--create", "--listen", new Uri(address).Authority, "--json-port", "0");
        serve.Interrupt();
        var ended = await serve.EndAsync();

        Assert.Equal(10, check.ExitCode);
        Assert.Equal(1, taken.ExitCode);
        Assert.False(Directory.Exists(_folder.PathOf("other")));
        Assert.Equal($"lookup: Port {new Uri(address).Port} of 127.0.0.1 is in use: stop the program that listens there, or choose another port with --listen.\n", taken.Error);
        Assert.Equal(0, ended.ExitCode);
        Assert.DoesNotContain("Exception", ended.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Serve_LogJson_WritesAnObjectALine()
    {
        using var serve = ToolProcess.Start("serve", "--data", _folder.PathOf("data"), "--listen", "127.0.0.1:0", "--log", "json", "--json");
        await serve.UntilAsync(() => serve.Output.Contains('\n', StringComparison.Ordinal) && serve.Error.Contains('\n', StringComparison.Ordinal));
        serve.Interrupt();
        var ended = await serve.EndAsync();

        var lines = ended.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!.AsObject()).ToList();
        Assert.Contains(lines, line => line["Message"]!.GetValue<string>() == "SERVING" && line["LogLevel"]!.GetValue<string>() == "Information");
        Assert.All(lines, line => Assert.EndsWith("Z", line["Timestamp"]!.GetValue<string>(), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("serve --listen 127.0.0.1", "--listen '127.0.0.1' is not an IP address with a port from 0 to 65535; write it like 127.0.0.1:7500.")]
    [InlineData("serve --listen 127.0.0.1:99999", "--listen '127.0.0.1:99999' is not an IP address with a port from 0 to 65535; write it like 127.0.0.1:7500.")]
    [InlineData("serve --listen 0.0.0.0:7500", "--listen: 0.0.0.0 can be reached from other machines, so TLS is required.")]
    [InlineData("serve --json-port 7500", "--json-port: 7500 is also the port of --listen; each protocol needs its own port.")]
    [InlineData("serve --data a --redis b", "--data and --redis exclude each other: drop one.")]
    [InlineData("serve --data a --key-file k", "--key-file requires --redis: an embedded store has its key in its folder.")]
    [InlineData("serve --data a --wait-replicas 1", "--wait-replicas requires --redis: an embedded store has no replicas.")]
    [InlineData("init --redis b --key-file k --new-key --wait-replicas 17", "--wait-replicas is 17; it must be 0 to 16.")]
    [InlineData("init", "Name a store: --data FOLDER or --redis CONNECTION.")]
    [InlineData("init --redis 127.0.0.1:1 --new-key", "--new-key requires --key-file PATH.")]
    [InlineData("init --data x --new-key", "--new-key requires --redis: an embedded store creates its own key.")]
    [InlineData("init --data x --partitions 3", "Partitions is 3; it must be a power of two, 1 to 256.")]
    [InlineData("init --data x --expected-facts 0", "ExpectedFacts is 0; it must be 1 to 1,000,000,000.")]
    [InlineData("init --redis , --key-file k --new-key", "--redis names no server.")]
    public async Task Settings_Wrong_AreOneSentenceAndExitCode2(string line, string expected)
    {
        var run = await CliRun.Async(line.Split(' '));

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("lookup: " + expected, run.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists("x") || File.Exists("k"));
    }

    private static (int Recorded, int Unchanged) Counts(CliRun run)
    {
        var summary = JsonNode.Parse(run.Output)!;
        return (summary["recorded"]!.GetValue<int>(), summary["unchanged"]!.GetValue<int>());
    }

    private string Write(int count = Count) =>
        _folder.Write("a.csv", "number\n" + string.Concat(Enumerable.Range(0, count).Select(i => $"+3165{i:D7}\n")));
}
