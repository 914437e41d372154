// For: acknowledging nothing at a primary that is being replaced.
//
// WAIT tells that replicas have a write. But sentinels promote one replica first and move the others afterwards. Meanwhile one
// that was not moved yet still confirms what is written to the old primary, if that was only frozen, or cut off from the
// sentinels alone; and drops it when it is moved.
//
// The sentinel that leads a fail-over says so from before the promotion until it names the new primary. So a write, or a
// fence, counts only if WAIT succeeded and sentinels that are asked after that tell of no fail-over, and the newest word
// among them (config epoch) names this server. Then whatever is promoted was a replica of it when the write was sent to its
// replicas, and sentinels promote the one that has most.
//
// A minority may be silent. If the leader is among them, and the primary was frozen as well, that is two faults at once.
using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>What a sentinel says of the service.</summary>
/// <param name="Server">The primary.</param>
/// <param name="Epoch">How new that is.</param>
/// <param name="IsFailingOver">It is about to make another one the primary.</param>
internal sealed record SentinelWord(EndPoint Server, long Epoch, bool IsFailingOver)
{
    internal static string Question(string service) => $"SENTINEL MASTER {service}";

    /// <summary>Reads the answer to <see cref="Question"/>; null: the sentinel knows no such service.</summary>
    internal static SentinelWord? Of(ServerReply reply)
    {
        var fields = reply.Items.Chunk(2).Where(pair => pair.Length == 2)
            .ToDictionary(pair => pair[0].Text ?? "", pair => pair[1].Text ?? "", StringComparer.Ordinal);
        return int.TryParse(fields.GetValueOrDefault("port"), CultureInfo.InvariantCulture, out var port)
            && long.TryParse(fields.GetValueOrDefault("config-epoch"), CultureInfo.InvariantCulture, out var epoch)
            && fields.GetValueOrDefault("ip") is { Length: > 0 } host
            ? new SentinelWord(
                TopologyDiscovery.Plain(new DnsEndPoint(host, port)), epoch, (fields.GetValueOrDefault("flags") ?? "").Split(',').Contains("failover_in_progress"))
            : null;
    }
}

/// <summary>The sentinels of a store, asked in rounds over connections that are kept. Thread-safe.</summary>
internal sealed class Sentinels : IDisposable
{
    private readonly StoreOptions _options;
    private readonly string _question;
    private readonly TimeProvider _clock;
    private readonly ReusableConnection[] _streams;
    private readonly Rounds<EndPoint, SentinelWord[]> _rounds;

    /// <param name="options">How to reach them.</param>
    /// <param name="all">Their addresses.</param>
    /// <param name="service">The name under which they know the store.</param>
    /// <param name="clock">Measures limits.</param>
    internal Sentinels(StoreOptions options, IEnumerable<EndPoint> all, string service, TimeProvider clock)
    {
        (_options, _question, _clock) = (options, SentinelWord.Question(service), clock);
        _streams = [.. all.Select(one => new ReusableConnection(stop => RedisConnector.ConnectAsync(options, one, clock, stop, isSentinel: true)))];
        _rounds = new Rounds<EndPoint, SentinelWord[]>(_ => AskAsync());
    }

    /// <summary>Ends well if a server is the primary, and no fail-over was going on at some moment after this was called.</summary>
    /// <exception cref="StoreUnavailableException">It is not, or too few sentinels answer.</exception>
    internal async Task ConfirmAsync(EndPoint server, CancellationToken cancellation)
    {
        if (!Confirm(await _rounds.JoinAsync([server], cancellation), _streams.Length, server))
        {
            throw StoreUnavailableException.BeingReplaced();
        }
    }

    /// <summary>Whether what sentinels say confirms a server.</summary>
    /// <param name="words">Of those that answer.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="server">The server.</param>
    internal static bool Confirm(IReadOnlyCollection<SentinelWord> words, int count, EndPoint server) =>
        words.Count > count / 2 && !words.Any(word => word.IsFailingOver) && words.MaxBy(word => word.Epoch)!.Server.Equals(server);

    public void Dispose() => Array.ForEach(_streams, stream => stream.Dispose());

    private async Task<SentinelWord[]> AskAsync()
    {
        // Half of what a fence may take: one that hangs must not stop everything.
        using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(Math.Max(1, _options.ReadTimeoutMs / 2)), _clock);
        var words = await Task.WhenAll(_streams.Select(stream => TryAskAsync(stream, limit.Token)));
        return [.. words.OfType<SentinelWord>()];
    }

    private async Task<SentinelWord?> TryAskAsync(ReusableConnection kept, CancellationToken limit)
    {
        try
        {
            return SentinelWord.Of((await ServerReply.AskAsync(kept.Current ?? await kept.OpenAsync(limit), limit, _question))[0]);
        }
        catch (Exception)
        {
            // Whatever it was: it does not answer.
            kept.Drop();
            return null;
        }
    }
}
