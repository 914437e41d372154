using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Lookup.Redis;
using StackExchange.Redis;

namespace Lookup.IntegrationTests.Store;

/// <summary>A redis-server of our own on a free loopback port, with its files in a folder of its own.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private static readonly string? Binary = new[] { "/usr/bin/redis-server", "/usr/local/bin/redis-server", "/opt/homebrew/bin/redis-server" }
        .FirstOrDefault(File.Exists);

    private readonly string _folder = Directory.CreateTempSubdirectory("lookup-redis-").FullName;
    private readonly string[] _arguments;
    private Process? _process;

    private RedisServer(string[] arguments) => _arguments = arguments;

    internal int Port { get; private set; }

    internal StoreOptions Options => new() { ConnectionString = $"127.0.0.1:{Port}" };

    internal static async Task<RedisServer> StartAsync(params string[] arguments)
    {
        Assert.SkipWhen(Binary is null, "redis-server is not installed.");
        var server = new RedisServer(arguments);
        for (var attempt = 0; attempt < 5; attempt++)
        {
            server.Port = FreePort();
            if (await server.TryStartAsync())
                return server;
        }

        throw new InvalidOperationException("redis-server does not start.");
    }

    internal async Task RestartAsync() => Assert.True(await TryStartAsync(), "redis-server does not start again.");

    internal void Pause() => Signal("-STOP");

    internal void Continue() => Signal("-CONT");

    internal async Task KillAsync()
    {
        Signal("-KILL");
        await _process!.WaitForExitAsync();
    }

    internal async Task<ConnectionMultiplexer> AdminAsync() =>
        await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{Port},allowAdmin=true,abortConnect=true");

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
            await KillAsync();
        _process?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<bool> TryStartAsync()
    {
        _process?.Dispose();
        var start = new ProcessStartInfo(Binary!) { RedirectStandardOutput = true, WorkingDirectory = _folder };
        string[] common = ["--port", $"{Port}", "--bind", "127.0.0.1", "--dir", _folder, "--save", "", "--loglevel", "warning"];
        foreach (var argument in common.Concat(_arguments))
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        var until = Stopwatch.StartNew();
        while (until.Elapsed < TimeSpan.FromSeconds(20) && !_process.HasExited)
        {
            try
            {
                await using var admin = await AdminAsync();
                await admin.GetDatabase().PingAsync();
                return true;
            }
            catch (RedisException)
            {
                await Task.Delay(50);
            }
        }

        return false;
    }

    private void Signal(string signal)
    {
        using var kill = Process.Start("kill", [signal, $"{_process!.Id}"]);
        kill.WaitForExit();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
