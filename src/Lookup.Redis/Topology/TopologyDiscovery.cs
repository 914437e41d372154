// For: knowing which server has what, from the configuration and from the servers themselves.
//
// A connection string names servers, sentinels (with serviceName=) or nodes of a cluster. The servers' answers decide which:
//
//   servers     the one that reports to be the primary has everything; a host name is resolved again regularly
//   sentinels   the primary that they name has everything
//   cluster     each slot has an owner; a partition is one slot, and so is the data of the store as a whole
//
// Sentinels and nodes may be behind: one that was frozen or cut off still names an earlier primary. So all of them are asked
// at the same time, and the newest answer counts: both number their changes (config epoch). The previous result counts like an
// answer, so a node that is behind and alone in answering cannot undo it.
using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>The servers of a store.</summary>
/// <param name="Owners">The server of each location, see <see cref="Keys.Slot"/>; null if no server has it.</param>
/// <param name="Epochs">Age of each entry: newer ones are higher.</param>
/// <param name="Askable">Servers to ask next time.</param>
/// <param name="CanMove">True if owners can change while the process runs.</param>
/// <param name="IsCluster">True if the servers are cluster nodes.</param>
/// <param name="History">The replication history of the only owner, asked on a separate connection; empty if unknown.</param>
internal sealed record Routes(
    EndPoint?[] Owners, long[] Epochs, IReadOnlyList<EndPoint> Askable, bool CanMove, bool IsCluster = false, string History = "");

/// <summary>Discovers the servers.</summary>
internal sealed class TopologyDiscovery(StoreOptions options, TimeProvider clock)
{
    // Asking more nodes of a big cluster adds nothing.
    private const int MaxAsked = 16;

    private static readonly TimeSpan AskLimit = TimeSpan.FromSeconds(1);

    // Time to wait for the other answers after the first.
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(100);

    private readonly ConfigurationOptions _configuration = ConfigurationOptions.Parse(options.ConnectionString);

    /// <summary>Returns the sentinels of the connection string; null if it names none.</summary>
    internal Sentinels? Sentinels() =>
        HasSentinels ? new Sentinels(options, Named(), _configuration.ServiceName!, clock) : null;

    private bool HasSentinels => !string.IsNullOrEmpty(_configuration.ServiceName);

    /// <summary>Asks the servers.</summary>
    /// <param name="before">The previous result; null at first.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">No server answers, or one answers with an error.</exception>
    internal async Task<Routes> FindAsync(Routes? before, CancellationToken cancellation)
    {
        var named = Named();
        if (HasSentinels)
        {
            return await FromSentinelsAsync(named, before, cancellation);
        }
        // A single server with a fixed address cannot move.
        if (before is { CanMove: false })
        {
            return before;
        }

        EndPoint[] asked = [.. named.Concat(before?.Askable ?? []).Distinct().Take(MaxAsked)];
        var words = await AskAsync(asked, false, LimitOf(before), cancellation, "CLUSTER NODES", "INFO replication");
        var nodes = words.Where(word => word.Replies[0] is { IsError: false, Text: not null }).ToList();
        return nodes.Count > 0
            ? FromNodes(nodes.ConvertAll(word => (word.Server, word.Replies[0].Text!)), before)
            : FromServers(named, words);
    }

    /// <summary>Combines the answers of cluster nodes: the newest one for each location.</summary>
    internal Routes FromNodes(IEnumerable<(EndPoint Asked, string Text)> views, Routes? before)
    {
        var owners = before?.Owners.ToArray() ?? new EndPoint?[Keys.Places];
        var epochs = before?.Epochs.ToArray() ?? Enumerable.Repeat(-1L, Keys.Places).ToArray();
        var known = new HashSet<EndPoint>();
        foreach (var (asked, text) in views)
        {
            foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                // id address flags primary ping pong epoch link ranges...
                var words = line.Split(' ');
                if (words.Length < 8 || Address(words[1], asked) is not { } address || words[2].Contains("noaddr", StringComparison.Ordinal))
                {
                    continue;
                }

                known.Add(address);
                if (!words[2].Split(',').Contains("master") || !long.TryParse(words[6], CultureInfo.InvariantCulture, out var epoch))
                {
                    continue;
                }

                for (var place = 0; place < Keys.Places; place++)
                {
                    if (epoch > epochs[place] && Has(words.AsSpan(8), Keys.Slot(place - 1)))
                    {
                        (owners[place], epochs[place]) = (address, epoch);
                    }
                }
            }
        }

