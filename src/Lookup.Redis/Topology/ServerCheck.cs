using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>Whether a server's role and settings are fit to keep facts.</summary>
internal abstract class ServerCheck
{
    /// <summary>Checks every server that has a part of the store.</summary>
    /// <param name="link">Where they are.</param>
    /// <param name="partitions">Partitions of the store.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>What should be changed.</returns>
    /// <exception cref="StoreUnavailableException">The service must not use the server.</exception>
    internal abstract Task<IReadOnlyList<string>> CheckAsync(RedisTopology link, int partitions, CancellationToken cancellation);

    /// <summary>Compares the clock of this process with those of the servers, see <see cref="StoreHealth.ClockAhead"/>.</summary>
    /// <param name="link">Where they are.</param>
    /// <param name="partitions">Partitions of the store.</param>
    /// <param name="cancellation">Ends the wait.</param>
    internal virtual Task<TimeSpan?> ClockAheadAsync(RedisTopology link, int partitions, CancellationToken cancellation) =>
        Task.FromResult<TimeSpan?>(null);

    /// <summary>Tries whether the servers take writes, by writes that change nothing.</summary>
    /// <param name="link">Where they are.</param>
    /// <param name="partitions">Partitions of the store.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>Why one refuses them; null where all take them.</returns>
    internal static async Task<StoreUnavailableException?> TryWritesAsync(RedisTopology link, int partitions, CancellationToken cancellation)
    {
        var tries = await Task.WhenAll(Enumerable.Range(Keys.Shared, partitions + 1).Select(TryAsync));
        return tries.FirstOrDefault(fault => fault is not null);

        async Task<StoreUnavailableException?> TryAsync(int place)
        {
            try
            {
                // Refused for every reason that a write is refused for (memory, disk, replicas); otherwise, with no bytes for
                // a key that is not there, nothing is made, logged or replicated.
                await link.WriteAsync(
                    place, db => db.StringSetRangeAsync(Keys.Nothing(place), 0, RedisValue.EmptyString, CommandFlags.DemandMaster), cancellation);
                return null;
            }
            catch (StoreUnavailableException e)
            {
                // A part that moves says so itself; the others go on.
                return e.IsElsewhere ? null : e;
            }
        }
    }
}

/// <summary>For a server of our own, whose settings we made.</summary>
internal sealed class OwnServerCheck : ServerCheck
{
    internal override Task<IReadOnlyList<string>> CheckAsync(RedisTopology link, int partitions, CancellationToken cancellation) =>
        Task.FromResult<IReadOnlyList<string>>([]);
}

/// <summary>For redis: INFO and plain commands, which hosted servers allow too.</summary>
internal sealed class RedisServerCheck : ServerCheck
{
    private const string PolicyField = "maxmemory_policy";

    // By the identity of the process, which counts from its start.
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

    /// <summary>Returns what to say where facts and the password pass a network in plain text; null where they do not.</summary>
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
            : $"The connection to {text} is not encrypted: whoever can read and change what passes there reads the password and can "
                + "make any number look free. Use TLS (ssl=true in the connection string), or a network that nobody else reaches.";
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
            // On the link for writes: reads wait behind others.
            var (before, answer, after) = await server.WriteAsync(
                async db => (clock.GetUtcNow(), (string[]?)await db.ExecuteAsync("TIME"), clock.GetUtcNow()), cancellation);
            if (answer is not [var seconds, var micros])
            {
                return null;
            }

            var time = DateTimeOffset.UnixEpoch.AddSeconds(long.Parse(seconds, CultureInfo.InvariantCulture))
                .AddMicroseconds(long.Parse(micros, CultureInfo.InvariantCulture));
            // The server read its clock some time between, so only what lies outside is a difference.
            return time < before ? before - time : time > after ? after - time : TimeSpan.Zero;
        }
        catch (StoreUnavailableException e) when (e.Fault == StoreFault.Settings)
        {
            return null;
        }
    }

    /// <summary>A setting, asked for by name; null where the server does not tell.</summary>
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
            warnings.Add("The server does not tell its maxmemory-policy: make sure that it is noeviction, or facts may be thrown away.");
        }
        else if (policy != "noeviction")
        {
            throw new StoreUnavailableException(
                StoreFault.Settings, "The store may throw facts away: set maxmemory-policy to noeviction.");
        }

        var evicted = Number("evicted_keys");
        if (evicted > _evicted.GetOrAdd(Text("run_id") ?? "", evicted))
        {
            throw new StoreUnavailableException(StoreFault.Settings, "The store has thrown facts away; load them again.");
        }

        if (Text("aof_enabled") == "0")
        {
            const string Off = "The store keeps no append-only file and loses facts when it stops: set appendonly to yes.";
            if (options.RequireAppendOnly)
            {
                throw new StoreUnavailableException(StoreFault.Settings, Off);
            }

            warnings.Add(Off);
        }

        if (Text("aof_enabled") is null)
        {
            warnings.Add("The server does not tell whether it keeps an append-only file: make sure that it does, or facts are lost when it stops.");
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
