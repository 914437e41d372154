using System.Diagnostics;
using Lookup.Load.Processes;

namespace Lookup.Load.Chaos.Stores;

/// <summary>Three sentinels that watch a primary with its replicas, and fail over by themselves.</summary>
internal sealed class Sentinels : IAsyncDisposable
{
    internal const string Name = "lookup";

    private const int Count = 3;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("lookup-chaos-").FullName;
    private readonly List<ChildProcess> _processes = [];
    private readonly List<int> _ports = [];

    /// <summary>How a service reaches the store through them.</summary>
    internal string Connection => string.Join(',', _ports.Select(port => $"127.0.0.1:{port}")) + ",serviceName=" + Name;

    /// <summary>Starts them and waits until each knows the others and both replicas.</summary>
    internal static async Task<Sentinels> StartAsync(int primary, CancellationToken ct)
    {
        var sentinels = new Sentinels();
        try
        {
            for (var i = 0; i < Count; i++)
            {
                var port = RedisNode.FreePort();
                var file = Path.Combine(sentinels._folder, $"{port}.conf");
                // Shorter, and a machine under load would fail over by itself.
                await File.WriteAllTextAsync(
                    file,
                    $"""
                    port {port}
                    bind 127.0.0.1
                    dir {sentinels._folder}
                    sentinel monitor {Name} 127.0.0.1 {primary} 2
                    sentinel down-after-milliseconds {Name} 1500
                    sentinel failover-timeout {Name} 5000
                    sentinel parallel-syncs {Name} 2

                    """,
                    ct);
                sentinels._ports.Add(port);
                sentinels._processes.Add(new ChildProcess("redis-server", [file, "--sentinel"]));
            }

            foreach (var port in sentinels._ports)
            {
                for (var since = Stopwatch.StartNew(); !await KnowsAllAsync(port, ct); await Task.Delay(100, ct))
                {
                    if (since.Elapsed > Limit)
                    {
                        throw new InvalidOperationException("The sentinels do not find each other.");
                    }
                }
            }

            return sentinels;
        }
        catch
        {
            await sentinels.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            await process.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<bool> KnowsAllAsync(int port, CancellationToken ct)
    {
        var said = (await Tool.RunAsync("redis-cli", ["-p", $"{port}", "SENTINEL", "MASTER", Name], ct)).Output.Split('\n').Select(line => line.Trim()).ToList();
        return Of("num-slaves") == "2" && Of("num-other-sentinels") == "2";

        string? Of(string field) => said.IndexOf(field) is >= 0 and var i ? said.ElementAtOrDefault(i + 1) : null;
    }
}
