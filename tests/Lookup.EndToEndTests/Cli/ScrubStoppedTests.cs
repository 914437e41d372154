using System.Text;
using System.Text.Json.Nodes;

namespace Lookup.EndToEndTests.Cli;

/// <summary>A scrub as a process that is stopped in the middle, and the same command again.</summary>
public sealed class ScrubStoppedTests : IDisposable
{
    private const int Count = 600_000;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("false")]
    [InlineData("true")]
    public async Task Scrub_KilledTwice_LeavesTheSameBytes(string gzip)
    {
        var seed = Environment.TickCount;
        TestContext.Current.SendDiagnosticMessage($"seed {seed}");
        var random = new Random(seed);
        var path = Write();
        await using var quick = await ScriptedService.StartAsync(new ListScript().Script);
        var whole = await Start(path, "whole", quick.Address, "--gzip", gzip).EndAsync();
        Assert.Equal((3, ""), (whole.ExitCode, whole.Error));
        var script = new ListScript { Before = static _ => Task.Delay(30) };
        await using var slow = await ScriptedService.StartAsync(script.Script);
        for (var kill = 0; kill < 2; kill++)
        {
            // Beyond the first checkpoint, at some place between two.
            var at = script.Chunks + random.Next(5, 25);
            using var process = Start(path, "parts", slow.Address, "--gzip", gzip);
            await process.UntilAsync(() => script.Chunks > at && File.Exists(_folder.PathOf("parts/checkpoint.json")));
            await process.KillAsync();
        }

        var last = await Start(path, "parts", slow.Address, "--gzip", gzip, "--json").EndAsync();

        Assert.Equal((3, ""), (last.ExitCode, last.Error));
        AssertSame(seed);
        var manifest = JsonNode.Parse(last.Output)!;
        Assert.Equal(3, manifest["runs"]!.AsArray().Count);
        Assert.Equal(Manifest("whole")["counts"]!.ToJsonString(), manifest["counts"]!.ToJsonString());
        Assert.Equal(Manifest("whole")["outputs"]!.ToJsonString(), manifest["outputs"]!.ToJsonString());
        Assert.Equal(Manifest("whole")["input"]!.ToJsonString(), manifest["input"]!.ToJsonString());
        // A kill costs what was under way and what no checkpoint covers, not what was done before.
        Assert.InRange(script.Chunks, Count / 8192, (Count / 8192) + (2 * (64 + 28)));
    }

    [Fact]
    public async Task Scrub_Interrupted_SaysSoAndGoesOn()
    {
        var path = Write();
        await using var quick = await ScriptedService.StartAsync(new ListScript().Script);
        await Start(path, "whole", quick.Address).EndAsync();
        var script = new ListScript { Before = static _ => Task.Delay(30) };
        await using var slow = await ScriptedService.StartAsync(script.Script);
        using var first = Start(path, "parts", slow.Address);
        await first.UntilAsync(() => script.Chunks > 10);
        first.Interrupt();
        var stopped = await first.EndAsync();

        Assert.Equal(130, stopped.ExitCode);
        Assert.Matches("^lookup: Stopped after line [1-9][0-9]*: run the same command again to resume.\n$", stopped.Error);

        var other = await Start(path, "parts", slow.Address, "--automated").EndAsync();
        var second = await Start(path, "parts", slow.Address, "--json").EndAsync();

        Assert.Equal(1, other.ExitCode);
        Assert.Contains("contains a stopped scrub of another file or question", other.Error, StringComparison.Ordinal);
        Assert.Equal((3, ""), (second.ExitCode, second.Error));
        Assert.True(JsonNode.Parse(second.Output)!["resumed_after_line"]!.GetValue<long>() > 0);
        AssertSame(0);
    }

    [Theory]
    [InlineData("allowed.csv")]
    [InlineData("list")]
    public async Task Scrub_FilesChangedMeanwhile_IsNotGoneOnWith(string changed)
    {
        var path = Write();
        var script = new ListScript { Before = static _ => Task.Delay(30) };
        await using var slow = await ScriptedService.StartAsync(script.Script);
        using (var first = Start(path, "parts", slow.Address))
        {
            await first.UntilAsync(() => script.Chunks > 20);
            first.Interrupt();
            await first.EndAsync();
        }

        await using (var file = new FileStream(changed == "list" ? path : _folder.PathOf("parts/" + changed), FileMode.Open))
        {
            // Behind what the fingerprint covers, within what is done.
            file.Position = 100_000;
            file.WriteByte((byte)'#');
        }

        var second = await Start(path, "parts", slow.Address).EndAsync();

        Assert.Equal(1, second.ExitCode);
        Assert.Contains("start over with --restart", second.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Service_KilledAndStarted_LosesAndDoublesNothing()
    {
        var path = Write();
        await using var quick = await ScriptedService.StartAsync(new ListScript().Script);
        await Start(path, "whole", quick.Address).EndAsync();
        var script = new ListScript { Before = static _ => Task.Delay(20) };
        var first = await ScriptedService.StartAsync(script.Script);
        var port = new Uri(first.Address).Port;
        using var process = Start(path, "parts", first.Address);
        await process.UntilAsync(() => script.Chunks > 15);
        await first.DisposeAsync();
        await Task.Delay(300, TestContext.Current.CancellationToken);
        await using var second = await ScriptedService.StartAsync(script.Script, port);

        var run = await process.EndAsync();

        Assert.Equal((3, ""), (run.ExitCode, run.Error));
        AssertSame(0);
    }

    private string Write()
    {
        var text = new StringBuilder("id,name,phone\n");
        for (var i = 0; i < Count; i++)
        {
            text.Append(i).Append(i % 1000 == 7 ? ",\"two\nlines\"," : i % 1000 == 8 ? ",\"open," : ",Jan,").Append(i % 1000 == 9 ? "none" : $"+3165{i:D7}").Append('\n');
        }

        return _folder.Write("leads.csv", text.ToString());
    }

    private ToolProcess Start(string path, string folder, string address, params string[] more) => ToolProcess.Start(
        ["scrub", path, "--out-dir", _folder.PathOf(folder), "--org", "acme", "--purpose", "commercial", "--address", address, .. more]);

    private void AssertSame(int seed)
    {
        var names = Directory.EnumerateFiles(_folder.PathOf("whole")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(5, names.Count);
        Assert.Equal(names, Directory.EnumerateFiles(_folder.PathOf("parts")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        foreach (var name in names.Where(name => name != "manifest.json"))
        {
            Assert.True(File.ReadAllBytes(_folder.PathOf("whole/" + name)).AsSpan().SequenceEqual(File.ReadAllBytes(_folder.PathOf("parts/" + name))), $"{name} differs, seed {seed}");
        }
    }

    private JsonNode Manifest(string folder) => JsonNode.Parse(File.ReadAllText(_folder.PathOf(folder + "/manifest.json")))!;
}
