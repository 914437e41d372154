using System.Net;
using Lookup.Core.Access;

namespace Lookup.Server;

/// <summary>
/// Settings of the service. Units are in the names; ranges and defaults stand in <see cref="Settings"/>, and
/// <see cref="Faults"/> tells everything that is wrong at once.
/// </summary>
public sealed class LookupServerOptions
{
    /// <summary>IP address to listen on. Any but a loopback address needs TLS and credentials. Default 127.0.0.1.</summary>
    public string Address { get; set; } = "127.0.0.1";

    /// <summary>
    /// Whether a credential is required. Default: on every address other than a loopback address, and wherever a proxy, TLS, an issuer of
    /// tokens or an authority of client certificates is configured. False is valid on a loopback address only, and not with those but TLS.
    /// </summary>
    public bool? Credentials { get; set; }

    /// <summary>File with the service's certificate and those between it and its authority (PEM); null for plain text.</summary>
    public string? TlsCertificateFile { get; set; }

    /// <summary>File with the private key of the certificate (PEM).</summary>
    public string? TlsKeyFile { get; set; }

    /// <summary>File with the certificates (PEM) of the authority that signs client certificates; null: none are asked for.</summary>
    public string? ClientCaFile { get; set; }

    /// <summary>A proxy in front, which alone reaches the service, ends TLS: plain text is accepted on any address. Credentials are required.</summary>
    public bool BehindProxy { get; set; }

    /// <summary>Issuer of tokens (JWT), as it stands in them: an https:// address under which its OpenID configuration is; null: no tokens.</summary>
    public string? JwtIssuer { get; set; }

    /// <summary>What the audience of tokens must be.</summary>
    public string? JwtAudience { get; set; }

    /// <summary>The claim of a token that says who it is. Default "sub".</summary>
    public string JwtSubjectClaim { get; set; } = "sub";

    /// <summary>Tokens in order that are kept until they expire. 16 to 100,000, default 4,096.</summary>
    public int TokenCacheEntries { get; set; } = 4_096;

    /// <summary>How long a token counts from when it was issued, whatever it says of its end. 1 to 525,600 min, default 1,440.</summary>
    public int MaxTokenMinutes { get; set; } = 1_440;

    /// <summary>
    /// Facts of an import beyond which two administrators must ask for its revert, where credentials are asked for. 0 to
    /// 1,000,000,000 facts, default 10,000; 0: always.
    /// </summary>
    public int RevertApprovalFacts { get; set; } = 10_000;

    /// <summary>
    /// Share of a register's numbers that may leave it, or change their categories, within seven days before two administrators must ask
    /// for the load, where credentials are asked for. 0 to 100 %, default 10.
    /// </summary>
    public int RegisterApprovalPercent { get; set; } = 10;

    /// <summary>How long the second administrator has to ask for the same. 1 to 10,080 min, default 60.</summary>
    public int RevertApprovalMinutes { get; set; } = 60;

    /// <summary>
    /// Sources (pairs of source and actor) that nobody used before and that a credential may bring in a day (UTC), at all instances
    /// together. 0 to 1,000,000,000 sources, default 100,000; 0: any number.
    /// </summary>
    public int MaxNewSourcesPerDay { get; set; } = 100_000;

    /// <summary>
    /// ListReceipts and GetReceiptProof calls that read the log at a time. 1 to 64 calls, default 2.
    /// </summary>
    public int MaxReceiptReads { get; set; } = 2;

    /// <summary>
    /// Numbers of one block of 1,024 beyond which a credential counts as one that walks number ranges. 0 to 1,024 numbers, default
    /// 256; 0: nobody is watched for it.
    /// </summary>
    public int EnumerationNumbers { get; set; } = 256;

    /// <summary>Returns whether a credential is required, by all settings together.</summary>
    public bool AsksCredentials => Credentials
        ?? (!IsLoopback || BehindProxy || TlsCertificateFile is not null || JwtIssuer is not null || ClientCaFile is not null);

    /// <summary>Port for gRPC (HTTP/2 with prior knowledge). 0 to 65535, default 7500; 0 takes a free one.</summary>
    public int GrpcPort { get; set; } = 7500;

