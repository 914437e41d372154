using System.Net;
using Lookup.Core.Access;

namespace Lookup.Server;

/// <summary>
/// Settings of the service. Names contain the unit; <see cref="Settings"/> has ranges and defaults, and <see cref="Faults"/> reports
/// every invalid setting.
/// </summary>
public sealed class LookupServerOptions
{
    /// <summary>IP address to listen on. An address other than loopback needs TLS and credentials. Default 127.0.0.1.</summary>
    public string Address { get; set; } = "127.0.0.1";

    /// <summary>
    /// Whether a credential is required. Default: on every address other than loopback, and if a proxy, TLS, a token issuer or a
    /// client certificate authority is configured. False is valid only on a loopback address, with or without TLS, and not with the others.
    /// </summary>
    public bool? Credentials { get; set; }

    /// <summary>File with the service's certificate and its intermediate certificates (PEM); null for plain text.</summary>
    public string? TlsCertificateFile { get; set; }

    /// <summary>File with the private key of the certificate (PEM).</summary>
    public string? TlsKeyFile { get; set; }

    /// <summary>File with the certificates (PEM) of the authority that signs client certificates; null disables client certificates.</summary>
    public string? ClientCaFile { get; set; }

    /// <summary>Accepts plain text on any address, because a proxy terminates TLS and only it can reach the service. Requires credentials.</summary>
    public bool BehindProxy { get; set; }

    /// <summary>Issuer of tokens (JWT), as in their iss claim: the https:// address of its OpenID configuration; null disables tokens.</summary>
    public string? JwtIssuer { get; set; }

    /// <summary>Required audience of tokens.</summary>
    public string? JwtAudience { get; set; }

    /// <summary>The claim of a token that identifies the caller. Default "sub".</summary>
    public string JwtSubjectClaim { get; set; } = "sub";

    /// <summary>Valid tokens cached until they expire. 16 to 100,000, default 4,096.</summary>
    public int TokenCacheEntries { get; set; } = 4_096;

    /// <summary>Maximum age of a token, even if its exp is later. 1 to 525,600 min, default 1,440.</summary>
    public int MaxTokenMinutes { get; set; } = 1_440;

    /// <summary>
    /// Reverting an import with more facts needs dual approval, if credentials are required. 0 to 1,000,000,000 facts, default 10,000;
    /// 0: always.
    /// </summary>
    public int RevertApprovalFacts { get; set; } = 10_000;

    /// <summary>
    /// Share of a register's numbers that may be removed, or change their categories, within seven days; beyond it a load needs dual
    /// approval, if credentials are required. 0 to 100 %, default 10.
    /// </summary>
    public int RegisterApprovalPercent { get; set; } = 10;

    /// <summary>Time in which the second administrator must send the same request. 1 to 10,080 min, default 60.</summary>
    public int RevertApprovalMinutes { get; set; } = 60;

    /// <summary>
    /// New sources (pairs of source and actor) that a credential may use per day (UTC), at all instances together. 0 to
    /// 1,000,000,000 sources, default 100,000; 0: no limit.
    /// </summary>
    public int MaxNewSourcesPerDay { get; set; } = 100_000;

    /// <summary>
    /// Maximum concurrent ListReceipts and GetReceiptProof calls. 1 to 64 calls, default 2.
    /// </summary>
    public int MaxReceiptReads { get; set; } = 2;

    /// <summary>
    /// Numbers of one block of 1,024 beyond which the enumeration detector reports a credential. 0 to 1,024 numbers, default 256; 0
    /// disables it.
    /// </summary>
    public int EnumerationNumbers { get; set; } = 256;

    /// <summary>Whether a credential is required, by all settings together.</summary>
    public bool AsksCredentials => Credentials
        ?? (!IsLoopback || BehindProxy || TlsCertificateFile is not null || JwtIssuer is not null || ClientCaFile is not null);

