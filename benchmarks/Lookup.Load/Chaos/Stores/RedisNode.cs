using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Lookup.Load.Processes;
using StackExchange.Redis;

namespace Lookup.Load.Chaos.Stores;

/// <summary>A redis-server that can be killed, frozen and started again on the same port with the same files.</summary>
internal sealed class RedisNode : IAsyncDisposable
{
    private const int FirstPort = 20_000;
    private const int LastPort = 32_000;
    private const string LogFolder = "appendonlydir";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan CommandLimit = TimeSpan.FromSeconds(20);

    // What a write acknowledges must survive kill -9, and copies of the file must be whole.
    private static readonly string[] Standard =
    [
        "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning", "--maxmemory-policy", "noeviction", "--appendonly", "yes",
        "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0", "--repl-diskless-sync-delay", "0",
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("lookup-chaos-").FullName;
    private readonly string[] _settings;
    private ChildProcess? _process;

    internal RedisNode(params string[] settings)
    {
        _settings = settings;
        Port = FreePort();
    }

    internal int Port { get; }

    internal bool IsRunning => _process is { HasExited: false };

    // Below those that connections take for themselves, so that it is still free when a process is started again.
    internal static int FreePort()
    {
        while (true)
        {
            var port = RandomNumberGenerator.GetInt32(FirstPort, LastPort);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken.
            }
        }
    }

    /// <summary>Starts it and waits until it has loaded its files.</summary>
    /// <param name="ct">Ends the wait.</param>
    /// <param name="more">Settings of this start.</param>
    internal async Task StartAsync(CancellationToken ct, params string[] more)
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        _process = new ChildProcess("redis-server", ["--port", $"{Port}", "--dir", _folder, .. Standard, .. _settings, .. more]);
        for (var until = Stopwatch.StartNew(); ;)
        {
            var pong = await TryAsync(ct, "PING");
            if (pong == "PONG")
            {
                return;
            }

            if (until.Elapsed > StartLimit || _process.HasExited)
            {
                throw new InvalidOperationException($"redis-server does not come up: {pong} {_process.Errors}");
            }

            await Task.Delay(20, ct);
        }
    }

    /// <summary>Kills it with -9.</summary>
    internal Task KillAsync() => _process!.KillAsync();

    internal void Freeze() => Signals.Freeze(_process!.Id);

    internal void Thaw() => Signals.Thaw(_process!.Id);

    /// <summary>A connection for keys that are no text, which a tool for the terminal would not give back as they are.</summary>
    internal async Task<ConnectionMultiplexer> ConnectAsync() => await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{Port},allowAdmin=true");

    /// <summary>Runs a command.</summary>
    /// <exception cref="InvalidOperationException">It does not answer, or with an error.</exception>
    internal async Task<string> RunAsync(CancellationToken ct, params string[] command)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(CommandLimit);
        var result = (await Tool.RunAsync("redis-cli", ["-p", $"{Port}", .. command], limit.Token)).MustSucceed("redis-cli");
        var said = result.Output.Trim();
        var isError = said.StartsWith("ERR", StringComparison.Ordinal) || said.StartsWith('(');
        return isError ? throw new InvalidOperationException($"redis {string.Join(' ', command)}: {said}") : said;
    }

    internal async Task<string?> TryAsync(CancellationToken ct, params string[] command)
    {
        try
        {
            return await RunAsync(ct, command);
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>A field of INFO, or "" where there is none.</summary>
    internal async Task<string> InfoAsync(string field, CancellationToken ct) =>
        (await RunAsync(ct, "INFO")).Split('\n').Select(line => line.Trim().Split(':', 2))
            .FirstOrDefault(pair => pair.Length == 2 && pair[0] == field)?[1] ?? "";

    internal async Task<long> OffsetAsync(CancellationToken ct) =>
        long.Parse(await InfoAsync("slave_repl_offset", ct) is { Length: > 0 } offset ? offset : await InfoAsync("master_repl_offset", ct), CultureInfo.InvariantCulture);

    /// <summary>Copies its files into a folder. What was acknowledged before is in the copy.</summary>
    internal void CopyTo(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(_folder, LogFolder)))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        }
    }

    /// <summary>Replaces its files by a copy; it must not run.</summary>
    internal void TakeFrom(string folder)
    {
        var own = Path.Combine(_folder, LogFolder);
        Directory.Delete(own, recursive: true);
        Directory.CreateDirectory(own);
        foreach (var file in Directory.EnumerateFiles(folder))
        {
            File.Copy(file, Path.Combine(own, Path.GetFileName(file)));
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }
}
