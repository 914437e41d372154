// For: reaching the server that has a partition now, with a single server, behind sentinels, and in a cluster.
//
// Every call names its partition (or Keys.Shared), goes to one server, and stays there: what a read sends before and after its
// values proves something only if the same server answers all of it in that order, and WAIT counts the replicas of the server
// that receives it. So a call does not follow redirections. Instead the servers are asked again who has what, and if another
// one has the partition now, the whole call is retried once within its time limit. Otherwise it fails.
//
// Where servers can change, they are also polled: an old primary that was cut off would otherwise be used forever.
using System.Net;
using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>Holds the connections to the servers of a store.</summary>
internal sealed class RedisTopology : IAsyncDisposable
{
    // Intervals between discoveries, without and with a reason.
    private static readonly TimeSpan AskEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AskAtMost = TimeSpan.FromMilliseconds(50);

    // A server that no longer has any part of the store may still have calls to answer.
    private static readonly TimeSpan KeepFor = TimeSpan.FromSeconds(30);

    private readonly TopologyDiscovery _finder;
    private readonly Sentinels? _sentinels;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<EndPoint, (ServerLink Link, long LastUsed)> _links = [];
    private Map _map;
    private Task? _finding;
    private Task _watching = Task.CompletedTask;
    private long _asked;
    private int _disposed;

    private RedisTopology(
        StoreOptions options, TopologyDiscovery finder, TimeProvider clock, bool hasChannels, Routes routes)
    {
        _finder = finder;
        _sentinels = finder.Sentinels();
        HasChannels = hasChannels;
        _map = new Map(routes, new ServerLink?[Keys.Places]);
        Clock = clock;
        Options = options;
    }

    internal StoreOptions Options { get; }

    internal TimeProvider Clock { get; }

    /// <summary>True if the servers support PUBLISH and SUBSCRIBE.</summary>
    internal bool HasChannels { get; }

    /// <summary>Raised after a part of the store moved to another server.</summary>
    internal event Action? Moved;

    /// <summary>Returns every server that has a part of the store.</summary>
    /// <exception cref="StoreUnavailableException">No server has some part.</exception>
    internal IReadOnlyList<ServerLink> Servers(int partitions) =>
        [.. Enumerable.Range(Keys.Shared, partitions + 1).Select(GetServer).Distinct()];

    /// <summary>Counts the servers that have a part of the store, and the silent ones among them.</summary>
    internal StoreServers Health
    {
        get
        {
            ServerLink[] servers = [.. Volatile.Read(ref _map).Links.OfType<ServerLink>().Distinct()];
            return new StoreServers(servers.Length, servers.Count(server => server.Circuit.IsOpen));
        }
    }

    /// <summary>Connects to the servers.</summary>
    /// <param name="options">Address and limits.</param>
    /// <param name="clock">Measures limits.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <param name="hasChannels">The servers support PUBLISH and SUBSCRIBE.</param>
    /// <exception cref="ArgumentException">The options are invalid; the message lists every fault.</exception>
    /// <exception cref="StoreUnavailableException">No server answers.</exception>
    internal static async Task<RedisTopology> ConnectAsync(
        StoreOptions options, TimeProvider clock, CancellationToken cancellation, bool hasChannels = true)
    {
        var faults = options.Validate();
        if (faults.Count > 0)
        {
            throw new ArgumentException("The store's settings are invalid: " + string.Join(" ", faults), nameof(options));
        }

        var finder = new TopologyDiscovery(options, clock);
        var routes = await finder.FindAsync(null, cancellation);
        var link = new RedisTopology(options, finder, clock, hasChannels, routes);
        try
        {
            await link.ApplyAsync(routes, cancellation);
            if (routes.CanMove)
            {
                link._watching = link.WatchAsync();
            }

            return link;
        }
        catch
        {
            await link.DisposeAsync();
            throw;
        }
    }

    /// <summary>Returns the server that has a partition, or <see cref="Keys.Shared"/>, now.</summary>
    /// <exception cref="StoreUnavailableException">No server has it.</exception>
    internal ServerLink GetServer(int partition) => FindServer(partition) ?? throw RedisFaults.NoServer();