    /// <summary>Port for gRPC (HTTP/2 with prior knowledge). 0 to 65535, default 7500; 0 picks a free port.</summary>
    public int GrpcPort { get; set; } = 7500;

    /// <summary>Port for JSON (HTTP/1.1). 0 to 65535, default 7501; 0 picks a free port.</summary>
    public int JsonPort { get; set; } = 7501;

    /// <summary>
    /// OTLP address for traces: gRPC, or HTTP if the address has a path, for example http://127.0.0.1:4318/v1/traces; null disables
    /// tracing.
    /// </summary>
    public Uri? TraceEndpoint { get; set; }

    /// <summary>
    /// Share of requests that are traced; a request with a sampled parent trace always is. 0 to 1,000 per mille, default 10.
    /// </summary>
    public int TracePerMille { get; set; } = 10;

    /// <summary>Which answers get a receipt, if receipts are kept. Default: all except what-if answers.</summary>
    public ReceiptsFor ReceiptsFor { get; set; } = ReceiptsFor.All;

    /// <summary>Time limit of a store read if the caller sets no deadline. 1 to 10,000 ms, default 250.</summary>
    public int StoreReadLimitMs { get; set; } = 250;

    /// <summary>Time limit of a store write if the caller sets no deadline. 10 to 600,000 ms, default 10,000.</summary>
    public int StoreWriteLimitMs { get; set; } = 10_000;

    /// <summary>Maximum age of the registry and filters a decision uses, and how long an answer may be reused. 50 to 60,000 ms, default 500.</summary>
    public int FreshnessBoundMs { get; set; } = 500;

    /// <summary>Pause between two reads of the registry. 10 to 10,000 ms, default 100; at most half the freshness bound.</summary>
    public int RegistryPollMs { get; set; } = 100;

    /// <summary>Pause between two polls of the store's changes. 10 to 10,000 ms, default 100; at most half the freshness bound.</summary>
    public int ReplicaPollMs { get; set; } = 100;

    /// <summary>Shortest pause between two such polls, however often writers notify. 1 to 1,000 ms, default 20.</summary>
    public int ReplicaRestMs { get; set; } = 20;

    /// <summary>False-positive rate above which a filter is rebuilt; 0: never. 0 to 1,000 per mille, default 10.</summary>
    public int RebuildFalsePositives { get; set; } = 10;

    /// <summary>Pause between two checks of the filters. 1 to 86,400 s, default 30.</summary>
    public int RebuildCheckSeconds { get; set; } = 30;

    /// <summary>Share of the time that a rebuild runs; it pauses otherwise. 1 to 100 %, default 25.</summary>
    public int RebuildSharePercent { get; set; } = 25;

    /// <summary>
    /// Maximum memory of the fact cache, about 250 bytes per number. 0 to 2,000,000,000 bytes, default 67,108,864; 0 disables it.
    /// </summary>
    public int RecordCacheBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>
    /// Maximum difference from the clock of the store's server. Beyond it the instance is NOT_SERVING, until the difference is at most
    /// half. 0 to 3,600,000 ms, default 2,000; 0 disables the comparison.
    /// </summary>
    public int ClockBoundMs { get; set; } = 2_000;

    /// <summary>Pause between two probes of the store for the health service. 50 to 60,000 ms, default 500.</summary>
    public int HealthProbeMs { get; set; } = 500;

    /// <summary>Retry delay for callers after UNAVAILABLE and UNKNOWN. 10 to 60,000 ms, default 200.</summary>
    public int RetryAfterMs { get; set; } = 200;

    /// <summary>Time for calls in progress to end at shutdown. 0 to 600 s, default 20.</summary>
    public int DrainLimitSeconds { get; set; } = 20;

    /// <summary>Maximum size of a message or JSON body. 65,536 to 16,777,216 bytes, default 4,194,304.</summary>
    public int MaxMessageBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>Maximum facts in one RecordFacts request. 1 to 1,000, default 1,000.</summary>
    public int MaxRecordFacts { get; set; } = 1_000;

