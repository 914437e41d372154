using System.Net;
using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>
/// Connections to one server: some for reads, one for writes, so that a WAIT does not delay reads. This server, and no other,
/// executes all commands sent through one of its databases in the order of sending.
/// </summary>
internal sealed class ServerLink : IAsyncDisposable
{
    // Hide from the client that a server is a cluster node: it would follow redirections to other nodes by itself and execute
    // ordered commands out of order.
    private static readonly CommandMap NodeCommands = CommandMap.Create(["CLUSTER", "HELLO", "INFO", "SENTINEL"], available: false);

    private readonly ConnectionMultiplexer[] _reads;
    private readonly ConnectionMultiplexer _writes;
    private readonly Circuit _circuit;
    private readonly TimeProvider _clock;
    private readonly TimeSpan _readLimit;
    private readonly TimeSpan _writeLimit;
    private readonly bool _isNode;
    private volatile bool _hasSaidReplica;
    private uint _next;

    private ServerLink(
        EndPoint server, StoreOptions options, ConnectionMultiplexer[] reads, ConnectionMultiplexer writes, TimeProvider clock, bool isNode)
    {
        Server = server;
        _reads = reads;
        _writes = writes;
        _clock = clock;
        _isNode = isNode;
        _readLimit = TimeSpan.FromMilliseconds(options.ReadTimeoutMs);
        _circuit = new Circuit(_readLimit, clock, ProbeAsync);
        _writeLimit = TimeSpan.FromMilliseconds(options.WriteTimeoutMs);
    }

    internal EndPoint Server { get; }

    /// <summary>True once the server has no part of the store.</summary>
    internal bool IsClosed { get; private set; }

    /// <summary>Returns the connections for reads in turn.</summary>
    internal IDatabase Reads =>
        _reads[_reads.Length == 1 ? 0 : Interlocked.Increment(ref _next) % (uint)_reads.Length].GetDatabase();

    internal IDatabase Writes => _writes.GetDatabase();

    internal ConnectionMultiplexer Multiplexer => _writes;

    /// <summary>Rejects calls to the server while it is silent.</summary>
    internal Circuit Circuit => _circuit;

    /// <summary>The replication history that the server reported last; empty if it was not asked yet.</summary>
    internal string History { get; private set; } = "";

    /// <summary>If a replica is the only server, the client finds none for a command that demands the primary.</summary>
    internal bool IsReplica
    {
        get
        {
            if (_hasSaidReplica)
            {
                return true;
            }

            var servers = _writes.GetServers();
            return servers.Any(s => s.IsConnected) && servers.Where(s => s.IsConnected).All(s => s.IsReplica);
        }
    }

    /// <summary>Connects to a server.</summary>
    /// <param name="server">The server.</param>
    /// <param name="options">How.</param>
    /// <param name="isNode">The server is a cluster node.</param>
    /// <param name="clock">Measures limits.</param>
    /// <param name="cancellation">Ends the wait.</param>
    internal static async Task<ServerLink> ConnectAsync(
        EndPoint server, StoreOptions options, bool isNode, TimeProvider clock, CancellationToken cancellation)
    {
        var opened = new List<ConnectionMultiplexer>();
        try
        {
            var opening = Enumerable.Range(0, options.ReadConnections + 1)
                .Select(_ => ConnectionMultiplexer.ConnectAsync(Configuration(server, options, isNode))).ToArray();
            foreach (var one in opening)
            {
                opened.Add(await one.WaitAsync(cancellation));
            }

            return new ServerLink(server, options, [.. opened.Skip(1)], opened[0], clock, isNode);
        }
        catch (Exception e)
        {
            foreach (var one in opened)
            {
                await one.DisposeAsync();
            }

            if (e is OperationCanceledException)
            {
                throw;
            }

            throw RedisFaults.Map(e);
        }
    }

    internal Task<T> ReadAsync<T>(Func<IDatabase, Task<T>> call, CancellationToken cancellation) =>
        CallAsync(Reads, call, _readLimit, isRead: true, cancellation);

    internal Task<T> WriteAsync<T>(Func<IDatabase, Task<T>> call, CancellationToken cancellation) =>
        CallAsync(Writes, call, _writeLimit, isRead: false, cancellation);

