using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Server;

namespace Lookup.EndToEndTests.Cli;

/// <summary>A backup of a store is restored with its key, with another one, and with none.</summary>
public sealed class RestoreTests : IDisposable
{
    private const string Objected = "+31612345601";
    private const string Permitted = "+31612345602";

    // Both have a consent, and one objected later.
    private const string Facts = $"""
        number,kind,organisation,effective,captured,purposes,evidence
        {Objected},consent,acme,2024-01-01T00:00:00Z,2024-01-01T00:00:00Z,commercial,rec-1
        {Permitted},consent,acme,2024-01-01T00:00:00Z,2024-01-01T00:00:00Z,commercial,rec-2
        {Objected},objection,acme,2024-02-01T00:00:00Z,,,

        """;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("append-only file")]
    [InlineData("snapshot")]
    public async Task Redis_Restored_AnswersAsBeforeWithItsKeyAndNothingWithAnother(string backup)
    {
        string[] settings = backup == "snapshot" ? ["--appendonly", "no"] : ["--appendonly", "yes"];
        var key = _folder.PathOf("number.key");
        var list = _folder.Write("facts.csv", Facts);
        await using var original = await RedisServer.StartAsync(settings);
        string[] store = ["--redis", $"127.0.0.1:{original.Port}", "--key-file", key];
        Assert.Equal(0, (await CliRun.Async(["init", .. store, "--new-key"])).ExitCode);
        Assert.Equal(0, (await CliRun.Async(["import", list, .. store])).ExitCode);
        var before = await AnswersAsync(new StoreSettings(null, $"127.0.0.1:{original.Port}", key));
        await using (var admin = await original.AdminAsync())
        {
            await admin.GetDatabase().ExecuteAsync("SAVE");
        }

        await original.KillAsync();
        await using var restored = await RedisServer.StartAsync(settings);
        await restored.KillAsync();
        Copy(original.Folder, restored.Folder);
        await restored.RestartAsync();

        Assert.Equal(before, await AnswersAsync(new StoreSettings(null, $"127.0.0.1:{restored.Port}", key)));
        Assert.Equal(("VERDICT_DENY", "VERDICT_ALLOW"), before);
        await CliRun.Async("init", "--data", _folder.PathOf("other"));
        foreach (var command in Commands(list))
        {
            string[] redis = [.. command, "--redis", $"127.0.0.1:{restored.Port}"];
            var wrong = await CliRun.Async([.. redis, "--key-file", _folder.PathOf("other/number.key")]);
            var absent = await CliRun.Async([.. redis, "--key-file", _folder.PathOf("lost.key")]);
            var none = await CliRun.Async(redis);

            IsRefused(command, wrong, "The store was set up with another encryption key", "--key-file");
            IsRefused(command, absent, "lost.key does not exist", "The key file");
            IsRefused(command, none, "No encryption key", "LOOKUP_NUMBER_KEY");
        }

        // Nothing of that changed it.
        Assert.Equal(before, await AnswersAsync(new StoreSettings(null, $"127.0.0.1:{restored.Port}", key)));
    }

    [Fact]
    public async Task Folder_Restored_AnswersAsBeforeWithItsKeyAndNothingWithAnother()
    {
        var data = _folder.PathOf("data");
        var copy = _folder.PathOf("copy");
        var list = _folder.Write("facts.csv", Facts);
        Assert.Equal(0, (await CliRun.Async("init", "--data", data)).ExitCode);
        Assert.Equal(0, (await CliRun.Async(["import", list, "--data", data])).ExitCode);
        var before = await AnswersAsync(new StoreSettings(data, null, null));

        Copy(data, copy);
        Directory.Delete(data, recursive: true);
        Assert.Equal(before, await AnswersAsync(new StoreSettings(copy, null, null)));
        Assert.Equal(("VERDICT_DENY", "VERDICT_ALLOW"), before);

        await CliRun.Async("init", "--data", _folder.PathOf("other"));
        var keyFile = Path.Combine(copy, "number.key");
        File.Move(keyFile, _folder.PathOf("kept.key"));
        foreach (var command in Commands(list))
        {
            var none = await CliRun.Async([.. command, "--data", copy]);
            File.Copy(_folder.PathOf("other/number.key"), keyFile);
            var wrong = await CliRun.Async([.. command, "--data", copy]);
            File.Delete(keyFile);

            IsRefused(command, none, "number.key does not exist", "The key file");
            IsRefused(command, wrong, "The store was set up with another encryption key", "number.key");
        }

        File.Move(_folder.PathOf("kept.key"), keyFile);
        Assert.Equal(before, await AnswersAsync(new StoreSettings(copy, null, null)));
    }

    [Fact]
    public async Task Folder_Rekeyed_AnswersAsBeforeByTheNewKeyAlone()
    {
        var data = _folder.PathOf("data");
        var list = _folder.Write("facts.csv", Facts);
        Assert.Equal(0, (await CliRun.Async("init", "--data", data)).ExitCode);
        Assert.Equal(0, (await CliRun.Async(["import", list, "--data", data])).ExitCode);
        var before = await AnswersAsync(new StoreSettings(data, null, null));
        var keyFile = Path.Combine(data, "number.key");

        Assert.Equal(0, (await CliRun.Async("rekey", "--data", data, "--new-key")).ExitCode);
        // Not yet: the store is as it was, with two keys at hand.
        Assert.Equal(before, await AnswersAsync(new StoreSettings(data, null, null)));
        var rekeyed = await CliRun.Async("rekey", "--data", data);
        var again = await CliRun.Async("rekey", "--data", data, "--json");
        Assert.Equal(before, await AnswersAsync(new StoreSettings(data, null, null)));
        var keys = await File.ReadAllLinesAsync(keyFile, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(keyFile, keys[1], TestContext.Current.CancellationToken);
        Assert.Equal(before, await AnswersAsync(new StoreSettings(data, null, null)));
        await File.WriteAllTextAsync(keyFile, keys[0], TestContext.Current.CancellationToken);
        var old = await CliRun.Async("doctor", "--data", data);

        Assert.Equal((0, ""), (rekeyed.ExitCode, rekeyed.Error));
        Assert.Contains("3 timelines copied, 3 removed", rekeyed.Output, StringComparison.Ordinal);
        Assert.Equal(0, System.Text.Json.Nodes.JsonNode.Parse(again.Output)!["copied"]!.GetValue<long>());
        Assert.Equal(1, old.ExitCode);
        Assert.Contains("The store's encryption key was rotated, and this process does not have the new key", old.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redis_BackupFromTheMidstOfARekey_NeedsBothKeysAndGoesOn()
    {
        var key = _folder.PathOf("number.key");
        var list = _folder.Write("facts.csv", Facts);
        await using var server = await RedisServer.StartAsync("--appendonly", "yes");
        var redis = $"127.0.0.1:{server.Port}";
        string[] store = ["--redis", redis, "--key-file", key];
        Assert.Equal(0, (await CliRun.Async(["init", .. store, "--new-key", "--partitions", "2"])).ExitCode);
        File.Copy(key, _folder.PathOf("old.key"));
        Assert.Equal(0, (await CliRun.Async(["import", list, .. store])).ExitCode);
        Assert.Equal(0, (await CliRun.Async(["rekey", .. store, "--new-key"])).ExitCode);
        using (var tool = ToolProcess.Start(["rekey", .. store]))
        {
            await using var admin = await server.AdminAsync();
            await tool.UntilAsync(() => ((string?)admin.GetDatabase().HashGet("{01}m", "e"))!.EndsWith("/1", StringComparison.Ordinal));
            await tool.KillAsync();
        }

        await server.KillAsync();
        await using var restored = await RedisServer.StartAsync("--appendonly", "yes");
        await restored.KillAsync();
        Copy(server.Folder, restored.Folder);
        await restored.RestartAsync();

        string[] there = ["--redis", $"127.0.0.1:{restored.Port}"];
        foreach (var command in Commands(list))
        {
            var old = await CliRun.Async([.. command, .. there, "--key-file", _folder.PathOf("old.key")]);
            IsRefused(command, old, "The store's encryption key is being rotated, and this process does not have both keys", "--key-file");
        }

        var doctor = await CliRun.Async(["doctor", .. there, "--key-file", key]);
        var rekeyed = await CliRun.Async(["rekey", .. there, "--key-file", key, "--bound", "50"]);
        var after = await CliRun.Async(["doctor", .. there, "--key-file", key]);

        Assert.Contains("warn  rekey: The encryption key is being rotated", doctor.Output, StringComparison.Ordinal);
        Assert.Equal((0, ""), (rekeyed.ExitCode, rekeyed.Error));
        Assert.DoesNotContain("rekey: ", after.Output, StringComparison.Ordinal);
        Assert.Equal(("VERDICT_DENY", "VERDICT_ALLOW"), await AnswersAsync(new StoreSettings(null, $"127.0.0.1:{restored.Port}", key)));
    }

    // Every command that opens a store.
    private string[][] Commands(string list) =>
    [
        ["serve", "--listen", "127.0.0.1:0", "--json-port", "0"],
        ["import", list],
        ["import", _folder.Write("register.csv", "+12125550123\n"), "--register", "us-dnc", "--snapshot", "2026-11-20", "--expect", "1", "--timezone", "America/New_York"],
        ["imports"],
        ["revert", "20261124-141502-7f3a", "--dry-run"],
        ["rebuild"],
        ["doctor"],
        ["key", "list"],
        ["grant", "list"],
    ];

    private static void IsRefused(string[] command, CliRun run, string why, string what)
    {
        var told = run.Error + run.Output;
        var name = string.Join(' ', command);
        // A doctor says so in words of its own; without a key it examines the rest.
        var isDoctor = command[0] == "doctor";
        Assert.True(run.ExitCode == 1 || isDoctor, $"{name}: {run.ExitCode}: {told}");
        Assert.True(told.Contains(why, StringComparison.Ordinal) && (isDoctor || told.Contains(what, StringComparison.Ordinal)), $"{name}: {told}");
    }

    private static async Task<(string Objected, string Permitted)> AnswersAsync(StoreSettings store)
    {
        var shell = new Shell(TextWriter.Null, TextWriter.Null, Stream.Null, TimeProvider.System);
        await using var service = await LocalService.StartAsync(
            new LookupServerOptions { GrpcPort = 0, JsonPort = 0, StoreReadLimitMs = 10_000 },
            store,
            shell,
            LogFormat.None,
            TestContext.Current.CancellationToken);
        return (await VerdictAsync(Objected), await VerdictAsync(Permitted));

        async Task<string> VerdictAsync(string number)
        {
            var run = await CliRun.Async(
                "check", number, "--org", "acme", "--purpose", "commercial", "--at", "2024-03-12T13:00:00Z", "--json", "--address", service.GrpcAddress.ToString());
            return System.Text.Json.Nodes.JsonNode.Parse(run.Output)!["decision"]!["verdict"]!.GetValue<string>();
        }
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target, overwrite: true);
        }
    }
}
