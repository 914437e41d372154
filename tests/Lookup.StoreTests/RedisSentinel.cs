using System.Diagnostics;
using System.Globalization;
using System.Net;
using Lookup.Redis;
using Lookup.Redis.Topology;

namespace Lookup.StoreTests;

/// <summary>A primary and two replicas of our own, watched by three sentinels, on free loopback ports.</summary>
internal sealed class RedisSentinel : IAsyncDisposable
{
    internal const string Name = "lookup";

    // Silence after which a primary is held to be dead. Shorter, and a machine under load would fail over by itself.
    private const int DownAfterMs = 2_000;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private readonly List<RedisServer> _servers = [];
    private readonly List<RedisServer> _sentinels = [];

    private RedisSentinel()
    {
    }

    /// <summary>The first one is the primary at first.</summary>
    internal IReadOnlyList<RedisServer> Servers => _servers;

    internal IReadOnlyList<RedisServer> Sentinels => _sentinels;

    internal StoreOptions Options => RedisServer.Patient with
    {
        ConnectionString = string.Join(',', _sentinels.Select(sentinel => $"127.0.0.1:{sentinel.Port}")) + ",serviceName=" + Name,
    };

    /// <summary>Starts the servers and ends when the sentinels know each other and both replicas.</summary>
    internal static async Task<RedisSentinel> StartAsync(params string[] arguments)
    {
        var all = new RedisSentinel();
        try
        {
            all._servers.Add(await RedisServer.StartAsync(["--repl-diskless-sync-delay", "0", .. arguments]));
            var primary = all._servers[0].Port;
            all._servers.AddRange(await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => RedisServer.StartAsync(
                ["--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1", $"{primary}", .. arguments]))));
            var file = $"""
                sentinel monitor {Name} 127.0.0.1 {primary} 2
                sentinel down-after-milliseconds {Name} {DownAfterMs}
                sentinel failover-timeout {Name} 5000
                sentinel parallel-syncs {Name} 2

                """;
            all._sentinels.AddRange(await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => RedisServer.StartWithFileAsync(file, "--sentinel"))));
            await all.ReadyAsync();
            return all;
        }
        catch
        {
            await all.DisposeAsync();
            throw;
        }
    }

    /// <summary>The primary as most sentinels see it.</summary>
    internal async Task<RedisServer> PrimaryAsync()
    {
        var since = Stopwatch.StartNew();
        while (since.Elapsed < Limit)
        {
            var ports = new List<int>();
            foreach (var sentinel in _sentinels)
            {
                ports.Add(int.Parse((await FieldsAsync(sentinel))["port"], CultureInfo.InvariantCulture));
            }

            var most = ports.GroupBy(port => port).OrderByDescending(group => group.Count()).First();
            if (most.Count() > _sentinels.Count / 2)
            {
                return _servers.Single(server => server.Port == most.Key);
            }

            await Task.Delay(50);
        }

        throw new InvalidOperationException("The sentinels do not agree.");
    }

    /// <summary>Ends when another server than this one is the primary.</summary>
    internal async Task<RedisServer> NextPrimaryAsync(RedisServer before)
    {
        var since = Stopwatch.StartNew();
        while (true)
        {
            var primary = await PrimaryAsync();
            if (primary != before)
            {
                return primary;
            }

            Assert.True(since.Elapsed < Limit, "The sentinels do not fail over.");
            await Task.Delay(50);
        }
    }

    /// <summary>Whether a sentinel is replacing the primary.</summary>
    internal async Task<bool> IsFailingOverAsync()
    {
        foreach (var sentinel in _sentinels)
        {
            if ((await FieldsAsync(sentinel))["flags"].Contains("failover_in_progress", StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _sentinels.Concat(_servers))
        {
            await server.DisposeAsync();
        }
    }

    private static async Task<Dictionary<string, string>> FieldsAsync(RedisServer sentinel)
    {
        var answer = await ServerReply.AskAsync(
            sentinel.Options, new IPEndPoint(IPAddress.Loopback, sentinel.Port), true, TimeProvider.System, default, "SENTINEL MASTER " + Name);
        return answer[0].Items.Chunk(2).ToDictionary(pair => pair[0].Text!, pair => pair[1].Text!);
    }

    private async Task ReadyAsync()
    {
        var since = Stopwatch.StartNew();
        foreach (var sentinel in _sentinels)
        {
            while (true)
            {
                var fields = await FieldsAsync(sentinel);
                if (fields["num-slaves"] == "2" && fields["num-other-sentinels"] == "2" && fields["flags"] == "master")
                {
                    break;
                }

                Assert.True(since.Elapsed < Limit, "The sentinels do not find each other.");
                await Task.Delay(100);
            }
        }
    }
}
