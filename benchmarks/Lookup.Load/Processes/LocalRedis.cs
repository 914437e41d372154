using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

namespace Lookup.Load.Processes;

/// <summary>A redis-server of our own on a free loopback port, gone with everything in it at the end.</summary>
internal sealed class LocalRedis : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    // Another program may take the free port first.
    private const int MaxStarts = 5;

    private readonly string _folder = Directory.CreateTempSubdirectory("lookup-load-").FullName;

    private LocalRedis(string[] settings)
    {
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }

        Process = new ChildProcess(
            "redis-server",
            ["--port", $"{Port}", "--bind", "127.0.0.1", "--dir", _folder, "--save", "", "--loglevel", "warning", .. settings]);
    }

    internal ChildProcess Process { get; }

    internal int Port { get; }

    internal string ConnectionString => $"127.0.0.1:{Port}";

    /// <summary>Starts a server and waits until it answers.</summary>
    internal static async Task<LocalRedis> StartAsync(params string[] settings)
    {
        for (var start = 1; ; start++)
        {
            var redis = new LocalRedis(settings);
            try
            {
                await redis.AnswersAsync();
                return redis;
            }
            catch (Exception e)
            {
                var hasExited = redis.Process.HasExited;
                var said = redis.Process.Errors;
                await redis.DisposeAsync();
                if (!hasExited)
                {
                    throw;
                }

                if (start == MaxStarts)
                {
                    throw new InvalidOperationException($"redis-server ends at once: {said}", e);
                }
            }
        }
    }

    private async Task AnswersAsync()
    {
        for (var until = Stopwatch.StartNew(); ;)
        {
            try
            {
                if (await PongsAsync())
                {
                    return;
                }
            }
            catch (Exception e) when (e is SocketException or IOException && until.Elapsed < StartLimit && !Process.HasExited)
            {
                // Not yet.
            }

            if (until.Elapsed >= StartLimit || Process.HasExited)
            {
                throw new InvalidOperationException("redis-server does not answer.");
            }

            await Task.Delay(50);
        }
    }

    // On a bare socket: a client with threads and limits of its own may take a busy machine for a dead server. What comes
    // back is looked at because a connection to a port that nobody listens on yet can reach itself.
    private async Task<bool> PongsAsync()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port);
        var stream = client.GetStream();
        await stream.WriteAsync("PING\r\n"u8.ToArray());
        var answer = new byte[5];
        await stream.ReadExactlyAsync(answer);
        return answer.AsSpan().SequenceEqual("+PONG"u8);
    }

    /// <summary>A connection for commands of any kind.</summary>
    internal Task<ConnectionMultiplexer> ConnectAsync() =>
        ConnectionMultiplexer.ConnectAsync(ConnectionString + ",allowAdmin=true,syncTimeout=60000,asyncTimeout=60000");

    internal async Task<Dictionary<string, string>> InfoAsync()
    {
        await using var admin = await ConnectAsync();
        return admin.GetServers()[0].Info().SelectMany(section => section).ToDictionary(field => field.Key, field => field.Value);
    }

    /// <summary>What redis-benchmark says of one command, in requests a second.</summary>
    internal async Task<double> BenchmarkAsync(long requests, long keys, CancellationToken ct, params string[] command)
    {
        string[] arguments = ["-p", $"{Port}", "-P", "64", "-n", $"{requests}", "-r", $"{keys}", "-q", "--csv", .. command];
        var result = (await Tool.RunAsync("redis-benchmark", arguments, ct)).MustSucceed("redis-benchmark");
        var row = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1].Split("\",\"");
        return double.Parse(row[1].Trim('"'), CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
