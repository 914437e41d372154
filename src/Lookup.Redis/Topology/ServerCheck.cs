using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>Checks whether a server's role and settings are fit to store facts.</summary>
internal abstract class ServerCheck
{
    /// <summary>Checks every server that has a part of the store.</summary>
    /// <param name="link">The servers.</param>
    /// <param name="partitions">Number of partitions.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>Warnings for the operator.</returns>
    /// <exception cref="StoreUnavailableException">The service must not use the server.</exception>
    internal abstract Task<IReadOnlyList<string>> CheckAsync(RedisTopology link, int partitions, CancellationToken cancellation);

    /// <summary>Compares this process's clock with those of the servers, see <see cref="StoreHealth.ClockAhead"/>.</summary>
    /// <param name="link">The servers.</param>
    /// <param name="partitions">Number of partitions.</param>
    /// <param name="cancellation">Ends the wait.</param>
    internal virtual Task<TimeSpan?> ClockAheadAsync(RedisTopology link, int partitions, CancellationToken cancellation) =>
        Task.FromResult<TimeSpan?>(null);

    /// <summary>Tests whether the servers accept writes, with writes that change nothing.</summary>
    /// <param name="link">The servers.</param>
    /// <param name="partitions">Number of partitions.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The fault of a server that rejects them; null if all accept them.</returns>
    internal static async Task<StoreUnavailableException?> TryWritesAsync(RedisTopology link, int partitions, CancellationToken cancellation)
    {
        var tries = await Task.WhenAll(Enumerable.Range(Keys.Shared, partitions + 1).Select(TryAsync));
        return tries.FirstOrDefault(fault => fault is not null);

        async Task<StoreUnavailableException?> TryAsync(int place)
        {
            try
            {
                // The server rejects this for every reason for which it rejects a write (memory, disk, replicas). Otherwise it
                // creates, logs and replicates nothing, because the key does not exist and there are no bytes.
                await link.WriteAsync(
                    place, db => db.StringSetRangeAsync(Keys.Absent(place), 0, RedisValue.EmptyString, CommandFlags.DemandMaster), cancellation);
                return null;
            }
            catch (StoreUnavailableException e)
            {
                // Calls to a part that moves report it themselves; the other parts stay usable.
                return e.IsElsewhere ? null : e;
            }
        }
    }
}

/// <summary>Checks nothing: the embedded server's settings are our own.</summary>
internal sealed class OwnServerCheck : ServerCheck
{
    internal override Task<IReadOnlyList<string>> CheckAsync(RedisTopology link, int partitions, CancellationToken cancellation) =>
        Task.FromResult<IReadOnlyList<string>>([]);
}

/// <summary>Checks redis with INFO and plain commands, which hosted servers allow too.</summary>
internal sealed class RedisServerCheck : ServerCheck
{
    private const string PolicyField = "maxmemory_policy";

    // By run id, because the counter restarts with the process.
    private readonly ConcurrentDictionary<string, long> _evicted = new();

    internal override async Task<IReadOnlyList<string>> CheckAsync(RedisTopology link, int partitions, CancellationToken cancellation)
    {
        var warnings = await Task.WhenAll(link.Servers(partitions).Select(async server =>
        {
            var info = await server.WriteAsync(db => server.InfoAsync(db, ""), cancellation);
            if (!info.ContainsKey(PolicyField) && await SettingAsync(server, "maxmemory-policy", cancellation) is { } policy)
            {
                info[PolicyField] = policy;
            }

            return Check(info, link.Options);
        }));
        return [.. link.Servers(partitions).Select(server => PlainText(server.Server, link.Options)).OfType<string>().Concat(warnings.SelectMany(warning => warning)).Distinct()];
    }

