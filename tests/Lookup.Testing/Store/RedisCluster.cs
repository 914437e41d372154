using System.Diagnostics;
using System.Globalization;
using Lookup.Redis;
using StackExchange.Redis;

namespace Lookup.Testing.Store;

/// <summary>A Redis Cluster of our own: three primaries with a replica each, on free loopback ports.</summary>
internal sealed class RedisCluster : IAsyncDisposable
{
    internal const int Slots = 16_384;

    private const int Primaries = 3;

    // Silence after which a primary is held to be dead: a machine under load must not fail over by itself.
    private const string Never = "60000";
    private const string Soon = "2000";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private readonly List<RedisServer> _nodes = [];

    private RedisCluster()
    {
    }

    /// <summary>The first three are primaries at first, the others their replicas in the same order.</summary>
    internal IReadOnlyList<RedisServer> Nodes => _nodes;

    internal StoreOptions Options =>
        RedisServer.Patient with { ConnectionString = string.Join(',', _nodes.Select(node => $"127.0.0.1:{node.Port}")) };

    /// <summary>Starts the servers and ends when each of them knows all others and serves.</summary>
    internal static Task<RedisCluster> StartAsync(params string[] arguments) => StartAsync(Never, arguments);

    /// <summary>Starts one whose replicas take over from a primary that is silent for two seconds.</summary>
    internal static Task<RedisCluster> StartFailingOverAsync(params string[] arguments) => StartAsync(Soon, arguments);

    /// <summary>From now on a replica takes over from a primary that is silent for two seconds.</summary>
    internal async Task FailOverSoonAsync()
    {
        foreach (var node in _nodes)
        {
            await AskAsync(node, "CONFIG", "SET", "cluster-node-timeout", Soon);
        }
    }

