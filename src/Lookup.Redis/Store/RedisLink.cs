using System.Net;
using Lookup.Core.Numbers;
using StackExchange.Redis;

namespace Lookup.Redis.Store;

/// <summary>Connections to the server: some for reads, one for writes, so that a WAIT holds no read up.</summary>
internal sealed class RedisLink : IAsyncDisposable
{
    /// <summary>Stands for what belongs to no partition, where one is asked for.</summary>
    internal const int StoreWide = NumberKey.MaxPartitions;

    private readonly ConnectionMultiplexer[] _reads;
    private readonly ConnectionMultiplexer _writes;
    private readonly Circuit[] _circuits;
    private readonly TimeProvider _clock;
    private readonly TimeSpan _readLimit;
    private readonly TimeSpan _writeLimit;
    private uint _next;

    private readonly string? _commit;

    private RedisLink(
        StoreOptions options, ConnectionMultiplexer[] reads, ConnectionMultiplexer writes, TimeProvider clock, string? commit, bool hasChannels)
    {
        _commit = commit;
        HasChannels = hasChannels;
        _reads = reads;
        _writes = writes;
        _clock = clock;
        _readLimit = TimeSpan.FromMilliseconds(options.ReadTimeoutMs);
        _circuits = [.. Enumerable.Range(0, StoreWide + 1).Select(p => new Circuit(_readLimit, clock, () => ProbeAsync(p)))];
        _writeLimit = TimeSpan.FromMilliseconds(options.WriteTimeoutMs);
        Options = options;
    }

    internal StoreOptions Options { get; }

    /// <summary>The server takes PUBLISH and SUBSCRIBE.</summary>
    internal bool HasChannels { get; }

    /// <summary>For reads, in turn.</summary>
    internal IDatabase Reads =>
        _reads[_reads.Length == 1 ? 0 : Interlocked.Increment(ref _next) % (uint)_reads.Length].GetDatabase();

    internal IDatabase Writes => _writes.GetDatabase();

    internal ConnectionMultiplexer Multiplexer => _writes;

    internal TimeProvider Clock => _clock;

    /// <summary>The server that is written to, where several are named; null where none is known to be it.</summary>
    internal EndPoint? Primary => _writes.GetServers().FirstOrDefault(s => s.IsConnected && !s.IsReplica)?.EndPoint;

    /// <summary>Connects.</summary>
    /// <param name="options">Where and how.</param>
    /// <param name="clock">Measures limits.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <param name="commit">Command that makes what was written before durable, where the server does not by itself.</param>
    /// <param name="hasChannels">The server takes PUBLISH and SUBSCRIBE.</param>
    internal static async Task<RedisLink> ConnectAsync(
        StoreOptions options, TimeProvider clock, CancellationToken cancellation, string? commit = null, bool hasChannels = true)
    {
        var faults = options.Validate();
        if (faults.Count > 0)
            throw new ArgumentException("The store's settings are wrong: " + string.Join(" ", faults), nameof(options));
        var reads = new List<ConnectionMultiplexer>();
        try
        {
            for (var i = 0; i < options.ReadConnections; i++)
            {
                reads.Add(await ConnectionMultiplexer.ConnectAsync(Configuration(options)).WaitAsync(cancellation));
            }

            var writes = await ConnectionMultiplexer.ConnectAsync(Configuration(options)).WaitAsync(cancellation);
            return new RedisLink(options, [.. reads], writes, clock, commit, hasChannels);
        }
        catch (Exception e)
        {
            foreach (var read in reads)
            {
                await read.DisposeAsync();
            }

            if (e is OperationCanceledException)
                throw;
            throw RedisFaults.Map(e);
        }
    }

    /// <summary>Refuses calls to a partition, or to <see cref="StoreWide"/>, whose server has fallen silent.</summary>
    internal Circuit Circuit(int partition) => _circuits[partition];

    /// <summary>Calls on a read connection.</summary>
    /// <param name="call">The call.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <param name="partition">The partition that is read.</param>
    /// <exception cref="StoreUnavailableException">The server did not answer, or not with what was asked for.</exception>
    internal Task<T> ReadAsync<T>(
        Func<IDatabase, Task<T>> call, CancellationToken cancellation, int partition = StoreWide) =>
        CallAsync(Reads, call, _readLimit, isRead: true, _circuits[partition], cancellation);

    /// <summary>Calls on the write connection.</summary>
    /// <param name="call">The call.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <param name="partition">The partition that is written.</param>
    /// <exception cref="StoreUnavailableException">The server did not answer, or not with what was asked for.</exception>
    internal Task<T> WriteAsync<T>(
        Func<IDatabase, Task<T>> call, CancellationToken cancellation, int partition = StoreWide) =>
        CallAsync(Writes, call, _writeLimit, isRead: false, _circuits[partition], cancellation);

