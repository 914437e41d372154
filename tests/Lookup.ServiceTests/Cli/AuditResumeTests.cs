using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Lookup.Cli.Commands;
using Lookup.Cli.Files;
using Lookup.Cli.Output;

namespace Lookup.ServiceTests.Cli;

/// <summary>lookup audit that is stopped and run again.</summary>
public sealed class AuditResumeTests : IDisposable
{
    private const int Calls = 15_000;

    private readonly TempFolder _folder = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Audit_StoppedAndRunAgain_FindsWhatOneRunFinds()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        // Half of the calls are outside the hours or without consent; some lines are not calls.
        var text = new StringBuilder("campaign,dst,start\n");
        for (var i = 0; i < Calls; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{i % 3},{(i % 100 == 0 ? "nobody" : $"+3161{i % 5_000:0000000}")},2024-03-{1 + (i % 10):00}T{i % 24:00}:00:00Z\n");
        }

        var path = _folder.Write("calls.csv", text.ToString());
        var unfinished = path + ".findings.csv.unfinished";
        string[] audit = ["audit", path, "--column", "dst", "--time", "start", "--by", "campaign", "--org", "acme", "--purpose", "commercial", "--address", server.Host.GrpcAddress.ToString(), "--json"];
        using (var stop = CancellationTokenSource.CreateLinkedTokenSource(Ct))
        {
            var error = new StringWriter();
            var running = CliApp.RunAsync(audit, new Shell(TextWriter.Null, error, Stream.Null, new FastClock()), stop.Token);
            while (!File.Exists(unfinished + ".state") && !running.IsCompleted)
            {
                await Task.Delay(10, Ct);
            }

            await stop.CancelAsync();
            Assert.Equal(130, await running);
            Assert.Contains("run the same command again to resume", error.ToString(), StringComparison.Ordinal);
        }

        Assert.False(File.Exists(path + ".findings.csv"));
        await ChangedFile_IsReadFromItsStartAsync(audit, path, text.ToString());
        var resumed = await CliRun.Async(audit);
        Assert.Equal(6, resumed.ExitCode);
        var after = JsonNode.Parse(resumed.Output)!;
        Assert.InRange(after["resumed_after_line"]!.GetValue<long>(), 2, Calls);
        Assert.False(File.Exists(unfinished) || File.Exists(unfinished + ".state"));

        var whole = JsonNode.Parse((await CliRun.Async([.. audit, "--findings", _folder.PathOf("whole.csv")])).Output)!;
        Assert.Equal(Calls, whole["calls"]!.GetValue<int>() + whole["not_audited"]!.GetValue<int>());
        Assert.Equal(await File.ReadAllTextAsync(_folder.PathOf("whole.csv"), Ct), await File.ReadAllTextAsync(path + ".findings.csv", Ct));
        foreach (var json in (JsonNode[])[after, whole])
        {
            json.AsObject().Remove("findings_file");
            json.AsObject().Remove("resumed_after_line");
        }

        Assert.Equal(whole.ToJsonString(), after.ToJsonString());
    }

    // The change is behind the part that was read when the run was stopped or before it, and leaves the length as it was.
    private static async Task ChangedFile_IsReadFromItsStartAsync(string[] audit, string path, string text)
    {
        var unfinished = path + ".findings.csv.unfinished";
        string[] states = [unfinished, unfinished + ".state"];
        foreach (var state in states)
        {
            File.Copy(state, state + ".kept");
        }

        await File.WriteAllTextAsync(path, text[..^2] + "1" + text[^1..], Ct);
        var changed = await CliRun.Async(audit);
        Assert.Equal(0, JsonNode.Parse(changed.Output)!["resumed_after_line"]!.GetValue<long>());

        await File.WriteAllTextAsync(path, text, Ct);
        File.Delete(path + ".findings.csv");
        foreach (var state in states)
        {
            File.Move(state + ".kept", state);
        }
    }

    [Fact]
    public async Task AnotherAudit_OfTheSameFindings_IsRefused()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        var path = _folder.Write("calls.csv", "dst,start\n+31612380001,2024-03-11T12:00:00Z\n");
        string[] audit = ["audit", path, "--column", "dst", "--time", "start", "--org", "acme", "--purpose", "commercial", "--address", server.Host.GrpcAddress.ToString()];
        using (OutputPath.Lock(path + ".findings.csv", "audit"))
        {
            var run = await CliRun.Async(audit);
            Assert.Equal(1, run.ExitCode);
            Assert.Contains("Another audit is writing", run.Error, StringComparison.Ordinal);
        }

        Assert.Equal(6, (await CliRun.Async(audit)).ExitCode);
    }

    [Theory]
    [InlineData("--out", "key.txt", "exists and was not written by this command")]
    [InlineData("--findings", "key.txt", "exists and was not written by this command")]
    [InlineData("--out", "calls.csv.findings.csv", "is the file of findings")]
    public async Task Output_OverAnotherFile_IsRefused(string option, string name, string message)
    {
        var path = _folder.Write("calls.csv", "dst,start\n+31612380001,2024-03-11T12:00:00Z\n");
        var key = _folder.Write("key.txt", "secret");
        var run = await CliRun.Async("report", path, "--column", "dst", "--time", "start", "--org", "acme", "--purpose", "commercial", option, _folder.PathOf(name), "--address", "http://127.0.0.1:1");
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
        Assert.Equal("secret", await File.ReadAllTextAsync(key, Ct));
    }

    // The state is saved once a second; on this clock, after each request.
    private sealed class FastClock : TimeProvider
    {
        public override long GetTimestamp() => base.GetTimestamp() * 1_000;
    }

    [Fact]
    public async Task StateOfAnotherQuestion_IsIgnored()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        var path = _folder.Write("calls.csv", "dst,start\n+31612380001,2024-03-11T12:00:00Z\n");
        _folder.Write("calls.csv.findings.csv.unfinished", "of another question\n");
        _folder.Write("calls.csv.findings.csv.unfinished.state", """{"identity":"another","line":2,"findings_bytes":20}""");
        var run = await CliRun.Async("audit", path, "--column", "dst", "--time", "start", "--org", "acme", "--purpose", "commercial", "--address", server.Host.GrpcAddress.ToString());
        Assert.Equal((6, ""), (run.ExitCode, run.Error));
        Assert.StartsWith("line,", (await File.ReadAllLinesAsync(path + ".findings.csv", Ct))[0], StringComparison.Ordinal);
    }
}
