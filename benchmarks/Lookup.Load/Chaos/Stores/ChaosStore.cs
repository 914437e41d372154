using Lookup.Load.Chaos.Plan;

namespace Lookup.Load.Chaos.Stores;

/// <summary>One redis-server, or a primary with replicas, with a proxy of each instance of the service in front of each.</summary>
internal sealed class ChaosStore : IAsyncDisposable
{
    private static readonly TimeSpan ReplicaLimit = TimeSpan.FromSeconds(30);

    private readonly List<RedisNode> _nodes;
    private readonly TcpProxy[][] _proxies;

    private ChaosStore(List<RedisNode> nodes, int instances)
    {
        _nodes = nodes;
        _proxies = [.. Enumerable.Range(0, instances).Select(_ => nodes.Select(node => new TcpProxy(node.Port)).ToArray())];
    }

    /// <summary>Replicas that must have a write before it is acknowledged.</summary>
    internal int WaitReplicas => _nodes.Count > 1 ? 1 : 0;

    internal RedisNode Primary { get; private set; } = null!;

    internal IReadOnlyList<RedisNode> Replicas => [.. _nodes.Where(node => node != Primary)];

    internal static async Task<ChaosStore> StartAsync(StoreMode mode, int instances, CancellationToken ct)
    {
        var nodes = Enumerable.Range(0, mode == StoreMode.Single ? 1 : 3).Select(_ => new RedisNode()).ToList();
        var store = new ChaosStore(nodes, instances) { Primary = nodes[0] };
        try
        {
            await store.Primary.StartAsync(ct);
            foreach (var replica in store.Replicas)
            {
                await replica.StartAsync(ct, store.ReplicaOf());
            }

            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>How an instance reaches it: through its own proxies.</summary>
    internal string ConnectionOf(int instance) => string.Join(',', _proxies[instance].Select(proxy => $"127.0.0.1:{proxy.Port}"));

    /// <summary>How the tool reaches it, without proxies.</summary>
    internal string DirectConnection => string.Join(',', _nodes.Select(node => $"127.0.0.1:{node.Port}"));

    internal void EachProxy(int instance, Action<TcpProxy> act) => Array.ForEach(_proxies[instance], proxy => act(proxy));

    /// <summary>Makes the replica that has most the primary, as Sentinel does, and lets the others follow it.</summary>
    /// <returns>The old primary, which is left as it is.</returns>
    internal async Task<RedisNode> PromoteAsync(CancellationToken ct)
    {
        var old = Primary;
        var offsets = new List<(long Offset, RedisNode Node)>();
        foreach (var node in Replicas.Where(node => node.IsRunning))
        {
            offsets.Add((await node.OffsetAsync(ct), node));
        }

        Primary = offsets.MaxBy(pair => pair.Offset).Node;
        await Primary.RunAsync(ct, "REPLICAOF", "NO", "ONE");
        foreach (var node in Replicas.Where(node => node != old))
        {
            await node.RunAsync(ct, "REPLICAOF", "127.0.0.1", $"{Primary.Port}");
        }

        return old;
    }

    /// <summary>Makes an old primary, which runs, follow the new one.</summary>
    internal Task DemoteAsync(RedisNode old, CancellationToken ct) => old.RunAsync(ct, "REPLICAOF", "127.0.0.1", $"{Primary.Port}");

    /// <summary>Starts a node that was killed, in its present role.</summary>
    internal Task RestartAsync(RedisNode node, CancellationToken ct) => node == Primary ? node.StartAsync(ct) : node.StartAsync(ct, ReplicaOf());

    /// <summary>Waits until all replicas follow the primary.</summary>
    internal async Task FollowedAsync(CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(ReplicaLimit);
        foreach (var replica in Replicas)
        {
            while (await replica.InfoAsync("master_link_status", limit.Token) != "up")
            {
                await Task.Delay(50, limit.Token);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var proxy in _proxies.SelectMany(proxies => proxies))
        {
            await proxy.DisposeAsync();
        }

        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }

    private string[] ReplicaOf() => ["--replicaof", "127.0.0.1", $"{Primary.Port}"];
}