    /// <summary>Port for JSON (HTTP/1.1). 0 to 65535, default 7501; 0 takes a free one.</summary>
    public int JsonPort { get; set; } = 7501;

    /// <summary>
    /// Where spans of traces go by OTLP: by gRPC, or by HTTP where the address has a path, for example http://127.0.0.1:4318/v1/traces;
    /// null: nowhere, and none are made.
    /// </summary>
    public Uri? TraceEndpoint { get; set; }

    /// <summary>
    /// Part of the requests that get a trace; one whose caller has a sampled trace always does. 0 to 1,000 per mille, default 10.
    /// </summary>
    public int TracePerMille { get; set; } = 10;

    /// <summary>Which answers get a receipt where receipts are kept. Default: all, but for those of what-if questions.</summary>
    public ReceiptsFor ReceiptsFor { get; set; } = ReceiptsFor.All;

    /// <summary>How long a read of the store may take where the caller sets no deadline. 1 to 10,000 ms, default 250.</summary>
    public int StoreReadLimitMs { get; set; } = 250;

    /// <summary>How long a write to the store may take where the caller sets no deadline. 10 to 600,000 ms, default 10,000.</summary>
    public int StoreWriteLimitMs { get; set; } = 10_000;

    /// <summary>How old the registry may be that a decision rests on, and how long an answer may be reused. 50 to 60,000 ms, default 500.</summary>
    public int FreshnessBoundMs { get; set; } = 500;

    /// <summary>Pause between two reads of the registry. 10 to 10,000 ms, default 100; at most half the freshness bound.</summary>
    public int RegistryPollMs { get; set; } = 100;

    /// <summary>Pause between two polls of the store's changes. 10 to 10,000 ms, default 100; at most half the freshness bound.</summary>
    public int ReplicaPollMs { get; set; } = 100;

    /// <summary>Shortest pause between two such polls, however often writers ring. 1 to 1,000 ms, default 20.</summary>
    public int ReplicaRestMs { get; set; } = 20;

    /// <summary>Facts in a thousand taken for known that are not, above which a filter is rebuilt; 0: never. 0 to 1,000 per mille, default 10.</summary>
    public int RebuildFalsePositives { get; set; } = 10;

    /// <summary>Pause between two looks at the filters. 1 to 86,400 s, default 30.</summary>
    public int RebuildCheckSeconds { get; set; } = 30;

    /// <summary>Part of the time that a rebuild works; it rests otherwise. 1 to 100 %, default 25.</summary>
    public int RebuildSharePercent { get; set; } = 25;

    /// <summary>
    /// Most memory for facts of numbers that are asked again, about 250 bytes a number. 0 to 2,000,000,000 bytes, default
    /// 67,108,864; 0 keeps none.
    /// </summary>
    public int RecordCacheBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>
    /// An instance whose clock differs from that of the store's server by more is NOT_SERVING, until it differs by at most half.
    /// 0 to 3,600,000 ms, default 2,000; 0: the clocks are not compared.
    /// </summary>
    public int ClockBoundMs { get; set; } = 2_000;

    /// <summary>Pause between two probes of the store for the health service. 50 to 60,000 ms, default 500.</summary>
    public int HealthProbeMs { get; set; } = 500;

    /// <summary>How long callers are asked to wait after UNAVAILABLE and UNKNOWN. 10 to 60,000 ms, default 200.</summary>
    public int RetryAfterMs { get; set; } = 200;

    /// <summary>How long calls in progress may take to end at shutdown. 0 to 600 s, default 20.</summary>
    public int DrainLimitSeconds { get; set; } = 20;

    /// <summary>Largest message or JSON body taken. 65,536 to 16,777,216 bytes, default 4,194,304.</summary>
    public int MaxMessageBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>Most facts in one RecordFacts request. 1 to 1,000, default 1,000.</summary>
    public int MaxRecordFacts { get; set; } = 1_000;

    /// <summary>Most facts in one batch of ImportFacts. 1 to 5,000, default 5,000.</summary>
    public int MaxImportBatch { get; set; } = 5_000;

