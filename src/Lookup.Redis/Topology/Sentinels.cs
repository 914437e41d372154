// For: acknowledging nothing at a primary that is being replaced.
//
// WAIT reports that replicas have a write. But sentinels promote one replica first and move the others afterwards. Until then, a
// replica that was not moved yet still confirms what is written to the old primary, if that was only frozen, or cut off from the
// sentinels alone; and drops it when it is moved.
//
// The sentinel that leads a failover reports it from before the promotion until it names the new primary. So a write, or a
// fence, counts only if WAIT succeeded, and sentinels asked after that report no failover, and the newest answer among them
// (config epoch) names this server. Then whichever replica is promoted was a replica of this server when the write was sent to
// its replicas, and sentinels promote the one that has most.
//
// A minority may be silent. If the leader is among them, and the primary was frozen as well, that is two faults at once.
using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>A sentinel's answer about the service.</summary>
/// <param name="Server">The primary.</param>
/// <param name="Epoch">Age of the answer: newer ones are higher.</param>
/// <param name="IsFailingOver">The sentinel is about to promote another server.</param>
internal sealed record SentinelWord(EndPoint Server, long Epoch, bool IsFailingOver)
{
    internal static string Question(string service) => $"SENTINEL MASTER {service}";

    /// <summary>Parses the answer to <see cref="Question"/>; null if the sentinel does not know the service.</summary>
    internal static SentinelWord? Parse(ServerReply reply)
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

/// <summary>Asks the sentinels of a store in rounds, over reused connections. Thread-safe.</summary>
internal sealed class Sentinels : IDisposable
{
    private readonly StoreOptions _options;
    private readonly string _question;
    private readonly TimeProvider _clock;
    private readonly ReusableConnection[] _streams;
    private readonly Rounds<EndPoint, SentinelWord[]> _rounds;

    /// <param name="options">Connection settings.</param>
    /// <param name="all">Their addresses.</param>
    /// <param name="service">The name under which they know the store.</param>
    /// <param name="clock">Measures limits.</param>
    internal Sentinels(StoreOptions options, IEnumerable<EndPoint> all, string service, TimeProvider clock)
    {
        (_options, _question, _clock) = (options, SentinelWord.Question(service), clock);
        _streams = [.. all.Select(one => new ReusableConnection(stop => RedisConnector.ConnectAsync(options, one, clock, stop, isSentinel: true)))];
        _rounds = new Rounds<EndPoint, SentinelWord[]>(_ => AskAsync());
    }

    /// <summary>Succeeds if a server is the primary and no failover was in progress at some moment after the call.</summary>
    /// <exception cref="StoreUnavailableException">It is not the primary, or too few sentinels answer.</exception>
    internal async Task ConfirmAsync(EndPoint server, CancellationToken cancellation)
    {
        if (!Confirm(await _rounds.JoinAsync([server], cancellation), _streams.Length, server))
        {
            throw StoreUnavailableException.BeingReplaced();
        }
    }

    /// <summary>Returns true if the sentinels' answers confirm a server as primary.</summary>
    /// <param name="words">The answers received.</param>
    /// <param name="count">Number of sentinels.</param>
    /// <param name="server">The server.</param>
    internal static bool Confirm(IReadOnlyCollection<SentinelWord> words, int count, EndPoint server) =>
        words.Count > count / 2 && !words.Any(word => word.IsFailingOver) && words.MaxBy(word => word.Epoch)!.Server.Equals(server);

    public void Dispose() => Array.ForEach(_streams, stream => stream.Dispose());

    private async Task<SentinelWord[]> AskAsync()
    {
        // Half of a fence's time limit, so that one hanging sentinel cannot use up all of it.
        using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(Math.Max(1, _options.ReadTimeoutMs / 2)), _clock);
        var words = await Task.WhenAll(_streams.Select(stream => TryAskAsync(stream, limit.Token)));
        return [.. words.OfType<SentinelWord>()];
    }

    private async Task<SentinelWord?> TryAskAsync(ReusableConnection kept, CancellationToken limit)
    {
        try
        {
            return SentinelWord.Parse((await ServerReply.AskAsync(kept.Current ?? await kept.OpenAsync(limit), limit, _question))[0]);
        }
        catch (Exception)
        {
            // Any failure means that this sentinel does not answer.
            kept.Drop();
            return null;
        }
    }
}