    /// <summary>Reads what belongs to no partition, and behind it that the store was still there.</summary>
    /// <param name="epoch">The store's epoch.</param>
    /// <param name="read">The read.</param>
    /// <param name="patient">It may be long: on the write connection, within its limit.</param>
    /// <param name="cancellation">Ends the wait.</param>
    internal async Task<T> GlobalAsync<T>(
        RedisValue epoch, Func<IDatabase, Task<T>> read, bool patient, CancellationToken cancellation)
    {
        Task<RedisValue>? found = null;
        var value = await (patient ? WriteAsync<T>(BothAsync, cancellation) : ReadAsync<T>(BothAsync, cancellation));
        return await found! == epoch ? value : throw RedisFaults.Epoch(await found!);

        async Task<T> BothAsync(IDatabase db)
        {
            var value = read(db);
            found = db.HashGetAsync(Keys.Manifest, "epoch", CommandFlags.DemandMaster);
            await found;
            return await value;
        }
    }

    /// <summary>Runs a script on the write connection and waits until it is as durable as is configured.</summary>
    internal Task<RedisResult[]> ScriptAsync(string script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellation) =>
        WriteAsync(
            async db =>
            {
                var answer = db.ScriptEvaluateAsync(script, keys, arguments, CommandFlags.DemandMaster);
                if (_commit is not null)
                {
                    // Also where the script wrote nothing: what it found may have been written just before.
                    var committed = db.ExecuteAsync(_commit);
                    await answer;
                    await committed;
                }

                if (Options.WaitReplicas > 0)
                {
                    var had = db.ExecuteAsync("WAIT", Options.WaitReplicas, Options.WriteTimeoutMs);
                    await answer;
                    if ((int)await had < Options.WaitReplicas)
                    {
                        throw new StoreUnavailableException(
                            StoreFault.Unreachable, "Too few replicas have the write; it may be kept, send it again.");
                    }
                }

                return (RedisResult[])(await answer)!;
            },
            cancellation,
            Keys.Partition(keys[0]) ?? StoreWide);

    /// <summary>Makes everything written so far durable.</summary>
    internal Task<bool> CommitAsync(CancellationToken cancellation) =>
        WriteAsync(async db => _commit is null || !(await db.ExecuteAsync(_commit)).IsNull, cancellation);

    public async ValueTask DisposeAsync()
    {
        foreach (var circuit in _circuits)
        {
            circuit.Dispose();
        }

        foreach (var read in _reads)
        {
            await read.DisposeAsync();
        }

        await _writes.DisposeAsync();
    }

    private async Task<T> CallAsync<T>(
        IDatabase db, Func<IDatabase, Task<T>> call, TimeSpan limit, bool isRead, Circuit circuit, CancellationToken cancellation)
    {
        var ended = isRead ? circuit.EnterRead() : circuit.EnterWrite();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, ended);
        try
        {
            var answer = await call(db).WaitAsync(limit, _clock, stop.Token);
            circuit.Answered();
            return answer;
        }
        catch (Exception e) when (e is TimeoutException or RedisTimeoutException)
        {
            if (isRead)
                circuit.Missed();
            throw RedisFaults.Timeout(e);
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw RedisFaults.Open();
        }
        catch (OperationCanceledException)
        {
            if (isRead)
                circuit.Missed();
            throw;
        }
        catch (RedisServerException e)
        {
            circuit.Answered();
            throw RedisFaults.Map(e);
        }
        catch (Exception e) when (e is RedisException or RedisCommandException)
        {
            throw IsReplica() ? RedisFaults.Replica(e) : RedisFaults.Map(e);
        }
    }

    private async Task ProbeAsync(int partition)
    {
        try
        {
            await Reads.HashGetAsync(
                partition == StoreWide ? Keys.Manifest : Keys.Meta(partition),
                partition == StoreWide ? "epoch" : "e",
                CommandFlags.DemandMaster);
        }
        catch (RedisServerException)
        {
            // That is an answer too.
        }
    }

    // With a replica alone the client finds no server for a command that demands the primary.
    private bool IsReplica()
    {
        var servers = _writes.GetServers();
        return servers.Any(s => s.IsConnected) && servers.Where(s => s.IsConnected).All(s => s.IsReplica);
    }

    private static ConfigurationOptions Configuration(StoreOptions options)
    {
        var configuration = ConfigurationOptions.Parse(options.ConnectionString);
        configuration.AbortOnConnectFail = false;
        configuration.BacklogPolicy = BacklogPolicy.FailFast;
        configuration.ConnectTimeout = options.ConnectTimeoutMs;
        configuration.ConnectRetry = 1;
        configuration.ClientName = "lookup";
        // The client counts INFO and CONFIG GET as administration.
        configuration.AllowAdmin = true;
        // Scripts publish under the plain name.
        configuration.ChannelPrefix = default;
        // Each call has its own limit; this one only clears what nobody waits for any more.
        configuration.AsyncTimeout = Math.Max(options.WriteTimeoutMs, options.ReadTimeoutMs) + 1_000;
        configuration.SyncTimeout = configuration.AsyncTimeout;
        configuration.KeepAlive = 10;
        configuration.HeartbeatInterval = TimeSpan.FromMilliseconds(250);
        configuration.ReconnectRetryPolicy = new LinearRetry(250);
        return configuration;
    }
}
