using System.Net;
using System.Reflection;
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
    [Setting("tokens", 16, 100_000)]
    public int TokenCacheEntries { get; set; } = 4_096;

    /// <summary>Maximum age of a token, even if its exp is later. 1 to 525,600 min, default 1,440.</summary>
    [Setting("min", 1, 525_600)]
    public int MaxTokenMinutes { get; set; } = 1_440;

    /// <summary>
    /// Reverting an import with more facts needs dual approval, if credentials are required. 0 to 1,000,000,000 facts, default 10,000;
    /// 0: always.
    /// </summary>
    [Setting("facts", 0, 1_000_000_000)]
    public int RevertApprovalFacts { get; set; } = 10_000;

    /// <summary>
    /// Share of a register's numbers that may be removed, or change their categories, within seven days; beyond it a load needs dual
    /// approval, if credentials are required. 0 to 100 %, default 10.
    /// </summary>
    [Setting("%", 0, 100)]
    public int RegisterApprovalPercent { get; set; } = 10;

    /// <summary>Time in which the second administrator must send the same request. 1 to 10,080 min, default 60.</summary>
    [Setting("min", 1, 10_080)]
    public int RevertApprovalMinutes { get; set; } = 60;

    /// <summary>
    /// New sources (pairs of source and actor) that a credential may use per day (UTC), at all instances together. 0 to
    /// 1,000,000,000 sources, default 100,000; 0: no limit.
    /// </summary>
    [Setting("sources", 0, 1_000_000_000)]
    public int MaxNewSourcesPerDay { get; set; } = 100_000;

    /// <summary>
    /// Maximum concurrent ListReceipts and GetReceiptProof calls. 1 to 64 calls, default 2.
    /// </summary>
    [Setting("calls", 1, 64)]
    public int MaxReceiptReads { get; set; } = 2;

    /// <summary>
    /// Numbers of one block of 1,024 beyond which the enumeration detector reports a credential. 0 to 1,024 numbers, default 256; 0
    /// disables it.
    /// </summary>
    [Setting("numbers", 0, 1_024)]
    public int EnumerationNumbers { get; set; } = 256;

    /// <summary>Whether a credential is required, by all settings together.</summary>
    public bool AsksCredentials => Credentials
        ?? (!IsLoopback || BehindProxy || TlsCertificateFile is not null || JwtIssuer is not null || ClientCaFile is not null);

    /// <summary>Port for gRPC (HTTP/2 with prior knowledge). 0 to 65,535, default 7,500; 0 picks a free port.</summary>
    [Setting("port", 0, 65_535)]
    public int GrpcPort { get; set; } = 7500;

    /// <summary>Port for JSON (HTTP/1.1). 0 to 65,535, default 7,501; 0 picks a free port.</summary>
    [Setting("port", 0, 65_535)]
    public int JsonPort { get; set; } = 7501;

    /// <summary>
    /// OTLP address for traces: gRPC, or HTTP if the address has a path, for example http://127.0.0.1:4318/v1/traces; null disables
    /// tracing.
    /// </summary>
    public Uri? TraceEndpoint { get; set; }

    /// <summary>
    /// Share of requests that are traced; a request with a sampled parent trace always is. 0 to 1,000 per mille, default 10.
    /// </summary>
    [Setting("per mille", 0, 1_000)]
    public int TracePerMille { get; set; } = 10;

    /// <summary>Which answers get a receipt, if receipts are kept. Default: all except what-if answers.</summary>
    public ReceiptsFor ReceiptsFor { get; set; } = ReceiptsFor.All;

    /// <summary>
    /// Time limit of a store read. A server that answers nothing for this long gets no calls until it answers again; while it answers, a caller's
    /// deadline replaces the limit for its own call. 1 to 10,000 ms, default 250.
    /// </summary>
    [Setting("ms", 1, 10_000)]
    public int StoreReadLimitMs { get; set; } = 250;

    /// <summary>Time limit of a store write if the caller sets no deadline. 10 to 600,000 ms, default 10,000.</summary>
    [Setting("ms", 10, 600_000)]
    public int StoreWriteLimitMs { get; set; } = 10_000;

    /// <summary>Maximum age of the registry and filters a decision uses, and how long an answer may be reused. 50 to 60,000 ms, default 500.</summary>
    [Setting("ms", 50, 60_000)]
    public int FreshnessBoundMs { get; set; } = 500;

    /// <summary>Pause between two reads of the registry. 10 to 10,000 ms, default 100; at most half the freshness bound.</summary>
    [Setting("ms", 10, 10_000)]
    public int RegistryPollMs { get; set; } = 100;

    /// <summary>Pause between two polls of the store's changes. 10 to 10,000 ms, default 100; at most half the freshness bound.</summary>
    [Setting("ms", 10, 10_000)]
    public int ReplicaPollMs { get; set; } = 100;

    /// <summary>Shortest pause between two such polls, however often writers notify. 1 to 1,000 ms, default 20.</summary>
    [Setting("ms", 1, 1_000)]
    public int ReplicaRestMs { get; set; } = 20;

    /// <summary>
    /// False-positive rate above which a filter is rebuilt. 0 to 1,000 per mille, default 10; 0: this service rebuilds no filter, not even an
    /// unsound one, and `lookup rebuild` must.
    /// </summary>
    [Setting("per mille", 0, 1_000)]
    public int RebuildFalsePositives { get; set; } = 10;

    /// <summary>Pause between two checks of the filters. 1 to 86,400 s, default 30.</summary>
    [Setting("s", 1, 86_400)]
    public int RebuildCheckSeconds { get; set; } = 30;

    /// <summary>Share of the time that a rebuild runs; it pauses otherwise. 1 to 100 %, default 25.</summary>
    [Setting("%", 1, 100)]
    public int RebuildSharePercent { get; set; } = 25;

    /// <summary>
    /// Maximum memory of the fact cache, about 250 bytes per number. 0 to 2,000,000,000 bytes, default 67,108,864; 0 disables it.
    /// </summary>
    [Setting("bytes", 0, 2_000_000_000)]
    public int RecordCacheBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>
    /// Maximum difference from the clock of the store's server. Beyond it the instance is NOT_SERVING, until the difference is at most
    /// half. 0 to 3,600,000 ms, default 2,000; 0 disables the comparison.
    /// </summary>
    [Setting("ms", 0, 3_600_000)]
    public int ClockBoundMs { get; set; } = 2_000;

    /// <summary>Pause between two probes of the store for the health service. 50 to 60,000 ms, default 500.</summary>
    [Setting("ms", 50, 60_000)]
    public int HealthProbeMs { get; set; } = 500;

    /// <summary>Retry delay for callers after UNAVAILABLE and UNKNOWN. 10 to 60,000 ms, default 200.</summary>
    [Setting("ms", 10, 60_000)]
    public int RetryAfterMs { get; set; } = 200;

    /// <summary>Time for calls in progress to end at shutdown. 0 to 600 s, default 20.</summary>
    [Setting("s", 0, 600)]
    public int DrainLimitSeconds { get; set; } = 20;

    /// <summary>Maximum size of a message or JSON body. 65,536 to 16,777,216 bytes, default 4,194,304.</summary>
    [Setting("bytes", 65_536, 16 * 1024 * 1024)]
    public int MaxMessageBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>Maximum facts in one RecordFacts request. 1 to 1,000, default 1,000.</summary>
    [Setting("facts", 1, 1_000)]
    public int MaxRecordFacts { get; set; } = 1_000;

    /// <summary>Maximum facts in one batch of ImportFacts. 1 to 5,000, default 5,000.</summary>
    [Setting("facts", 1, 5_000)]
    public int MaxImportBatch { get; set; } = 5_000;

    /// <summary>Maximum concurrent ImportFacts streams. 1 to 1,024, default 16.</summary>
    [Setting("streams", 1, 1_024)]
    public int MaxImportStreams { get; set; } = 16;

    /// <summary>Maximum concurrent CheckStream streams. 1 to 1,024, default 64.</summary>
    [Setting("streams", 1, 1_024)]
    public int MaxCheckStreams { get; set; } = 64;

    /// <summary>Maximum chunks of one stream that are being decided or wait to be sent. 2 to 64, default 4.</summary>
    [Setting("chunks", 2, 64)]
    public int MaxChunksInFlight { get; set; } = 4;

    /// <summary>Maximum chunks of all streams decided at the same time. 1 to 256, default half of the processors.</summary>
    [Setting("chunks", 1, 256)]
    public int BatchWorkers { get; set; } = Math.Clamp(Environment.ProcessorCount / 2, 1, 256);

    /// <summary>Pause of a slot of <see cref="BatchWorkers"/> after each piece of work while single checks arrive. 0 to 1,000 ms, default 2.</summary>
    [Setting("ms", 0, 1_000)]
    public int BatchRestMs { get; set; } = 2;

    /// <summary>How long a chunk may wait for a slot before its stream ends with RESOURCE_EXHAUSTED. 10 to 600,000 ms, default 10,000.</summary>
    [Setting("ms", 10, 600_000)]
    public int BatchWaitLimitMs { get; set; } = 10_000;

    /// <summary>Retry delay for callers after a list stream was rejected. 10 to 600,000 ms, default 1,000.</summary>
    [Setting("ms", 10, 600_000)]
    public int BatchRetryAfterMs { get; set; } = 1_000;

    /// <summary>Time limit of reading the facts of one chunk. 10 to 60,000 ms, default 2,000.</summary>
    [Setting("ms", 10, 60_000)]
    public int StoreBatchLimitMs { get; set; } = 2_000;

    /// <summary>Maximum numbers in a snapshot of a register, 21 to 41 bytes of memory each. 1,000 to 1,000,000,000, default 100,000,000.</summary>
    [Setting("numbers", 1_000, 1_000_000_000)]
    public int MaxSnapshotNumbers { get; set; } = 100_000_000;

    /// <summary>Maximum concurrent Watch streams. 1 to 1,024, default 64.</summary>
    [Setting("streams", 1, 1_024)]
    public int MaxWatchStreams { get; set; } = 64;

    /// <summary>Pause between two heartbeats of a Watch stream. 50 to 60,000 ms, default 1,000.</summary>
    [Setting("ms", 50, 60_000)]
    public int WatchHeartbeatMs { get; set; } = 1_000;

    /// <summary>
    /// Latest changes of each partition kept in memory while a Watch stream is open: how far a stream may fall behind. 16 to
    /// 1,000,000, default 4,096.
    /// </summary>
    [Setting("changes", 16, 1_000_000)]
    public int WatchBacklog { get; set; } = 4_096;

    /// <summary>How long a Watch stream may wait for its caller to read before it ends. 100 to 600,000 ms, default 10,000.</summary>
    [Setting("ms", 100, 600_000)]
    public int WatchSendLimitMs { get; set; } = 10_000;

    /// <summary>ALLOW answers audited by an exact re-check. 0 to 1,000 a second, default 20; 0 disables the audit.</summary>
    [Setting("1/s", 0, 1_000)]
    public int AllowAuditsPerSecond { get; set; } = 20;

    /// <summary>
    /// With shadow regimes, one list number in this many is compared, at random; all single checks are. 1 to 1,000,000 numbers,
    /// default 1,024.
    /// </summary>
    [Setting("numbers", 1, 1_000_000)]
    public int ShadowListEvery { get; set; } = 1_024;

    /// <summary>Maximum concurrent health streams, which need no credential; at most half of them per address. 2 to 65,535, default 256.</summary>
    [Setting("streams", 2, 65_535)]
    public int MaxHealthWatches { get; set; } = 256;

    /// <summary>
    /// How long CheckStream and ImportFacts may wait for their caller to send or to read before they end. 1 to 86,400 s, default 600.
    /// </summary>
    [Setting("s", 1, 86_400)]
    public int StreamIdleSeconds { get; set; } = 600;

    /// <summary>
    /// Maximum connections; at most half of them not yet authenticated, and of those at most an eighth of all per address. 1 to 65,535,
    /// default 1,024.
    /// </summary>
    [Setting("connections", 1, 65_535)]
    public int MaxConnections { get; set; } = 1_024;

    /// <summary>Maximum concurrent calls on one HTTP/2 connection. 1 to 1,000, default 100.</summary>
    [Setting("streams", 1, 1_000)]
    public int MaxStreamsPerConnection { get; set; } = 100;

    /// <summary>Every numeric setting with its unit and range.</summary>
    public static IReadOnlyList<Setting> Settings { get; } =
    [
        .. from property in typeof(LookupServerOptions).GetProperties()
           let stated = property.GetCustomAttribute<SettingAttribute>()
           where stated is not null
           select new Setting(property, stated.Unit, stated.Min, stated.Max),
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

        setting.Write(this, value);
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
    /// <param name="property">The property that holds it.</param>
    /// <param name="unit">Unit of the value.</param>
    /// <param name="min">Least value allowed.</param>
    /// <param name="max">Largest value allowed.</param>
    public sealed class Setting(PropertyInfo property, string unit, int min, int max)
    {
        /// <summary>Name of the property.</summary>
        public string Name => property.Name;

        /// <summary>Unit of the value.</summary>
        public string Unit => unit;

        /// <summary>Least value allowed.</summary>
        public int Min => min;

        /// <summary>Largest value allowed.</summary>
        public int Max => max;

        /// <summary>The default value.</summary>
        public int Default => Read(new LookupServerOptions());

        /// <summary>Reads the value.</summary>
        public int Read(LookupServerOptions options) => (int)property.GetValue(options)!;

        internal void Write(LookupServerOptions options, int value) => property.SetValue(options, value);
    }
}

/// <summary>States unit and range of a numeric setting.</summary>
/// <param name="unit">Unit of the value.</param>
/// <param name="min">Least value allowed.</param>
/// <param name="max">Largest value allowed.</param>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SettingAttribute(string unit, int min, int max) : Attribute
{
    internal string Unit => unit;

    internal int Min => min;

    internal int Max => max;
}

/// <summary>Thrown if settings are invalid. The message lists every fault, one per line.</summary>
public sealed class ServerSettingsException(IReadOnlyList<string> faults)
    : Exception($"{faults.Count} invalid setting(s):\n  " + string.Join("\n  ", faults))
{
    /// <summary>The faults.</summary>
    public IReadOnlyList<string> Faults { get; } = faults;
}