    /// <summary>Returns the server that has a partition, or <see cref="Keys.Shared"/>, now; null if there is none.</summary>
    internal ServerLink? FindServer(int partition) => Volatile.Read(ref _map).Links[partition - Keys.Shared];

    internal Task<T> ReadAsync<T>(int partition, Func<IDatabase, Task<T>> call, CancellationToken cancellation) =>
        CallAsync(partition, call, static (server, call, cancellation) => server.ReadAsync(call, cancellation), Options.ReadTimeoutMs, cancellation);

    internal Task<T> WriteAsync<T>(int partition, Func<IDatabase, Task<T>> call, CancellationToken cancellation) =>
        CallAsync(partition, call, static (server, call, cancellation) => server.WriteAsync(call, cancellation), Options.WriteTimeoutMs, cancellation);

    /// <summary>Reads data outside the partitions, then checks that the store is still the same.</summary>
    /// <param name="epoch">The store's epoch.</param>
    /// <param name="read">The read.</param>
    /// <param name="patient">The read may be long: use the write connection and its time limit.</param>
    /// <param name="cancellation">Ends the wait.</param>
    internal async Task<T> GlobalAsync<T>(
        RedisValue epoch, Func<IDatabase, Task<T>> read, bool patient, CancellationToken cancellation)
    {
        Task<RedisValue>? found = null;
        var value = await (patient
            ? WriteAsync<T>(Keys.Shared, BothAsync, cancellation)
            : ReadAsync<T>(Keys.Shared, BothAsync, cancellation));
        return await found! == epoch ? value : throw RedisFaults.Epoch(await found!);

        async Task<T> BothAsync(IDatabase db)
        {
            var value = read(db);
            found = db.HashGetAsync(Keys.Manifest, "epoch", CommandFlags.DemandMaster);
            await found;
            return await value;
        }
    }

    /// <summary>Runs a script on the write connection and waits until it is as durable as configured.</summary>
    internal Task<RedisResult[]> ScriptAsync(
        int partition, string script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellation) =>
        CallAsync(
            partition,
            async db =>
            {
                var answer = db.ScriptEvaluateAsync(script, keys, arguments, CommandFlags.DemandMaster);
                if (Options.WaitReplicas > 0)
                {
                    // On the same connection: WAIT counts the replicas of this server.
                    var had = db.ExecuteAsync("WAIT", Options.WaitReplicas, Options.WriteTimeoutMs);
                    await answer;
                    if ((int)await had < Options.WaitReplicas)
                    {
                        throw new StoreUnavailableException(
                            StoreFault.Unreachable, "Too few replicas have the write; it may have been stored, so send it again.");
                    }
                }

                return (RedisResult[])(await answer)!;
            },
            async (server, call, stop) =>
            {
                var answer = await server.WriteAsync(call, stop);
                if (Options.WaitReplicas > 0)
                {
                    await ConfirmAsync(server.Server, stop);
                }

                return answer;
            },
            Options.WriteTimeoutMs,
            cancellation);

    /// <summary>Succeeds if no other server is known to replace one that replicas have just confirmed.</summary>
    /// <exception cref="StoreUnavailableException">The server is being replaced, or the sentinels cannot rule that out.</exception>
    internal Task ConfirmAsync(EndPoint server, CancellationToken cancellation) =>
        _sentinels?.ConfirmAsync(server, cancellation) ?? Task.CompletedTask;