    /// <summary>Most ImportFacts streams at a time. 1 to 1,024, default 16.</summary>
    public int MaxImportStreams { get; set; } = 16;

    /// <summary>Most CheckStream streams at a time. 1 to 1,024, default 64.</summary>
    public int MaxCheckStreams { get; set; } = 64;

    /// <summary>Chunks of one stream that are decided or wait to be written. 2 to 64, default 4.</summary>
    public int MaxChunksInFlight { get; set; } = 4;

    /// <summary>Chunks of all streams at work on processors at a time. 1 to 256, default half of the processors.</summary>
    public int BatchWorkers { get; set; } = Math.Clamp(Environment.ProcessorCount / 2, 1, 256);

    /// <summary>How long a place of <see cref="BatchWorkers"/> rests after each piece of work while single checks come in. 0 to 1,000 ms, default 2.</summary>
    public int BatchRestMs { get; set; } = 2;

    /// <summary>How long a chunk may wait for its turn before its stream is shed. 10 to 600,000 ms, default 10,000.</summary>
    public int BatchWaitLimitMs { get; set; } = 10_000;

    /// <summary>How long callers are asked to wait after a list was shed. 10 to 600,000 ms, default 1,000.</summary>
    public int BatchRetryAfterMs { get; set; } = 1_000;

    /// <summary>How long reading the facts of one chunk may take. 10 to 60,000 ms, default 2,000.</summary>
    public int StoreBatchLimitMs { get; set; } = 2_000;

    /// <summary>Most numbers in a snapshot of a register, 21 to 41 bytes of memory each. 1,000 to 1,000,000,000, default 100,000,000.</summary>
    public int MaxSnapshotNumbers { get; set; } = 100_000_000;

    /// <summary>Most Watch streams at a time. 1 to 1,024, default 64.</summary>
    public int MaxWatchStreams { get; set; } = 64;

    /// <summary>Pause between two heartbeats of a Watch stream. 50 to 60,000 ms, default 1,000.</summary>
    public int WatchHeartbeatMs { get; set; } = 1_000;

    /// <summary>
    /// Newest changes of each partition kept in memory while somebody watches: how far behind a stream may fall. 16 to
    /// 1,000,000, default 4,096.
    /// </summary>
    public int WatchBacklog { get; set; } = 4_096;

    /// <summary>How long a Watch stream may wait for its caller to read before it is cut. 100 to 600,000 ms, default 10,000.</summary>
    public int WatchSendLimitMs { get; set; } = 10_000;

    /// <summary>ALLOW answers that are asked again exactly, to notice a wrong one. 0 to 1,000 a second, default 20; 0 for none.</summary>
    public int AllowAuditsPerSecond { get; set; } = 20;

    /// <summary>
    /// With shadow regimes: one number in so many of a list is compared, drawn at random; single checks all are. 1 to 1,000,000
    /// numbers, default 1,024.
    /// </summary>
    public int ShadowListEvery { get; set; } = 1_024;

    /// <summary>Most streams of health at a time, which need no credential; half of them from one address. 2 to 65,535, default 256.</summary>
    public int MaxHealthWatches { get; set; } = 256;

    /// <summary>
    /// How long CheckStream and ImportFacts may wait for their caller to send or to read before they are ended. 1 to 86,400 s, default 600.
    /// </summary>
    public int StreamIdleSeconds { get; set; } = 600;

    /// <summary>
    /// Most connections at a time; half of them without a credential that was let in, an eighth of them from one address. 1 to 65,535,
    /// default 1,024.
    /// </summary>
    public int MaxConnections { get; set; } = 1_024;

    /// <summary>Most calls at a time on one HTTP/2 connection. 1 to 1,000, default 100.</summary>
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

    /// <summary>Sets a numeric setting by its name, in any case. Its range is checked by <see cref="Faults"/>.</summary>
    /// <returns>False if there is no such setting.</returns>
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

