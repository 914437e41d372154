using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Lookup.EndToEndTests.Operations;

/// <summary>
/// What earlier versions wrote is still read, with the answers that they gave: tests/stores has a folder for each, made by
/// tests/stores/write.py with that version's own tool.
/// </summary>
public sealed class UpgradeTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public static TheoryData<string> Versions => [.. Directory.GetDirectories(Stores).Select(Path.GetFileName).OfType<string>()];

    private static string Stores => Path.Combine(Programs.Root(), "tests/stores");

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task Redis_OfAnEarlierVersion_IsAnsweredAsItDid(string version)
    {
        await using var redis = await RedisServer.StartAsync("--hash-max-listpack-entries", "128", "--hash-max-listpack-value", "512", "--appendonly", "yes");
        await LoadAsync(redis, version);
        var (key, receiptKey) = (Secret(version, "number.key"), Secret(version, "receipt.key"));
        string[] store = ["--redis", $"127.0.0.1:{redis.Port}", "--key-file", key];
        var (known, answers) = Written(version, "redis");
        var doctor = JsonNode.Parse((await CliRun.Async(["doctor", "--json", .. store])).Output)!;
        Assert.DoesNotContain(doctor["findings"]!.AsArray(), finding => finding!["level"]!.GetValue<string>() == "fail");

        var receipts = Extract(version, "receipts.tar.gz");
        string[] kept = ["--receipts", receipts, "--receipt-key", receiptKey];
        await ServeAsync([.. store, .. kept], async address =>
        {
            await CompareAsync(answers, address);
            await CompareKnownAsync(known, address);
            // A proof of then is given anew, and the log goes on.
            var proof = _folder.PathOf("again.proof");
            Assert.Equal(0, (await CliRun.Async("receipt", "get", known["receipt_id"]!.GetValue<string>(), "--out", proof, "--address", address)).ExitCode);
            await VerifyAsync(proof);
            await VerifyAsync(Path.Combine(Stores, version, "call.proof"));
        });
        var audit = await CliRun.Async("receipt", "audit", receipts, "--public-key", PublicKey());
        Assert.True(audit.ExitCode == 0, audit.Error + audit.Output);

        // Who may ask is kept, too.
        await ServeAsync([.. store, "--credentials", "required"], async address =>
        {
            var apiKey = known["api_key"]!.GetValue<string>();
            string[] check = ["check", "+31612345601", "--org", "acme", "--purpose", "commercial", "--address", address];
            Assert.Equal(10, (await CliRun.Async([.. check, "--api-key", apiKey])).ExitCode);
            Assert.Equal(1, (await CliRun.Async([.. check, "--api-key", apiKey[..^2] + "xx"])).ExitCode);
            var foreign = await CliRun.Async("check", "+31612345601", "--org", "red-cross", "--purpose", "charity", "--address", address, "--api-key", apiKey);
            Assert.Contains("has no grant for the organisation", foreign.Error, StringComparison.Ordinal);
        });

        string PublicKey() => Path.Combine(Stores, version, "receipt.key.pub");

        async Task VerifyAsync(string proof)
        {
            var run = await CliRun.Async("receipt", "verify", proof, "--public-key", PublicKey(), "--number", "+31612345601", "--key-file", key);
            Assert.True(run.ExitCode == 0, run.Error + run.Output);
        }
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task Folder_OfAnEarlierVersion_IsAnsweredAsItDid(string version)
    {
        var data = Extract(version, "embedded.tar.gz");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(Path.Combine(data, "number.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        var (known, answers) = Written(version, "embedded");

        await ServeAsync(["--data", data], async address =>
        {
            await CompareAsync(answers, address);
            await CompareKnownAsync(known, address);
        });
    }

    [Fact]
    public async Task Redis_OfANewerFormat_IsRefusedAndToldSo()
    {
        await using var redis = await RedisServer.StartAsync();
        var version = Versions.First().Data;
        await LoadAsync(redis, version);
        await using var admin = await redis.AdminAsync();
        await admin.GetDatabase().HashSetAsync("{lookup}:manifest", "format", "2");
        string[] store = ["--redis", $"127.0.0.1:{redis.Port}", "--key-file", Secret(version, "number.key")];

        foreach (var command in (string[][])[["serve", "--listen", "127.0.0.1:0"], ["imports"], ["init"]])
        {
            var run = await CliRun.Async([.. command, .. store]);
            Assert.Equal(1, run.ExitCode);
            if (command[0] != "init")
            {
                Assert.Contains("The store has format 2, and this version reads format 1", run.Error, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Redis_TimelinesOfANewerFormat_AreUnknownAndPermitNothing()
    {
        await using var redis = await RedisServer.StartAsync();
        var version = Versions.First().Data;
        await LoadAsync(redis, version);
        await using var admin = await redis.AdminAsync();
        var database = admin.GetDatabase();
        foreach (var bucket in admin.GetServers()[0].Keys(pattern: "{*}b:*").ToList())
        {
            foreach (var entry in await database.HashGetAllAsync(bucket))
            {
                // The version is in the upper half of the first byte, see Timeline.cs.
                var value = (byte[])entry.Value!;
                Assert.Equal(0x10, value[0] & 0x70);
                value[0] = (byte)((value[0] & 0x8F) | 0x20);
                await database.HashSetAsync(bucket, entry.Name, value);
            }
        }

        await ServeAsync(["--redis", $"127.0.0.1:{redis.Port}", "--key-file", Secret(version, "number.key")], async address =>
        {
            // It was ALLOW by a consent.
            var run = await AskAsync("+31612345602");
            Assert.Equal(11, run.ExitCode);
            Assert.Contains("REASON_CODE_RECORD_UNREADABLE", run.Output, StringComparison.Ordinal);
            // And this as a legal person, which nobody is taken for without a record.
            Assert.Contains((await AskAsync("+31612345607")).ExitCode, (int[])[10, 11]);
            // A number without facts is answered as before.
            Assert.Equal(10, (await AskAsync("+31612345616")).ExitCode);

            // At the time that the stored answers are for.
            Task<CliRun> AskAsync(string number) => CliRun.Async(
                "explain", number, "--org", "acme", "--purpose", "commercial", "--at", "2026-12-08T14:00:00+01:00", "--json", "--address", address);
        });
    }

    [Fact]
    public async Task Receipts_OfANewerFormat_AreRefusedAndToldSo()
    {
        var version = Versions.First().Data;
        var receipts = Extract(version, "receipts.tar.gz");
        var segment = Directory.GetFiles(receipts, "*.receipts").Single();
        var bytes = await File.ReadAllBytesAsync(segment, Ct);
        bytes[3]++;
        await File.WriteAllBytesAsync(segment, bytes, Ct);

        var run = await CliRun.Async("serve", "--data", _folder.PathOf("new"), "--create", "--listen", "127.0.0.1:0", "--receipts", receipts, "--receipt-key", Secret(version, "receipt.key"));

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("not a receipt file that this version can read", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"a": [1, {"b": "x"}]}""", """{"a": [1, {"b": "x", "new": true}], "c": 1}""", null)]
    [InlineData("""{"a": [1, {"b": "x"}]}""", """{"a": [1, {"b": "y"}]}""", "/a/1/b: x was told, now y")]
    [InlineData("""{"a": [1]}""", """{"a": []}""", "/a: 1 were told, now 0")]
    [InlineData("""{"a": 1}""", """{}""", "/a: 1 was told, now nothing")]
    public void Comparison_OfAnswers_FindsWhatDiffers(string then, string now, string? fault) =>
        Assert.Equal(fault, Difference(JsonNode.Parse(then), JsonNode.Parse(now), ""));

    /// <summary>Every number's answer and facts, and the lists, are what they were. What is new may be added.</summary>
    private static async Task CompareAsync(JsonArray answers, string address)
    {
        var faults = new List<string>();
        foreach (var one in answers)
        {
            var arguments = one!["arguments"]!.AsArray().Select(argument => argument!.GetValue<string>()).ToArray();
            var run = await CliRun.Async([.. arguments, "--json", "--address", address]);
            var (then, now) = (one["answer"]!, JsonNode.Parse(run.Output)!);
            if (arguments[0] == "explain")
            {
                (then, now) = (Decision(then), Decision(now));
            }
            else if (arguments[0] == "register")
            {
                (then, now) = (Loaded(then), Loaded(now));
            }

            if (Difference(then, now, "") is { } fault)
            {
                faults.Add($"{string.Join(' ', arguments)}: {fault}");
            }
        }

        Assert.Empty(faults);
        Assert.Contains(answers, one => one!["answer"]!.ToJsonString().Contains("VERDICT_ALLOW", StringComparison.Ordinal));
        Assert.Contains(answers, one => one!["answer"]!.ToJsonString().Contains("VERDICT_DENY", StringComparison.Ordinal));
    }

    private static async Task CompareKnownAsync(JsonNode known, string address)
    {
        if (known["consistency_token"] is { } token)
        {
            Assert.Equal(10, (await CliRun.Async("check", "+31612345601", "--org", "acme", "--purpose", "commercial", "--token", token.GetValue<string>(), "--address", address)).ExitCode);
        }

        var revert = await CliRun.Async("revert", known["import_id"]!.GetValue<string>(), "--dry-run", "--json", "--address", address);
        Assert.True(revert.ExitCode == 0, revert.Error + revert.Output);
        // And it takes what is recorded now.
        Assert.Equal(0, (await CliRun.Async("record", "objection", "+31612345604", "--org", "acme", "--address", address)).ExitCode);
        Assert.Equal(10, (await CliRun.Async("check", "+31612345604", "--org", "acme", "--purpose", "commercial", "--address", address)).ExitCode);
    }

    // Wording, articles and the version of a regime change with its file; what was decided and why does not.
    private static JsonObject Decision(JsonNode answer) => new()
    {
        ["verdict"] = answer["decision"]!["verdict"]!.DeepClone(),
        ["reasons"] = new JsonArray([.. answer["decision"]!["reasons"]!.AsArray().Select(reason => reason!["code"]!.DeepClone())]),
    };

    private static JsonObject Loaded(JsonNode list) => new(list["registers"]!.AsArray().Where(one => one!["snapshotDates"]!.AsArray().Count > 0)
        .Select(one => KeyValuePair.Create(one!["name"]!.GetValue<string>(), (JsonNode?)one.DeepClone())));

    private static string? Difference(JsonNode? then, JsonNode? now, string path)
    {
        switch (then, now)
        {
            case (JsonObject before, JsonObject after):
                return before.Select(pair => Difference(pair.Value, after[pair.Key], $"{path}/{pair.Key}")).FirstOrDefault(fault => fault is not null);
            case (JsonArray before, JsonArray after) when before.Count == after.Count:
                return before.Select((one, i) => Difference(one, after[i], $"{path}/{i}")).FirstOrDefault(fault => fault is not null);
            case (JsonArray before, JsonArray after):
                return $"{path}: {before.Count} were told, now {after.Count}";
            // Behind its dots a token may say more than it did.
            default:
                return JsonNode.DeepEquals(then, now) || (path.EndsWith("/consistencyToken", StringComparison.Ordinal) && $"{now}".Split("..")[0] == $"{then}") ? null : $"{path}: {then} was told, now {now?.ToString() ?? "nothing"}";
        }
    }

    private static (JsonNode Known, JsonArray Answers) Written(string version, string store)
    {
        var written = JsonNode.Parse(File.ReadAllText(Path.Combine(Stores, version, "answers.json")))![store]!;
        return (written["known"]!, written["answers"]!.AsArray());
    }

    private static async Task ServeAsync(string[] arguments, Func<string, Task> ask)
    {
        using var service = ToolProcess.Start(["serve", "--listen", "127.0.0.1:0", "--log", "none", "--json", .. arguments]);
        await service.UntilAsync(() => service.Output.Contains('\n', StringComparison.Ordinal));
        await ask(JsonNode.Parse(service.Output)!["grpc"]!.GetValue<string>());
        service.Interrupt();
        Assert.Equal(0, (await service.EndAsync()).ExitCode);
    }

    private static async Task LoadAsync(RedisServer redis, string version)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, redis.Port, Ct);
        await using var stream = client.GetStream();
        await using var commands = new GZipStream(File.OpenRead(Path.Combine(Stores, version, "redis.resp.gz")), CompressionMode.Decompress);
        await commands.CopyToAsync(stream, Ct);
        await stream.WriteAsync("*2\r\n$4\r\nECHO\r\n$4\r\ndone\r\n"u8.ToArray(), Ct);
        using var replies = new StreamReader(stream, Encoding.Latin1);
        var until = Stopwatch.StartNew();
        while (await replies.ReadLineAsync(Ct) is { } line && line != "done")
        {
            Assert.False(line.StartsWith('-'), line);
        }

        Assert.True(until.Elapsed < TimeSpan.FromMinutes(3));
    }

    private string Extract(string version, string archive)
    {
        var folder = Directory.CreateDirectory(_folder.PathOf(Path.GetFileNameWithoutExtension(archive))).FullName;
        using var content = new GZipStream(File.OpenRead(Path.Combine(Stores, version, archive)), CompressionMode.Decompress);
        TarFile.ExtractToDirectory(content, folder, overwriteFiles: false);
        return folder;
    }

    /// <summary>A key, with the permissions that git does not keep.</summary>
    private string Secret(string version, string name)
    {
        var path = _folder.PathOf(name);
        if (!File.Exists(path))
        {
            File.Copy(Path.Combine(Stores, version, name), path);
        }

        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return path;
    }
}