    /// <summary>Maximum facts in one batch of ImportFacts. 1 to 5,000, default 5,000.</summary>
    public int MaxImportBatch { get; set; } = 5_000;

    /// <summary>Maximum concurrent ImportFacts streams. 1 to 1,024, default 16.</summary>
    public int MaxImportStreams { get; set; } = 16;

    /// <summary>Maximum concurrent CheckStream streams. 1 to 1,024, default 64.</summary>
    public int MaxCheckStreams { get; set; } = 64;

    /// <summary>Maximum chunks of one stream that are being decided or wait to be sent. 2 to 64, default 4.</summary>
    public int MaxChunksInFlight { get; set; } = 4;

    /// <summary>Maximum chunks of all streams decided at the same time. 1 to 256, default half of the processors.</summary>
    public int BatchWorkers { get; set; } = Math.Clamp(Environment.ProcessorCount / 2, 1, 256);

    /// <summary>Pause of a slot of <see cref="BatchWorkers"/> after each piece of work while single checks arrive. 0 to 1,000 ms, default 2.</summary>
    public int BatchRestMs { get; set; } = 2;

    /// <summary>How long a chunk may wait for a slot before its stream ends with RESOURCE_EXHAUSTED. 10 to 600,000 ms, default 10,000.</summary>
    public int BatchWaitLimitMs { get; set; } = 10_000;

    /// <summary>Retry delay for callers after a list stream was rejected. 10 to 600,000 ms, default 1,000.</summary>
    public int BatchRetryAfterMs { get; set; } = 1_000;

    /// <summary>Time limit of reading the facts of one chunk. 10 to 60,000 ms, default 2,000.</summary>
    public int StoreBatchLimitMs { get; set; } = 2_000;

    /// <summary>Maximum numbers in a snapshot of a register, 21 to 41 bytes of memory each. 1,000 to 1,000,000,000, default 100,000,000.</summary>
    public int MaxSnapshotNumbers { get; set; } = 100_000_000;

    /// <summary>Maximum concurrent Watch streams. 1 to 1,024, default 64.</summary>
    public int MaxWatchStreams { get; set; } = 64;

    /// <summary>Pause between two heartbeats of a Watch stream. 50 to 60,000 ms, default 1,000.</summary>
    public int WatchHeartbeatMs { get; set; } = 1_000;

    /// <summary>
    /// Latest changes of each partition kept in memory while a Watch stream is open: how far a stream may fall behind. 16 to
    /// 1,000,000, default 4,096.
    /// </summary>
    public int WatchBacklog { get; set; } = 4_096;

    /// <summary>How long a Watch stream may wait for its caller to read before it ends. 100 to 600,000 ms, default 10,000.</summary>
    public int WatchSendLimitMs { get; set; } = 10_000;

    /// <summary>ALLOW answers audited by an exact re-check. 0 to 1,000 a second, default 20; 0 disables the audit.</summary>
    public int AllowAuditsPerSecond { get; set; } = 20;

    /// <summary>
    /// With shadow regimes, one list number in this many is compared, at random; all single checks are. 1 to 1,000,000 numbers,
    /// default 1,024.
    /// </summary>
    public int ShadowListEvery { get; set; } = 1_024;

    /// <summary>Maximum concurrent health streams, which need no credential; at most half of them per address. 2 to 65,535, default 256.</summary>
    public int MaxHealthWatches { get; set; } = 256;

    /// <summary>
    /// How long CheckStream and ImportFacts may wait for their caller to send or to read before they end. 1 to 86,400 s, default 600.
    /// </summary>
    public int StreamIdleSeconds { get; set; } = 600;

    /// <summary>
    /// Maximum connections; at most half of them not yet authenticated, and of those at most an eighth of all per address. 1 to 65,535,
    /// default 1,024.
    /// </summary>
    public int MaxConnections { get; set; } = 1_024;