    private static async Task<RedisCluster> StartAsync(string nodeTimeoutMs, string[] arguments)
    {
        var cluster = new RedisCluster();
        try
        {
            var bus = Enumerable.Range(0, 2 * Primaries).Select(_ => RedisServer.FreePort()).ToArray();
            cluster._nodes.AddRange(await Task.WhenAll(bus.Select(port => RedisServer.StartAsync(
                [
                    "--cluster-enabled", "yes", "--cluster-port", $"{port}", "--cluster-node-timeout", nodeTimeoutMs,
                    "--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0", .. arguments,
                ]))));
            await cluster.JoinAsync(bus);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>The server that has a slot now, as most of the servers that answer see it.</summary>
    internal async Task<RedisServer> OwnerAsync(int slot)
    {
        var since = Stopwatch.StartNew();
        while (since.Elapsed < Limit)
        {
            var seen = await Task.WhenAll(_nodes.Select(node => OwnerAsync(node, slot)));
            var ports = seen.Where(port => port != 0).GroupBy(port => port).OrderByDescending(group => group.Count()).FirstOrDefault();
            if (ports is not null && ports.Count() > _nodes.Count / 2)
            {
                return _nodes.Single(node => node.Port == ports.Key);
            }

            await Task.Delay(50);
        }

        throw new InvalidOperationException($"Nobody has slot {slot}.");
    }

    /// <summary>The replicas of a server that are in step with it.</summary>
    internal async Task<IReadOnlyList<RedisServer>> ReplicasOfAsync(RedisServer primary)
    {
        var replicas = new List<RedisServer>();
        foreach (var node in _nodes.Where(node => node != primary))
        {
            if (await TryAsync(node, "ROLE") is { } role && (string?)role[0] == "slave" && (int)role[2] == primary.Port && (string?)role[3] == "connected")
            {
                replicas.Add(node);
            }
        }

        return replicas;
    }

    /// <summary>Begins to move a slot: from now on its keys may be on either server.</summary>
    internal static async Task BeginMoveAsync(int slot, RedisServer from, RedisServer to)
    {
        await AskAsync(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", (string)(await AskAsync(from, "CLUSTER", "MYID"))!);
        await AskAsync(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", (string)(await AskAsync(to, "CLUSTER", "MYID"))!);
    }

    /// <summary>Moves up to so many keys of a slot.</summary>
    /// <returns>Whether there were any.</returns>
    internal static async Task<bool> MoveKeysAsync(int slot, RedisServer from, RedisServer to, int count)
    {
        var keys = (RedisValue[])(await AskAsync(from, "CLUSTER", "GETKEYSINSLOT", slot, count))!;
        if (keys.Length == 0)
        {
            return false;
        }

        object[] command = ["127.0.0.1", $"{to.Port}", "", "0", "10000", "KEYS", .. keys.Select(key => (object)key)];
        Assert.Equal("OK", (string?)await AskAsync(from, "MIGRATE", command));
        return true;
    }

    /// <summary>Ends a move, once all keys are on the other server.</summary>
    internal static async Task EndMoveAsync(int slot, RedisServer from, RedisServer to)
    {
        var owner = (string)(await AskAsync(to, "CLUSTER", "MYID"))!;
        await AskAsync(to, "CLUSTER", "SETSLOT", slot, "NODE", owner);
        await AskAsync(from, "CLUSTER", "SETSLOT", slot, "NODE", owner);
    }

    /// <summary>Runs a command on every server that takes it: a replica refuses those that write.</summary>
    internal async Task OnPrimariesAsync(string command, params object[] arguments)
    {
        foreach (var node in _nodes)
        {
            if (await TryAsync(node, "ROLE") is { } role && (string?)role[0] == "master")
            {
                await AskAsync(node, command, arguments);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }

    internal static async Task<RedisResult> AskAsync(RedisServer node, string command, params object[] arguments)
    {
        await using var admin = await node.AdminAsync();
        return await admin.GetServer("127.0.0.1", node.Port).ExecuteAsync(command, arguments);
    }

    private static async Task<RedisResult?> TryAsync(RedisServer node, string command, params object[] arguments)
    {
        if (!node.IsRunning)
        {
            return null;
        }

        try
        {
            return await AskAsync(node, command, arguments).WaitAsync(TimeSpan.FromSeconds(10));
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            return null;
        }
    }

    private async Task JoinAsync(int[] bus)
    {
        for (var i = 0; i < Primaries; i++)
        {
            await AskAsync(_nodes[i], "CLUSTER", "ADDSLOTSRANGE", Slots * i / Primaries, (Slots * (i + 1) / Primaries) - 1);
            await AskAsync(_nodes[i], "CLUSTER", "SET-CONFIG-EPOCH", i + 1);
        }

        for (var i = 1; i < _nodes.Count; i++)
        {
            await AskAsync(_nodes[0], "CLUSTER", "MEET", "127.0.0.1", _nodes[i].Port, bus[i]);
        }

        await UntilAsync(async node =>
            ((string)(await AskAsync(node, "CLUSTER", "NODES"))!).Split('\n').Count(line => line.Contains("connected", StringComparison.Ordinal)) == _nodes.Count);
        for (var i = Primaries; i < _nodes.Count; i++)
        {
            await AskAsync(_nodes[i], "CLUSTER", "REPLICATE", (string)(await AskAsync(_nodes[i - Primaries], "CLUSTER", "MYID"))!);
        }

        await UntilAsync(async node => ((string)(await AskAsync(node, "CLUSTER", "INFO"))!).Contains("cluster_state:ok", StringComparison.Ordinal));
        await UntilAsync(async node =>
            (string?)(await AskAsync(node, "ROLE"))[0] == "master"
                ? (await ReplicasOfAsync(node)).Count == 1
                : (string?)(await AskAsync(node, "ROLE"))[3] == "connected");

        async Task UntilAsync(Func<RedisServer, Task<bool>> isSo)
        {
            var since = Stopwatch.StartNew();
            foreach (var node in _nodes)
            {
                while (!await isSo(node))
                {
                    Assert.True(since.Elapsed < Limit, "The cluster does not form.");
                    await Task.Delay(50);
                }
            }
        }
    }

    private static async Task<int> OwnerAsync(RedisServer node, int slot)
    {
        if (await TryAsync(node, "CLUSTER", "SLOTS") is not { } ranges)
        {
            return 0;
        }

        for (var i = 0; i < ranges.Length; i++)
        {
            if (slot >= (int)ranges[i][0] && slot <= (int)ranges[i][1])
            {
                return int.Parse((string)ranges[i][2][1]!, CultureInfo.InvariantCulture);
            }
        }

        return 0;
    }
}