    /// <summary>Reads INFO, after all commands sent through the database before.</summary>
    /// <param name="db">The database that sends it.</param>
    /// <param name="section">Section of INFO.</param>
    internal async Task<Dictionary<string, string>> InfoAsync(IDatabase db, string section)
    {
        var text = _isNode
            ? await db.ScriptEvaluateAsync(section == "" ? "return redis.call('INFO')" : $"return redis.call('INFO','{section}')")
            : await db.ExecuteAsync("INFO", section == "" ? [] : [section]);
        var info = RedisServerCheck.Parse((string?)text);
        _hasSaidReplica |= info.GetValueOrDefault("role") is "slave" or "replica";
        History = info.GetValueOrDefault("master_replid", History);
        return info;
    }

    public async ValueTask DisposeAsync()
    {
        IsClosed = true;
        _circuit.Dispose();
        foreach (var read in _reads)
        {
            await read.DisposeAsync();
        }

        await _writes.DisposeAsync();
    }

    private async Task<T> CallAsync<T>(
        IDatabase db, Func<IDatabase, Task<T>> call, TimeSpan limit, bool isRead, CancellationToken cancellation)
    {
        var ended = isRead ? _circuit.EnterRead() : _circuit.EnterWrite();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, ended);
        try
        {
            var answer = await call(db).WaitAsync(limit, _clock, stop.Token);
            _circuit.Answered();
            return answer;
        }
        catch (Exception e) when (e is TimeoutException or RedisTimeoutException)
        {
            if (isRead)
            {
                _circuit.Missed();
            }

            throw RedisFaults.Timeout(e);
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw RedisFaults.Open();
        }
        catch (OperationCanceledException)
        {
            if (isRead)
            {
                _circuit.Missed();
            }

            throw;
        }
        catch (RedisServerException e)
        {
            _circuit.Answered();
            var fault = RedisFaults.Map(e);
            _hasSaidReplica |= fault.Fault == StoreFault.ReadOnlyReplica;
            throw fault;
        }
        catch (Exception e) when (e is RedisException or RedisCommandException or ObjectDisposedException)
        {
            var fault = IsReplica ? RedisFaults.Replica(e) : RedisFaults.Map(e);
            if (fault.IsElsewhere)
            {
                _circuit.Answered();
            }

            throw fault;
        }
    }

    private async Task ProbeAsync()
    {
        try
        {
            await Reads.PingAsync(CommandFlags.DemandMaster);
        }
        catch (RedisServerException)
        {
            // An error is an answer too.
        }
    }

    private static ConfigurationOptions Configuration(EndPoint server, StoreOptions options, bool isNode)
    {
        var configuration = ConfigurationOptions.Parse(options.ConnectionString);
        configuration.EndPoints.Clear();
        configuration.EndPoints.Add(server);
        configuration.ServiceName = null;
        configuration.TieBreaker = "";
        if (isNode)
        {
            configuration.CommandMap = NodeCommands;
            configuration.Protocol = RedisProtocol.Resp2;
            configuration.DefaultVersion = new Version(6, 2);
            configuration.ConfigurationChannel = "";
        }

        configuration.AbortOnConnectFail = false;
        configuration.BacklogPolicy = BacklogPolicy.FailFast;
        configuration.ConnectTimeout = options.ConnectTimeoutMs;
        configuration.ConnectRetry = 1;
        configuration.ClientName = "lookup";
        // The client classifies INFO and CONFIG GET as administration.
        configuration.AllowAdmin = true;
        // Scripts publish under the plain name.
        configuration.ChannelPrefix = default;
        // Each call has its own limit; this one only removes commands whose caller no longer waits.
        configuration.AsyncTimeout = Math.Max(options.WriteTimeoutMs, options.ReadTimeoutMs) + 1_000;
        configuration.SyncTimeout = configuration.AsyncTimeout;
        configuration.KeepAlive = 10;
        configuration.HeartbeatInterval = TimeSpan.FromMilliseconds(250);
        configuration.ReconnectRetryPolicy = new LinearRetry(250);
        return configuration;
    }
}
