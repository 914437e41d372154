using Lookup.Load.Chaos.Plan;
using Lookup.Load.Processes;
using Lookup.Redis;

namespace Lookup.Load.Chaos.Stores;

/// <summary>
/// The store of a run. One redis-server, or a primary with replicas, has a proxy of each instance of the service in front
/// of each server; those behind sentinels and in a cluster are found by what these say, so they have none.
/// </summary>
internal sealed class ChaosStore : IAsyncDisposable
{
    private static readonly TimeSpan ReplicaLimit = TimeSpan.FromSeconds(60);

    private readonly StoreMode _mode;
    private readonly List<RedisNode> _nodes = [];
    private TcpProxy[][] _proxies = [];
    private Sentinels? _sentinels;
    private RedisNode _first = null!;

    private ChaosStore(StoreMode mode)
    {
        _mode = mode;
    }

    /// <summary>Replicas that must have a write before it is acknowledged.</summary>
    internal int WaitReplicas => _mode == StoreMode.Single ? 0 : 1;

    internal static async Task<ChaosStore> StartAsync(StoreMode mode, int instances, CancellationToken ct)
    {
        var store = new ChaosStore(mode);
        try
        {
            await store.StartNodesAsync(ct);
            if (mode is StoreMode.Single or StoreMode.Replicas)
            {
                store._proxies = [.. Enumerable.Range(0, instances).Select(_ => store._nodes.Select(node => new TcpProxy(node.Port)).ToArray())];
            }

            await store.FollowedAsync(ct);
            if (mode == StoreMode.Sentinel)
            {
                store._sentinels = await Sentinels.StartAsync(store._first.Port, ct);
            }

            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>How an instance reaches it: through its own proxies where there are some.</summary>
    internal string ConnectionOf(int instance) => _proxies.Length == 0
        ? DirectConnection
        : string.Join(',', _proxies[instance].Select(proxy => $"127.0.0.1:{proxy.Port}"));

    /// <summary>How the tool reaches it, without proxies.</summary>
    internal string DirectConnection => _sentinels?.Connection ?? string.Join(',', _nodes.Select(node => $"127.0.0.1:{node.Port}"));

    internal void EachProxy(int instance, Action<TcpProxy> act) => Array.ForEach(_proxies[instance], proxy => act(proxy));

    /// <summary>Lets all instances reach another server instead of the one that there is; null: that one again.</summary>
    internal void Redirect(RedisNode? other)
    {
        foreach (var proxy in _proxies.SelectMany(proxies => proxies))
        {
            proxy.Redirect((other ?? _first).Port);
        }
    }

    /// <summary>A server that is written to now.</summary>
    /// <param name="target">Which, where there are several.</param>
    /// <param name="ct">Ends the search.</param>
    internal async Task<RedisNode> PrimaryAsync(int target, CancellationToken ct)
    {
        if (_mode is StoreMode.Single or StoreMode.Replicas)
        {
            return _first;
        }

        var primaries = await WithRoleAsync("master", ct);
        return primaries[target % primaries.Count];
    }

    /// <summary>A server that follows another now.</summary>
    internal async Task<RedisNode> ReplicaAsync(int target, CancellationToken ct)
    {
        while (true)
        {
            var replicas = _mode == StoreMode.Replicas ? [.. _nodes.Where(node => node != _first)] : await WithRoleAsync("slave", ct);
            if (replicas.Count > 0)
            {
                return replicas[target % replicas.Count];
            }
            // Just after a fail-over there may be none that says so.
            await Task.Delay(100, ct);
        }
    }

    /// <summary>Makes the replica that has most the primary, as Sentinel does, and lets the others follow it.</summary>
    /// <returns>The old primary, which is left as it is.</returns>
    internal async Task<RedisNode> PromoteAsync(CancellationToken ct)
    {
        var old = _first;
        var offsets = new List<(long Offset, RedisNode Node)>();
        foreach (var node in _nodes.Where(node => node != old && node.IsRunning))
        {
            offsets.Add((await node.OffsetAsync(ct), node));
        }

        _first = offsets.MaxBy(pair => pair.Offset).Node;
        await _first.RunAsync(ct, "REPLICAOF", "NO", "ONE");
        foreach (var node in _nodes.Where(node => node != old && node != _first))
        {
            await DemoteAsync(node, ct);
        }

        return old;
    }

    /// <summary>Makes a server that runs follow the primary.</summary>
    internal Task DemoteAsync(RedisNode node, CancellationToken ct) => node.RunAsync(ct, "REPLICAOF", "127.0.0.1", $"{_first.Port}");

    /// <summary>Starts a server that was killed. Sentinels and the cluster tell it its role by themselves.</summary>
    internal Task RestartAsync(RedisNode node, CancellationToken ct) =>
        _mode == StoreMode.Replicas && node != _first ? node.StartAsync(ct, ReplicaOf()) : node.StartAsync(ct);

    /// <summary>Moves the slot of a partition to another server of the cluster.</summary>
    internal async Task ReshardAsync(int partition, TimeSpan pause, CancellationToken ct)
    {
        string key = Keys.Meta(partition)!;
        var slot = await _nodes[0].RunAsync(ct, "CLUSTER", "KEYSLOT", key);
        var primaries = await WithRoleAsync("master", ct);
        RedisNode? owner = null;
        foreach (var node in primaries)
        {
            // One that has the slot counts its keys; the meta hash is always there.
            if (await node.TryAsync(ct, "CLUSTER", "COUNTKEYSINSLOT", slot) is { } count && count != "0")
            {
                owner = node;
            }
        }

        if (owner is null || primaries.Count < 2)
        {
            return;
        }

        await ClusterSetup.MoveAsync(key, owner, primaries[(primaries.IndexOf(owner) + 1) % primaries.Count], pause, ct);
    }

    /// <summary>Sets the store up for the service, with a new number key in a file.</summary>
    internal async Task InitAsync(string tool, string keyFile, CancellationToken ct)
    {
        (await Tool.RunAsync(tool, ["init", "--redis", DirectConnection, "--key-file", keyFile, "--new-key", "--json"], ct)).MustSucceed("lookup init");
        await FollowedAsync(ct);
    }

    /// <summary>Waits until everything that follows is in step.</summary>
    internal async Task FollowedAsync(CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(ReplicaLimit);
        if (_mode == StoreMode.Cluster)
        {
            while (!await ClusterSetup.IsWholeAsync(_nodes, limit.Token))
            {
                await Task.Delay(100, limit.Token);
            }

            return;
        }

        while ((await WithRoleAsync("slave", limit.Token)).Count < _nodes.Count - 1)
        {
            await Task.Delay(50, limit.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var proxy in _proxies.SelectMany(proxies => proxies))
        {
            await proxy.DisposeAsync();
        }

        if (_sentinels is not null)
        {
            await _sentinels.DisposeAsync();
        }

        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }

    private async Task StartNodesAsync(CancellationToken ct)
    {
        var count = _mode switch { StoreMode.Single => 1, StoreMode.Cluster => ClusterSetup.Nodes, _ => 3 };
        for (var i = 0; i < count; i++)
        {
            _nodes.Add(new RedisNode(_mode == StoreMode.Cluster ? ClusterSetup.Settings() : []));
        }

        _first = _nodes[0];
        await _first.StartAsync(ct);
        await Task.WhenAll(_nodes.Skip(1).Select(node => _mode == StoreMode.Cluster ? node.StartAsync(ct) : node.StartAsync(ct, ReplicaOf())));
        if (_mode == StoreMode.Cluster)
        {
            await ClusterSetup.JoinAsync(_nodes, ct);
        }
    }

    // Those that are in the role and, where they follow, in step.
    private async Task<List<RedisNode>> WithRoleAsync(string role, CancellationToken ct)
    {
        var found = new List<RedisNode>();
        foreach (var node in _nodes.Where(node => node.IsRunning))
        {
            if (await node.InfoAsync("role", ct) == role && (role == "master" || await node.InfoAsync("master_link_status", ct) == "up"))
            {
                found.Add(node);
            }
        }

        return found;
    }

    private string[] ReplicaOf() => ["--replicaof", "127.0.0.1", $"{_first.Port}"];
}