    /// <summary>Maximum concurrent calls on one HTTP/2 connection. 1 to 1,000, default 100.</summary>
    public int MaxStreamsPerConnection { get; set; } = 100;

    /// <summary>Every numeric setting with its unit and range.</summary>
    public static IReadOnlyList<Setting> Settings { get; } =
    [
        new(nameof(GrpcPort), "port", 0, 65_535, o => o.GrpcPort),
        new(nameof(JsonPort), "port", 0, 65_535, o => o.JsonPort),
        new(nameof(StoreReadLimitMs), "ms", 1, 10_000, o => o.StoreReadLimitMs),
        new(nameof(StoreWriteLimitMs), "ms", 10, 600_000, o => o.StoreWriteLimitMs),
        new(nameof(FreshnessBoundMs), "ms", 50, 60_000, o => o.FreshnessBoundMs),
        new(nameof(RegistryPollMs), "ms", 10, 10_000, o => o.RegistryPollMs),
        new(nameof(ReplicaPollMs), "ms", 10, 10_000, o => o.ReplicaPollMs),
        new(nameof(ReplicaRestMs), "ms", 1, 1_000, o => o.ReplicaRestMs),
        new(nameof(RebuildFalsePositives), "per mille", 0, 1_000, o => o.RebuildFalsePositives),
        new(nameof(RebuildCheckSeconds), "s", 1, 86_400, o => o.RebuildCheckSeconds),
        new(nameof(RebuildSharePercent), "%", 1, 100, o => o.RebuildSharePercent),
        new(nameof(RecordCacheBytes), "bytes", 0, 2_000_000_000, o => o.RecordCacheBytes),
        new(nameof(ClockBoundMs), "ms", 0, 3_600_000, o => o.ClockBoundMs),
        new(nameof(HealthProbeMs), "ms", 50, 60_000, o => o.HealthProbeMs),
        new(nameof(RetryAfterMs), "ms", 10, 60_000, o => o.RetryAfterMs),
        new(nameof(DrainLimitSeconds), "s", 0, 600, o => o.DrainLimitSeconds),
        new(nameof(MaxMessageBytes), "bytes", 65_536, 16 * 1024 * 1024, o => o.MaxMessageBytes),
        new(nameof(MaxRecordFacts), "facts", 1, 1_000, o => o.MaxRecordFacts),
        new(nameof(MaxImportBatch), "facts", 1, 5_000, o => o.MaxImportBatch),
        new(nameof(MaxImportStreams), "streams", 1, 1_024, o => o.MaxImportStreams),
        new(nameof(MaxCheckStreams), "streams", 1, 1_024, o => o.MaxCheckStreams),
        new(nameof(MaxChunksInFlight), "chunks", 2, 64, o => o.MaxChunksInFlight),
        new(nameof(BatchWorkers), "chunks", 1, 256, o => o.BatchWorkers),
        new(nameof(BatchRestMs), "ms", 0, 1_000, o => o.BatchRestMs),
        new(nameof(BatchWaitLimitMs), "ms", 10, 600_000, o => o.BatchWaitLimitMs),
        new(nameof(BatchRetryAfterMs), "ms", 10, 600_000, o => o.BatchRetryAfterMs),
        new(nameof(StoreBatchLimitMs), "ms", 10, 60_000, o => o.StoreBatchLimitMs),
        new(nameof(MaxSnapshotNumbers), "numbers", 1_000, 1_000_000_000, o => o.MaxSnapshotNumbers),
        new(nameof(MaxWatchStreams), "streams", 1, 1_024, o => o.MaxWatchStreams),
        new(nameof(WatchHeartbeatMs), "ms", 50, 60_000, o => o.WatchHeartbeatMs),
        new(nameof(WatchBacklog), "changes", 16, 1_000_000, o => o.WatchBacklog),
        new(nameof(WatchSendLimitMs), "ms", 100, 600_000, o => o.WatchSendLimitMs),
        new(nameof(TracePerMille), "per mille", 0, 1_000, o => o.TracePerMille),
        new(nameof(AllowAuditsPerSecond), "1/s", 0, 1_000, o => o.AllowAuditsPerSecond),
        new(nameof(ShadowListEvery), "numbers", 1, 1_000_000, o => o.ShadowListEvery),
        new(nameof(TokenCacheEntries), "tokens", 16, 100_000, o => o.TokenCacheEntries),
        new(nameof(MaxTokenMinutes), "min", 1, 525_600, o => o.MaxTokenMinutes),
        new(nameof(RevertApprovalFacts), "facts", 0, 1_000_000_000, o => o.RevertApprovalFacts),
        new(nameof(RegisterApprovalPercent), "%", 0, 100, o => o.RegisterApprovalPercent),
        new(nameof(RevertApprovalMinutes), "min", 1, 10_080, o => o.RevertApprovalMinutes),
        new(nameof(MaxNewSourcesPerDay), "sources", 0, 1_000_000_000, o => o.MaxNewSourcesPerDay),
        new(nameof(MaxReceiptReads), "calls", 1, 64, o => o.MaxReceiptReads),
        new(nameof(EnumerationNumbers), "numbers", 0, 1_024, o => o.EnumerationNumbers),
        new(nameof(MaxHealthWatches), "streams", 2, 65_535, o => o.MaxHealthWatches),
        new(nameof(StreamIdleSeconds), "s", 1, 86_400, o => o.StreamIdleSeconds),
        new(nameof(MaxConnections), "connections", 1, 65_535, o => o.MaxConnections),
        new(nameof(MaxStreamsPerConnection), "streams", 1, 1_000, o => o.MaxStreamsPerConnection),
    ];

