using System.Diagnostics;
using Lookup.Load.Processes;
using StackExchange.Redis;

namespace Lookup.Load.Chaos.Stores;

/// <summary>Makes six redis-servers a Redis Cluster of three primaries with a replica each, and moves slots in it.</summary>
internal static class ClusterSetup
{
    internal const int Nodes = 6;
    private const int KeysAtATime = 50;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    internal static string[] Settings() =>
    [
        "--cluster-enabled", "yes", "--cluster-port", $"{RedisNode.FreePort()}", "--cluster-node-timeout", "1500", "--cluster-replica-validity-factor", "0",
    ];

    /// <summary>Joins servers that run and are empty, and waits until each of them serves.</summary>
    internal static async Task JoinAsync(IReadOnlyList<RedisNode> nodes, CancellationToken ct)
    {
        string[] create = ["--cluster", "create", .. nodes.Select(node => $"127.0.0.1:{node.Port}"), "--cluster-replicas", "1", "--cluster-yes"];
        (await Tool.RunAsync("redis-cli", create, ct)).MustSucceed("redis-cli --cluster create");
        for (var since = Stopwatch.StartNew(); ; await Task.Delay(100, ct))
        {
            if (await IsWholeAsync(nodes, ct))
            {
                return;
            }

            if (since.Elapsed > Limit)
            {
                throw new InvalidOperationException("The cluster does not form.");
            }
        }
    }

    /// <summary>Whether all servers are there, each slot has a primary and each replica follows.</summary>
    internal static async Task<bool> IsWholeAsync(IReadOnlyList<RedisNode> nodes, CancellationToken ct)
    {
        foreach (var node in nodes)
        {
            if (await node.TryAsync(ct, "CLUSTER", "INFO") is not { } info || !info.Contains("cluster_state:ok", StringComparison.Ordinal))
            {
                return false;
            }

            if (await node.InfoAsync("role", ct) == "slave" && await node.InfoAsync("master_link_status", ct) != "up")
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Moves the slot of a key from the server that has it to another, key by key.</summary>
    internal static async Task MoveAsync(string key, RedisNode from, RedisNode to, TimeSpan pause, CancellationToken ct)
    {
        var slot = await from.RunAsync(ct, "CLUSTER", "KEYSLOT", key);
        var (source, target) = (await from.RunAsync(ct, "CLUSTER", "MYID"), await to.RunAsync(ct, "CLUSTER", "MYID"));
        await to.RunAsync(ct, "CLUSTER", "SETSLOT", slot, "IMPORTING", source);
        await from.RunAsync(ct, "CLUSTER", "SETSLOT", slot, "MIGRATING", target);
        await using var connection = await from.ConnectAsync();
        var server = connection.GetServer("127.0.0.1", from.Port);
        while ((RedisValue[])(await WhenUpAsync("CLUSTER", "GETKEYSINSLOT", slot, KeysAtATime))! is { Length: > 0 } keys)
        {
            await WhenUpAsync("MIGRATE", ["127.0.0.1", $"{to.Port}", "", "0", "5000", "KEYS", .. keys.Select(key => (object)key)]);
            await Task.Delay(pause, ct);
        }

        await to.RunAsync(ct, "CLUSTER", "SETSLOT", slot, "NODE", target);
        await from.RunAsync(ct, "CLUSTER", "SETSLOT", slot, "NODE", target);

        // Where another fault has just taken a primary, the cluster is down for a moment.
        async Task<RedisResult> WhenUpAsync(string command, params object[] arguments)
        {
            for (var since = Stopwatch.StartNew(); ; await Task.Delay(100, ct))
            {
                try
                {
                    return await server.ExecuteAsync(command, arguments);
                }
                catch (RedisServerException e) when (e.Message.Contains("CLUSTERDOWN", StringComparison.Ordinal) && since.Elapsed < Limit)
                {
                }
            }
        }
    }
}