    /// <summary>Returns a warning if facts and the password cross a network in plain text; otherwise null.</summary>
    internal static string? PlainText(EndPoint server, StoreOptions options)
    {
        var (isHere, text) = server switch
        {
            IPEndPoint ip => (IPAddress.IsLoopback(ip.Address), ip.ToString()),
            DnsEndPoint name => (name.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase), $"{name.Host}:{name.Port}"),
            _ => (true, ""),
        };
        return isHere || ConfigurationOptions.Parse(options.ConnectionString).Ssl
            ? null
            : $"The connection to {text} is not encrypted: anyone who can read and change its traffic can read the password and "
                + "make any number look free. Use TLS (ssl=true in the connection string) or a private network.";
    }

    internal override async Task<TimeSpan?> ClockAheadAsync(RedisTopology link, int partitions, CancellationToken cancellation)
    {
        var all = await Task.WhenAll(link.Servers(partitions).Select(server => AheadAsync(server, link.Clock, cancellation)));
        return all.MaxBy(ahead => ahead?.Duration() ?? TimeSpan.Zero);
    }

    internal static async Task<TimeSpan?> AheadAsync(ServerLink server, TimeProvider clock, CancellationToken cancellation)
    {
        try
        {
            // On the connection for writes: there it does not wait behind other reads.
            var (before, answer, after) = await server.WriteAsync(
                async db => (clock.GetUtcNow(), (string[]?)await db.ExecuteAsync("TIME"), clock.GetUtcNow()), cancellation);
            if (answer is not [var seconds, var micros])
            {
                return null;
            }

            var time = DateTimeOffset.UnixEpoch.AddSeconds(long.Parse(seconds, CultureInfo.InvariantCulture))
                .AddMicroseconds(long.Parse(micros, CultureInfo.InvariantCulture));
            // The server read its clock at some moment in between, so only a time outside that interval is a difference.
            return time < before ? before - time : time > after ? after - time : TimeSpan.Zero;
        }
        catch (StoreUnavailableException e) when (e.Fault == StoreFault.Settings)
        {
            return null;
        }
    }

    /// <summary>Reads a setting by name; null if the server does not report it.</summary>
    internal static async Task<string?> SettingAsync(ServerLink server, string name, CancellationToken cancellation)
    {
        try
        {
            return await server.WriteAsync(async db => (string[]?)await db.ExecuteAsync("CONFIG", "GET", name), cancellation) is [_, var value] ? value : null;
        }
        catch (StoreUnavailableException e) when (e.Fault == StoreFault.Settings)
        {
            return null;
        }
    }

    private List<string> Check(Dictionary<string, string> info, StoreOptions options)
    {
        var warnings = new List<string>();
        if (Text("role") is "slave" or "replica")
        {
            throw RedisFaults.Replica();
        }

        if (Text("loading") == "1")
        {
            throw new StoreUnavailableException(StoreFault.Unreachable, "The store is not ready yet.");
        }

        if (Text(PolicyField) is not { } policy)
        {
            warnings.Add("The server does not report its maxmemory-policy: make sure that it is noeviction, or facts may be evicted.");
        }
        else if (policy != "noeviction")
        {
            throw new StoreUnavailableException(
                StoreFault.Settings, "The store may evict facts: set maxmemory-policy to noeviction.");
        }

        var evicted = Number("evicted_keys");
        if (evicted > _evicted.GetOrAdd(Text("run_id") ?? "", evicted))
        {
            throw new StoreUnavailableException(StoreFault.Settings, "The store has evicted facts; load them again.");
        }

        if (Text("aof_enabled") == "0")
        {
            const string Off = "The store has no append-only file and loses facts when it stops: set appendonly to yes.";
            if (options.RequireAppendOnly)
            {
                throw new StoreUnavailableException(StoreFault.Settings, Off);
            }

            warnings.Add(Off);
        }

        if (Text("aof_enabled") is null)
        {
            warnings.Add("The server does not report whether it has an append-only file: make sure that it does, or facts are lost when it stops.");
        }

        if (Text("aof_last_write_status") == "err" || Text("aof_last_bgrewrite_status") == "err")
        {
            warnings.Add("The store could not write its append-only file.");
        }

        var limit = Number("maxmemory");
        if (limit > 0 && Number("used_memory") > limit * 9 / 10)
        {
            warnings.Add("The store's memory is more than 90 % full.");
        }

        if (options.WaitReplicas > Number("connected_slaves"))
        {
            warnings.Add("Fewer replicas are connected than writes wait for.");
        }

        return warnings;

        string? Text(string name) => info.GetValueOrDefault(name);

        long Number(string name) => long.TryParse(info.GetValueOrDefault(name), out var number) ? number : 0;
    }

    internal static Dictionary<string, string> Parse(string? info)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in (info ?? "").Split('\n'))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                fields[line[..colon]] = line[(colon + 1)..].TrimEnd('\r');
            }
        }

        return fields;
    }
}
