using System.Text.Json.Nodes;
using Lookup.Core.Numbers;
using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Redis;
using Lookup.Redis.Store;

namespace Lookup.EndToEndTests.Cli;

/// <summary>lookup rebuild, also killed in the middle.</summary>
public sealed class RebuildCommandTests : IDisposable
{
    private const int Facts = 2_000;
    private static CancellationToken Token => TestContext.Current.CancellationToken;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Redis_KilledInTheMiddle_ServesRightAndTheNextOneFinishes()
    {
        await using var server = await RedisServer.StartAsync();
        string[] where = ["--redis", $"127.0.0.1:{server.Port}", "--key-file", _folder.PathOf("number.key")];
        Assert.Equal(0, (await CliRun.Async(["init", .. where, "--new-key"])).ExitCode);
        using var cipher = new NumberCipher(EncryptionKeyFile.Load(_folder.PathOf("number.key")));
        await using var store = await StoreAdmin.OpenAsync(server.Options, cipher.KeyCheck, TimeProvider.System, Token);
        await WriteAsync(store, 0);
        using (var tool = ToolProcess.Start(["rebuild", "--share", "1", .. where]))
        {
            await tool.UntilAsync(() => store.Filters.ListAsync(Token).GetAwaiter().GetResult().Any(f => f.IsBuilding));
            await tool.KillAsync();
        }

        await WriteAsync(store, Facts);
        await KnowsAllAsync(store, 2 * Facts);
        var killed = await CliRun.Async(["doctor", .. where, "--json"]);
        Assert.Equal(0, killed.ExitCode);

        // It waits until the place of the killed one is free.
        var again = await CliRun.Async(["rebuild", "--share", "100", "--json", .. where]);
        Assert.Equal((0, ""), (again.ExitCode, again.Error));
        var filters = JsonNode.Parse(again.Output)!["partitions"]!.AsArray();
        Assert.Equal(store.Manifest.Partitions, filters.Count);
        Assert.Equal(2 * Facts, filters.Sum(f => (int)f!["facts"]!));
        Assert.DoesNotContain(await store.Filters.ListAsync(Token), f => f.IsBuilding || f.Generation < 2);
        await WriteAsync(store, 2 * Facts);
        await KnowsAllAsync(store, 3 * Facts);
        var doctor = await CliRun.Async(["doctor", .. where]);
        Assert.Equal(0, doctor.ExitCode);
        Assert.Contains("rebuilt", doctor.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Folder_KilledInTheMiddle_OpensAndServesRight()
    {
        var folder = _folder.PathOf("data");
        await using (var store = await OpenAsync(folder))
        {
            await WriteAsync(store, 0);
        }

        using (var tool = ToolProcess.Start(["rebuild", "--share", "1", "--data", folder]))
        {
            // Only the process itself sees into its store; it is at work once its server is up, for a minute and more.
            await tool.UntilAsync(() => File.Exists(Path.Combine(folder, "socket", "s")));
            await Task.Delay(TimeSpan.FromSeconds(2), Token);
            await tool.KillAsync();
        }

        await using (var store = await OpenAsync(folder))
        {
            await WriteAsync(store, Facts);
            await KnowsAllAsync(store, 2 * Facts);
        }

        Assert.Equal(0, (await CliRun.Async(["rebuild", "--share", "100", "--shrink", "--data", folder])).ExitCode);
        await using var whole = await OpenAsync(folder);
        Assert.DoesNotContain(await whole.Filters.ListAsync(Token), f => f.IsBuilding || f.Generation < 2);
        await KnowsAllAsync(whole, 2 * Facts);
    }

    [Theory]
    [InlineData("--share", "0")]
    [InlineData("--partition", "99")]
    public async Task Argument_OutOfRange_IsUsage(string name, string value)
    {
        var run = await CliRun.Async(["rebuild", "--data", await _folder.StoreAsync(), name, value]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(name, run.Error, StringComparison.Ordinal);
    }

    private static Task<EmbeddedStore> OpenAsync(string folder) => EmbeddedStore.StartAsync(
        new EmbeddedOptions { Folder = folder, ExpectedFacts = 10_000, MemoryMiB = 256 }, null, TimeProvider.System, Token);

    private static Task<WriteResult> WriteAsync(FactStore store, int first) =>
        store.Writer.WriteAsync([.. Enumerable.Range(first, Facts).Select(i => Sample.Objection(i))], Token);

    private static async Task KnowsAllAsync(FactStore store, int facts)
    {
        var filters = await Task.WhenAll(Enumerable.Range(0, store.Manifest.Partitions).Select(p => store.Feed.LoadFilterAsync(p, Token)));
        Assert.All(
            Enumerable.Range(0, facts).Select(i => Sample.Key(i)),
            key => Assert.True(filters[key.Partition(filters.Length)].Filter.MayContain(key, Sample.ObjectionId())));
    }
}
