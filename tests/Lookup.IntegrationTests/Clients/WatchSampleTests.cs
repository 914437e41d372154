using System.Diagnostics;
using Grpc.Core;
using Grpc.Net.Client;
using Lookup.Cli.Hosting;
using Lookup.Client.Testing;
using Lookup.IntegrationTests.Cli;
using Lookup.Server.Hosting;
using Lookup.V1;

namespace Lookup.IntegrationTests.Clients;

/// <summary>The watching sample against the fake service.</summary>
public sealed class WatchSampleTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lookup-watch-sample-").FullName;
    private FakeService _service = null!;
    private GrpcChannel _channel = null!;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    private string List => Path.Combine(_folder, "active.txt");

    private string Token => List + ".token";

    public async ValueTask InitializeAsync()
    {
        _service = await FakeService.StartAsync(new LookupServerOptions { GrpcPort = 0, JsonPort = 0, DrainLimitSeconds = 2 }, Test);
        _channel = GrpcChannel.ForAddress(_service.GrpcAddress);
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        await _service.EndAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Watcher_Objections_LeaveTheListAtOnceAndAfterARestart()
    {
        await File.WriteAllLinesAsync(List, ["+447700900001", "+447700900002", "+447700900003"], Test);
        using (var watcher = await StartAsync())
        {
            await UntilAsync(watcher, () => File.Exists(Token));
            await ObjectAsync("+447700900002", "acme");
            await ObjectAsync("+447700900001", "bolt");
            await UntilAsync(watcher, () => !File.ReadAllText(List).Contains("900002", StringComparison.Ordinal));
            watcher.Kill();
            await watcher.WaitForExitAsync(Test);
        }

        Assert.Equal(["+447700900001", "+447700900003"], await File.ReadAllLinesAsync(List, Test));
        await ObjectAsync("+447700900003", "acme");
        using var again = await StartAsync();
        await UntilAsync(again, () => !File.ReadAllText(List).Contains("900003", StringComparison.Ordinal));
        again.Kill();
        await again.WaitForExitAsync(Test);
        Assert.Equal(["+447700900001"], await File.ReadAllLinesAsync(List, Test));
    }

    [Fact]
    public async Task Watcher_ChangesLost_EndsAndSaysSo()
    {
        await File.WriteAllLinesAsync(List, ["+447700900001"], Test);
        await File.WriteAllTextAsync(Token, FakeLookup.OldToken, Test);
        using var watcher = await StartAsync();
        var error = await watcher.StandardError.ReadToEndAsync(Test);
        await watcher.WaitForExitAsync(Test);
        Assert.Equal(3, watcher.ExitCode);
        Assert.Contains("FAILED_PRECONDITION", error, StringComparison.Ordinal);
        Assert.False(File.Exists(Token));
    }

    private Task<RecordFactsResponse> ObjectAsync(string number, string organisation) => new FactService.FactServiceClient(_channel).RecordFactsAsync(
        new RecordFactsRequest { Facts = { new Fact { Number = number, Source = "call", Objection = new Objection { Organisation = organisation } } } },
        new CallOptions(cancellationToken: Test)).ResponseAsync;

    private async Task<Process> StartAsync()
    {
        Programs.Require("protoc");
        Programs.RequireFile("/usr/include/google/protobuf/timestamp.proto", "libprotobuf-dev is not installed.");
        return Process.Start(new ProcessStartInfo(
            await SampleTests.PythonAsync(),
            [Path.Combine(Programs.Root(), "samples/python/watch.py"), _service.GrpcAddress.Authority, "acme", List])
        {
            RedirectStandardError = true,
        })!;
    }

    private static async Task UntilAsync(Process watcher, Func<bool> condition)
    {
        var waited = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.False(watcher.HasExited, "The watcher ended.");
            Assert.True(waited.Elapsed < TimeSpan.FromMinutes(3), "The watcher did not get there.");
            await Task.Delay(20, Test);
        }
    }
}