    /// <summary>Discovers the servers, unless that was just done; concurrent callers share one discovery.</summary>
    /// <returns>Ends when the result was applied, or the discovery failed.</returns>
    internal Task RediscoverAsync()
    {
        lock (_lock)
        {
            if (!Volatile.Read(ref _map).Routes.CanMove || _disposed != 0)
            {
                return Task.CompletedTask;
            }

            return _finding is { IsCompleted: false } ? _finding : _finding = FindAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _stop.CancelAsync();
        await _watching;
        Task? finding;
        lock (_lock)
        {
            finding = _finding;
        }

        await (finding ?? Task.CompletedTask);
        foreach (var (link, _) in _links.Values)
        {
            await link.DisposeAsync();
        }

        _sentinels?.Dispose();
        _stop.Dispose();
    }

    private async Task<T> CallAsync<T>(
        int partition,
        Func<IDatabase, Task<T>> call,
        Func<ServerLink, Func<IDatabase, Task<T>>, CancellationToken, Task<T>> send,
        int limitMs,
        CancellationToken cancellation)
    {
        var started = Clock.GetTimestamp();
        var server = GetServer(partition);
        try
        {
            return await send(server, call, cancellation);
        }
        catch (StoreUnavailableException e) when (Volatile.Read(ref _map).Routes.CanMove && e.MayBeElsewhere)
        {
            var finding = RediscoverAsync();
            if (!e.IsElsewhere)
            {
                throw;
            }

            var left = TimeSpan.FromMilliseconds(limitMs) - Clock.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                throw;
            }

            await finding.WaitAsync(left, Clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellation.ThrowIfCancellationRequested();
            var next = GetServer(partition);
            left = TimeSpan.FromMilliseconds(limitMs) - Clock.GetElapsedTime(started);
            if (next == server || left <= TimeSpan.Zero)
            {
                throw;
            }

            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(left);
            try
            {
                return await send(next, call, limit.Token);
            }
            catch (OperationCanceledException late) when (!cancellation.IsCancellationRequested)
            {
                throw RedisFaults.Timeout(late);
            }
        }
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(AskEvery, Clock);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                await RediscoverAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // The topology is being disposed.
        }
    }

    private async Task FindAsync()
    {
        await Task.Yield();
        try
        {
            var since = Clock.GetElapsedTime(Volatile.Read(ref _asked));
            if (since < AskAtMost)
            {
                await Task.Delay(AskAtMost - since, Clock, _stop.Token);
            }

            Volatile.Write(ref _asked, Clock.GetTimestamp());
            await ApplyAsync(await _finder.FindAsync(Volatile.Read(ref _map).Routes, _stop.Token), _stop.Token);
        }
        catch (Exception)
        {
            // The discovery failed for whatever reason: keep the current routes.
        }
    }

    // A name may resolve to another server by now, while the connections stay with the old one.
    private static bool IsOfAnother(ServerLink link, Routes routes) =>
        link.IsReplica || (routes.History.Length > 0 && link.History.Length > 0 && routes.History != link.History);

    // Runs one at a time: at the start, then only within a discovery.
    private async Task ApplyAsync(Routes routes, CancellationToken cancellation)
    {
        var wanted = routes.Owners.OfType<EndPoint>().Distinct().ToList();
        await Task.WhenAll(wanted.Where(server => !_links.TryGetValue(server, out var have) || IsOfAnother(have.Link, routes)).ToList().Select(async server =>
        {
            var link = await ServerLink.ConnectAsync(server, Options, routes.IsCluster, Clock, cancellation);
            lock (_lock)
            {
                // The link as a replica is dropped: it has no calls to answer.
                if (_links.Remove(server, out var old))
                {
                    _ = old.Link.DisposeAsync().AsTask();
                }

                _links[server] = (link, 0);
            }
        }));
        var now = Clock.GetTimestamp();
        foreach (var server in wanted)
        {
            _links[server] = (_links[server].Link, now);
        }

        var map = new Map(routes, [.. routes.Owners.Select(server => server is null ? null : _links[server].Link)]);
        var hasMoved = !map.Links.SequenceEqual(_map.Links);
        Volatile.Write(ref _map, map);
        if (hasMoved)
        {
            Moved?.Invoke();
        }

        foreach (var (server, (link, used)) in _links.ToList())
        {
            if (Clock.GetElapsedTime(used, now) > KeepFor && _links.Remove(server))
            {
                await link.DisposeAsync();
            }
        }
    }

    private sealed record Map(Routes Routes, ServerLink?[] Links);
}