        return new Routes(owners, epochs, [.. known], CanMove: true, IsCluster: true);
    }

    private static bool Has(ReadOnlySpan<string> ranges, int slot)
    {
        foreach (var range in ranges)
        {
            // A slot that is migrating is listed once more in brackets.
            if (range.StartsWith('['))
            {
                continue;
            }

            var dash = range.IndexOf('-', StringComparison.Ordinal);
            var first = int.Parse(dash < 0 ? range : range.AsSpan(0, dash), CultureInfo.InvariantCulture);
            var last = dash < 0 ? first : int.Parse(range.AsSpan(dash + 1), CultureInfo.InvariantCulture);
            if (slot >= first && slot <= last)
            {
                return true;
            }
        }

        return false;
    }

    // "ip:port@bus,hostname"; a node that does not know its address yet leaves the ip out.
    private EndPoint? Address(string text, EndPoint asked)
    {
        var parts = text.Split(',');
        var at = parts[0].IndexOf('@', StringComparison.Ordinal);
        var plain = at < 0 ? parts[0] : parts[0][..at];
        var colon = plain.LastIndexOf(':');
        if (colon < 0 || !int.TryParse(plain.AsSpan(colon + 1), CultureInfo.InvariantCulture, out var port) || port == 0)
        {
            return null;
        }
        // Certificates are issued for names.
        if (_configuration.Ssl && parts.Length > 1 && parts[1].Length > 0)
        {
            return Plain(new DnsEndPoint(parts[1], port));
        }

        if (colon > 0)
        {
            return IPAddress.TryParse(plain.AsSpan(0, colon), out var ip) ? new IPEndPoint(ip, port) : new DnsEndPoint(plain[..colon], port);
        }

        return asked switch
        {
            IPEndPoint own => new IPEndPoint(own.Address, port),
            DnsEndPoint own => new DnsEndPoint(own.Host, port),
            _ => asked,
        };
    }

    internal static EndPoint Plain(DnsEndPoint server) => IPAddress.TryParse(server.Host, out var ip) ? new IPEndPoint(ip, server.Port) : server;

    private EndPoint[] Named()
    {
        var standard = HasSentinels ? 26379 : _configuration.Ssl ? 6380 : 6379;
        return
        [
            .. _configuration.EndPoints.Select(server => server switch
            {
                DnsEndPoint dns => Plain(dns.Port == 0 ? new DnsEndPoint(dns.Host, standard) : dns),
                IPEndPoint { Port: 0 } ip => new IPEndPoint(ip.Address, standard),
                _ => server,
            }),
        ];
    }

    private static Routes FromServers(EndPoint[] named, List<(EndPoint Server, ServerReply[] Replies)> words)
    {
        // If none is the primary, the first one that answers reports that to every call.
        var primaries = words.Where(word => RedisServerCheck.Parse(word.Replies[1].Text).GetValueOrDefault("role") == "master").ToList();
        var server = named.Length == 1 ? named[0] : (primaries.Count > 0 ? primaries : words).MinBy(word => Array.IndexOf(named, word.Server)).Server;
        var info = RedisServerCheck.Parse(words.Find(word => word.Server.Equals(server)).Replies?[1].Text);
        // A name may be reassigned to another server, as hosted services do in a failover.
        return Everything(server, 0, named, named.Length > 1 || server is DnsEndPoint) with { History = info.GetValueOrDefault("master_replid", "") };
    }

    private async Task<Routes> FromSentinelsAsync(EndPoint[] sentinels, Routes? before, CancellationToken cancellation)
    {
        var words = await AskAsync(sentinels, true, LimitOf(before), cancellation, SentinelWord.Question(_configuration.ServiceName!));
        var newest = words.Select(word => SentinelWord.Parse(word.Replies[0])).OfType<SentinelWord>().MaxBy(word => word.Epoch)
            ?? throw new StoreUnavailableException(StoreFault.Settings, "The sentinels do not know the service that serviceName in the connection string names.");
        // Sentinels that were set up again count from the start: then most of them report it.
        if (before is not null && newest.Epoch < before.Epochs[0] && words.Count <= sentinels.Length / 2)
        {
            return before;
        }

        return Everything(newest.Server, newest.Epoch, sentinels, canMove: true);
    }

    private static Routes Everything(EndPoint server, long epoch, EndPoint[] askable, bool canMove) => new(
        [.. Enumerable.Repeat(server, Keys.Places)], [.. Enumerable.Repeat(epoch, Keys.Places)], askable, canMove);

    // At start there is no call to answer, so the limit is that of a connection.
    private TimeSpan LimitOf(Routes? before) => before is null ? TimeSpan.FromMilliseconds(options.ConnectTimeoutMs) : AskLimit;

    private async Task<List<(EndPoint Server, ServerReply[] Replies)>> AskAsync(
        EndPoint[] servers, bool areSentinels, TimeSpan wait, CancellationToken cancellation, params string[] questions)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(wait);
        var asking = servers.Select(server => (Server: server, Replies: ServerReply.AskAsync(options, server, areSentinels, clock, limit.Token, questions))).ToList();
        Task<ServerReply[][]> all = Task.WhenAll(asking.Select(one => one.Replies));
        StoreUnavailableException? fault = null;
        await foreach (var one in Task.WhenEach(asking.Select(one => one.Replies)))
        {
            if (one.IsCompletedSuccessfully)
            {
                await Task.WhenAny(all, Task.Delay(Grace, clock, CancellationToken.None));
                break;
            }

            if (fault is null || fault.Fault == StoreFault.Timeout)
            {
                fault = one.Exception?.InnerException as StoreUnavailableException ?? fault;
            }
        }

        // Those that are still silent end at their limit; observe their exceptions.
        _ = all.ContinueWith(static ended => ended.Exception, TaskScheduler.Default);
        cancellation.ThrowIfCancellationRequested();
        var words = asking.Where(one => one.Replies.IsCompletedSuccessfully).Select(one => (one.Server, one.Replies.Result)).ToList();
        if (words.Count == 0)
        {
            throw fault ?? RedisFaults.Timeout();
        }

        await limit.CancelAsync();
        return words;
    }
}
