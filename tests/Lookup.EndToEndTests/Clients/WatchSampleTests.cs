using System.Diagnostics;
using Grpc.Core;
using Grpc.Net.Client;
using Lookup.Cli.Hosting;
using Lookup.Client.Testing;
using Lookup.Server;
using Lookup.V1;

namespace Lookup.EndToEndTests.Clients;

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
            await UntilAsync(watcher, () => File.Exists(Token) && File.Exists(List));
            await ObjectAsync("+447700900002", "acme");
            await ObjectAsync("+447700900001", "bolt");
            await UntilAsync(watcher, () => Lacks("900002"));
            watcher.Kill();
            await watcher.WaitForExitAsync(Test);
        }

        Assert.Equal(["+447700900001", "+447700900003"], await File.ReadAllLinesAsync(List, Test));
        await ObjectAsync("+447700900003", "acme");
        using var again = await StartAsync();
        await UntilAsync(again, () => Lacks("900003"));
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
        // The dialer has nothing to dial, and the next start brings nothing back.
        Assert.False(File.Exists(List) || File.Exists(List + ".held"));
        Assert.True(File.Exists(List + ".stale"));
    }

    [Fact]
    public async Task Watcher_ServiceSilent_HoldsTheListUntilWhatWasMissedIsToldOff()
    {
        await File.WriteAllLinesAsync(List, ["+447700900001", "06 12345678", "+447700900002"], Test);
        await using var proxy = new TestProxy(_service.GrpcAddress.Port);
        using var watcher = await StartAsync($"127.0.0.1:{proxy.Port}");
        await UntilAsync(watcher, () => File.Exists(Token) && File.Exists(List));
        // A line that no change could ever take off does not come back.
        Assert.Equal(["+447700900001", "+447700900002"], await File.ReadAllLinesAsync(List, Test));

        proxy.Freeze();
        await UntilAsync(watcher, () => !File.Exists(List));
        Assert.Equal(["+447700900001", "+447700900002"], await File.ReadAllLinesAsync(List + ".held", Test));
        await ObjectAsync("+447700900002", "acme");
        proxy.Thaw();

        await UntilAsync(watcher, () => File.Exists(List));
        Assert.Equal(["+447700900001"], await File.ReadAllLinesAsync(List, Test));
        await _service.StopAsync();
        await UntilAsync(watcher, () => !File.Exists(List));
        watcher.Kill();
        await watcher.WaitForExitAsync(Test);
    }

    [Fact]
    public async Task Watcher_Stopped_LeavesNoListToDial()
    {
        await File.WriteAllLinesAsync(List, ["+447700900001"], Test);
        using var watcher = await StartAsync();
        await UntilAsync(watcher, () => File.Exists(Token) && File.Exists(List));
        Signals.Terminate(watcher);
        await watcher.WaitForExitAsync(Test);
        Assert.False(File.Exists(List));
        Assert.True(File.Exists(List + ".held"));
    }

    // The list is away for moments, while the service is silent.
    private bool Lacks(string number)
    {
        try
        {
            return !File.ReadAllText(List).Contains(number, StringComparison.Ordinal);
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }

    private Task<RecordFactsResponse> ObjectAsync(string number, string organisation) => new FactService.FactServiceClient(_channel).RecordFactsAsync(
        new RecordFactsRequest { Facts = { new Fact { Number = number, Source = "call", Objection = new Objection { Organisation = organisation } } } },
        new CallOptions(cancellationToken: Test)).ResponseAsync;

    private async Task<Process> StartAsync(string? address = null)
    {
        var (python, wheel) = await ClientPackages.PythonAsync();
        return Process.Start(new ProcessStartInfo(
            python, [Path.Combine(Programs.Root(), "samples/python/watch.py"), address ?? _service.GrpcAddress.Authority, "acme", List])
        {
            RedirectStandardError = true,
            Environment = { ["PYTHONPATH"] = wheel },
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