    /// <summary>Sets a numeric setting by its name, ignoring case. <see cref="Faults"/> checks its range.</summary>
    /// <returns>False if no setting has this name.</returns>
    public bool TrySet(string name, int value)
    {
        var setting = Settings.FirstOrDefault(s => s.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        if (setting is null)
        {
            return false;
        }

        typeof(LookupServerOptions).GetProperty(setting.Name)!.SetValue(this, value);
        return true;
    }

    /// <summary>Returns the maximum concurrent streams of the kind that a role opens.</summary>
    internal int MaxStreamsFor(Roles role) => role switch
    {
        Roles.Check => MaxCheckStreams,
        Roles.Watch => MaxWatchStreams,
        _ => MaxImportStreams,
    };

    private void CheckReachable(List<string> faults)
    {
        if (TlsCertificateFile is null && !BehindProxy)
        {
            faults.Add($"{nameof(Address)}: {Address} can be reached from other machines, so TLS is required. Set --tls-cert and --tls-key, or "
                + "--behind-proxy if a proxy terminates TLS and only it can reach the service, or listen on 127.0.0.1 or ::1.");
        }

        if (!AsksCredentials)
        {
            faults.Add($"{nameof(Credentials)}: {Address} can be reached from other machines, so credentials are required.");
        }
    }

    private void CheckGuards(List<string> faults)
    {
        if ((TlsCertificateFile is null) != (TlsKeyFile is null))
        {
            faults.Add($"{nameof(TlsCertificateFile)} and {nameof(TlsKeyFile)} must be set together (--tls-cert and --tls-key).");
        }

        if (ClientCaFile is not null && TlsCertificateFile is null)
        {
            faults.Add($"{nameof(ClientCaFile)}: client certificates need TLS (--tls-cert and --tls-key).");
        }

        if (BehindProxy && TlsCertificateFile is not null)
        {
            faults.Add($"{nameof(BehindProxy)} and {nameof(TlsCertificateFile)} cannot be combined (--behind-proxy and --tls-cert).");
        }

        if (JwtIssuer is not null && (!Uri.TryCreate(JwtIssuer, UriKind.Absolute, out var issuer)
            || (issuer.Scheme != Uri.UriSchemeHttps && !(issuer.Scheme == Uri.UriSchemeHttp && issuer.IsLoopback))))
        {
            faults.Add($"{nameof(JwtIssuer)}: \"{JwtIssuer}\" is not an https:// address (--jwt-issuer).");
        }

        if ((JwtIssuer is null) != (JwtAudience is null))
        {
            faults.Add($"{nameof(JwtIssuer)} and {nameof(JwtAudience)} must be set together (--jwt-issuer and --jwt-audience), so that tokens for other services are rejected.");
        }

        if (Credentials == false && (JwtIssuer is not null || ClientCaFile is not null))
        {
            faults.Add($"{nameof(Credentials)}: cannot be disabled if tokens or client certificates are configured.");
        }

        if (Credentials == false && BehindProxy)
        {
            faults.Add($"{nameof(Credentials)}: required behind a proxy, also on a loopback address, because every client of the proxy reaches the service. "
                + "Remove --credentials none or --behind-proxy.");
        }
    }

    private bool IsLoopback => !IPAddress.TryParse(Address, out var address) || IPAddress.IsLoopback(address);

    /// <summary>Returns every invalid setting, one sentence each; empty if all are valid.</summary>
    public IReadOnlyList<string> Faults()
    {
        var faults = new List<string>();
        if (!IPAddress.TryParse(Address, out var address))
        {
            faults.Add($"{nameof(Address)}: \"{Address}\" is not an IP address.");
        }
        else if (!IPAddress.IsLoopback(address))
        {
            CheckReachable(faults);
        }

        CheckGuards(faults);

        if (TraceEndpoint is { } trace && trace.Scheme != Uri.UriSchemeHttp && trace.Scheme != Uri.UriSchemeHttps)
        {
            faults.Add($"{nameof(TraceEndpoint)}: \"{trace}\" must start with http:// or https://.");
        }

        foreach (var setting in Settings)
        {
            var value = setting.Read(this);
            if (value < setting.Min || value > setting.Max)
            {
                faults.Add($"{setting.Name}: {value} is out of range; must be {setting.Min} to {setting.Max} {setting.Unit}.");
            }
        }

        if (GrpcPort == JsonPort && GrpcPort != 0)
        {
            faults.Add($"{nameof(JsonPort)}: {JsonPort} is also {nameof(GrpcPort)}; each protocol needs its own port.");
        }

        foreach (var (name, poll) in (ReadOnlySpan<(string, int)>)[(nameof(RegistryPollMs), RegistryPollMs), (nameof(ReplicaPollMs), ReplicaPollMs)])
        {
            if (poll > FreshnessBoundMs / 2)
            {
                faults.Add($"{name}: {poll} is more than half of {nameof(FreshnessBoundMs)} ({FreshnessBoundMs} ms), so data would become too old between two polls.");
            }
        }

        return faults;
    }

    /// <summary>A numeric setting.</summary>
    /// <param name="Name">Name of the property.</param>
    /// <param name="Unit">Unit of the value.</param>
    /// <param name="Min">Least value allowed.</param>
    /// <param name="Max">Largest value allowed.</param>
    /// <param name="Read">Reads the value.</param>
    public sealed record Setting(string Name, string Unit, int Min, int Max, Func<LookupServerOptions, int> Read)
    {
        /// <summary>The default value.</summary>
        public int Default => Read(new LookupServerOptions());
    }
}

/// <summary>Thrown if settings are invalid. The message lists every fault, one per line.</summary>
public sealed class ServerSettingsException(IReadOnlyList<string> faults)
    : Exception($"{faults.Count} invalid setting(s):\n  " + string.Join("\n  ", faults))
{
    /// <summary>The faults.</summary>
    public IReadOnlyList<string> Faults { get; } = faults;
}