    /// <summary>Most streams at a time of those that a role opens.</summary>
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
            faults.Add($"{nameof(Address)}: {Address} can be reached from other machines. Name a certificate (--tls-cert, --tls-key), "
                + "or say --behind-proxy where a proxy ends TLS and nobody else reaches the service; without, it listens on a loopback address "
                + "only (127.0.0.1 or ::1).");
        }

        if (!AsksCredentials)
        {
            faults.Add($"{nameof(Credentials)}: on {Address}, which can be reached from other machines, they are required.");
        }
    }

    private void CheckGuards(List<string> faults)
    {
        if ((TlsCertificateFile is null) != (TlsKeyFile is null))
        {
            faults.Add($"{nameof(TlsCertificateFile)} and {nameof(TlsKeyFile)} go together (--tls-cert and --tls-key).");
        }

        if (ClientCaFile is not null && TlsCertificateFile is null)
        {
            faults.Add($"{nameof(ClientCaFile)}: client certificates need TLS (--tls-cert and --tls-key).");
        }

        if (BehindProxy && TlsCertificateFile is not null)
        {
            faults.Add($"{nameof(BehindProxy)} and {nameof(TlsCertificateFile)} exclude each other (--behind-proxy and --tls-cert).");
        }

        if (JwtIssuer is not null && (!Uri.TryCreate(JwtIssuer, UriKind.Absolute, out var issuer)
            || (issuer.Scheme != Uri.UriSchemeHttps && !(issuer.Scheme == Uri.UriSchemeHttp && issuer.IsLoopback))))
        {
            faults.Add($"{nameof(JwtIssuer)}: \"{JwtIssuer}\" is no https:// address (--jwt-issuer).");
        }

        if ((JwtIssuer is null) != (JwtAudience is null))
        {
            faults.Add($"{nameof(JwtIssuer)} and {nameof(JwtAudience)} go together (--jwt-issuer and --jwt-audience): a token for another service must not count.");
        }

        if (Credentials == false && (JwtIssuer is not null || ClientCaFile is not null))
        {
            faults.Add($"{nameof(Credentials)}: they cannot be switched off where tokens or client certificates are configured.");
        }

        if (Credentials == false && BehindProxy)
        {
            faults.Add($"{nameof(Credentials)}: behind a proxy they are required, on a loopback address too: what reaches the proxy reaches the service. "
                + "Drop --credentials none or --behind-proxy.");
        }
    }

    private bool IsLoopback => !IPAddress.TryParse(Address, out var address) || IPAddress.IsLoopback(address);

    /// <summary>Everything that is wrong, one sentence each; empty if all is well.</summary>
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
            faults.Add($"{nameof(TraceEndpoint)}: \"{trace}\" does not begin with http:// or https://.");
        }

        foreach (var setting in Settings)
        {
            var value = setting.Read(this);
            if (value < setting.Min || value > setting.Max)
            {
                faults.Add($"{setting.Name}: {value} is outside {setting.Min} to {setting.Max} {setting.Unit}.");
            }
        }

        if (GrpcPort == JsonPort && GrpcPort != 0)
        {
            faults.Add($"{nameof(JsonPort)}: {JsonPort} is also {nameof(GrpcPort)}; the two protocols need a port each.");
        }

        foreach (var (name, poll) in (ReadOnlySpan<(string, int)>)[(nameof(RegistryPollMs), RegistryPollMs), (nameof(ReplicaPollMs), ReplicaPollMs)])
        {
            if (poll > FreshnessBoundMs / 2)
            {
                faults.Add($"{name}: {poll} is more than half of {nameof(FreshnessBoundMs)} ({FreshnessBoundMs} ms); "
                    + "what was read would grow too old between two polls.");
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
        /// <summary>The value where nothing is set.</summary>
        public int Default => Read(new LookupServerOptions());
    }
}

/// <summary>The settings cannot be used. The message lists every fault, one a line.</summary>
public sealed class ServerSettingsException(IReadOnlyList<string> faults)
    : Exception($"{faults.Count} fault(s) in the settings:\n  " + string.Join("\n  ", faults))
{
    /// <summary>The faults.</summary>
    public IReadOnlyList<string> Faults { get; } = faults;
}
