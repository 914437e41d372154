using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Lookup.Redis;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Testing.Store;

/// <summary>A redis-server of our own on a free loopback port, with its files in a folder of its own.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lookup-redis-").FullName;
    private readonly string[] _arguments;
    private readonly string? _configuration;
    private readonly string _access;
    private Process? _process;

    private const int FirstPort = 20_000;
    private const int Ports = 12_000;

    private static int _lastPort = Random.Shared.Next(Ports);

    private RedisServer(string? configuration, string access, string[] arguments)
    {
        _configuration = configuration;
        _access = access;
        _arguments = arguments;
    }

    internal int Port { get; private set; }

    /// <summary>Where its files are.</summary>
    internal string Folder => _folder;

    /// <summary>Whether its process is there; a paused one is.</summary>
    internal bool IsRunning => _process is { HasExited: false };

    /// <summary>With limits that a loaded machine keeps to; what tests them says others.</summary>
    internal StoreOptions Options => Patient with { ConnectionString = $"127.0.0.1:{Port}{_access}" };

    internal static StoreOptions Patient => new() { ConnectionString = "", ConnectTimeoutMs = 30_000, ReadTimeoutMs = 10_000, WriteTimeoutMs = 60_000 };

    internal static Task<RedisServer> StartAsync(params string[] arguments) => StartWithFileAsync(null, arguments);

    /// <summary>Starts one with a configuration file, which it may write to, as a sentinel does.</summary>
    internal static Task<RedisServer> StartWithFileAsync(string? configuration, params string[] arguments) =>
        StartWithPasswordAsync(configuration, null, arguments);

    /// <summary>Starts one whose configuration file asks for a password.</summary>
    internal static async Task<RedisServer> StartWithPasswordAsync(string? configuration, string? password, params string[] arguments)
    {
        Programs.Require("redis-server");
        var server = new RedisServer(configuration, password is null ? "" : ",password=" + password, arguments);
        for (var attempt = 0; attempt < 5; attempt++)
        {
            server.Port = FreePort();
            if (await server.TryStartAsync())
            {
                return server;
            }
        }

        throw new InvalidOperationException("redis-server does not start.");
    }

    internal async Task RestartAsync() => Assert.True(await TryStartAsync(), "redis-server does not start again.");

    internal void Pause() => Signals.Freeze(_process!);

    internal void Continue() => Signals.Thaw(_process!);

    internal async Task KillAsync()
    {
        Signals.End(_process!);
        await _process!.WaitForExitAsync();
    }

    internal async Task<ConnectionMultiplexer> AdminAsync() =>
        await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{Port},allowAdmin=true,abortConnect=true");

    public async ValueTask DisposeAsync()
    {
        if (IsRunning)
        {
            await KillAsync();
        }

        _process?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<bool> TryStartAsync()
    {
        _process?.Dispose();
        var start = new ProcessStartInfo(Programs.Find("redis-server")!) { RedirectStandardOutput = true, WorkingDirectory = _folder };
        if (_configuration is not null)
        {
            var file = Path.Combine(_folder, "server.conf");
            if (!File.Exists(file))
            {
                await File.WriteAllTextAsync(file, _configuration);
            }

            start.ArgumentList.Add(file);
        }

        string[] common = ["--port", $"{Port}", "--bind", "127.0.0.1", "--dir", _folder, "--save", "", "--loglevel", "warning"];
        foreach (var argument in common.Concat(_arguments))
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        var until = Stopwatch.StartNew();
        while (until.Elapsed < TimeSpan.FromMinutes(1) && !_process.HasExited)
        {
            try
            {
                // A sentinel answers nothing that a general client asks first.
                // Whether it is this one, unless it may not say: another may have taken the port meanwhile.
                var told = await ServerReply.AskAsync(Options, new IPEndPoint(IPAddress.Loopback, Port), true, TimeProvider.System, default, "PING", "INFO server");
                if (told[0].Text == "PONG")
                {
                    return _arguments.Contains("INFO") || told[1].Text?.Contains($"process_id:{_process.Id}\r", StringComparison.Ordinal) == true;
                }
            }
            catch (StoreUnavailableException)
            {
                // Not yet.
            }

            await Task.Delay(20);
        }

        return false;
    }

    /// <summary>A port below those that outgoing connections take, so that none of them has it before the server does.</summary>
    internal static int FreePort()
    {
        while (true)
        {
            var port = FirstPort + (int)((uint)Interlocked.Increment(ref _lastPort) % Ports);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // In use; the next one.
            }
        }
    }
}
