using System.Security.Cryptography.X509Certificates;

namespace Lookup.Client;

/// <summary>Options of a client.</summary>
public sealed record LookupClientOptions
{
    /// <summary>Maximum of <see cref="Channels"/>.</summary>
    public const int MaxChannels = 16;

    /// <summary>Maximum of <see cref="ReuseLimit"/>.</summary>
    public const int MaxReuseLimit = 1_000_000;

    /// <summary>Maximum of <see cref="StreamChunkSize"/>.</summary>
    public const int MaxChunkSize = 8_192;

    /// <summary>Maximum unanswered chunks of a stream.</summary>
    public const int MaxWindow = 64;

    /// <summary>Address of the gRPC port: http:// for plain text, https:// for TLS. Required.</summary>
    public Uri Address { get; set; } = null!;

    /// <summary>
    /// API key, or a token that does not change, sent with each call. Only over TLS, or to this machine. Default: null, none.
    /// </summary>
    public string? ApiKey { get; set; }

    /// <summary>
    /// Returns the token for a call, for example of an OIDC provider. Runs for each call, so it should cache the token until shortly
    /// before it expires. Excludes <see cref="ApiKey"/>. Default: null, none.
    /// </summary>
    public Func<CancellationToken, ValueTask<string>>? Token { get; set; }

    /// <summary>PEM file with the CA certificates for the service; default: null, those that the machine trusts.</summary>
    public string? CaFile { get; set; }

    /// <summary>Client certificate with its private key; default: null, none.</summary>
    public X509Certificate2? ClientCertificate { get; set; }

    /// <summary>Time limit of a single call, including its hedge. Range: 1 ms to 10 minutes; default: 5 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Time limit of a connection attempt. Range: 1 ms to 10 minutes; default: 5 s.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Channels that calls use in rotation; each connects with its first call. A service accepts up to 100 concurrent calls per
    /// connection; a channel opens another connection when one is full. Lists and imports use one further channel. Range: 1 to 16;
    /// default: 2.
    /// </summary>
    public int Channels { get; set; } = 2;

    /// <summary>
    /// Sends a read a second time, on another channel, if it is not answered within this time. The service's 95th percentile is a
    /// good value: one call in twenty is then sent twice. Reads only (Check, Explain, ListFacts). Range: 1 ms to
    /// <see cref="Timeout"/>; requires two channels; default: null, never.
    /// </summary>
    public TimeSpan? HedgeAfter { get; set; }

    /// <summary>
    /// Answers to cache for as long as the service lets them be reused; the oldest are dropped first. Range: 0 (no reuse) to
    /// 1,000,000; default: 10,000.
    /// </summary>
    public int ReuseLimit { get; set; } = 10_000;

    /// <summary>
    /// Reuses answers only while the client's own watch is connected and fresh, and drops the answers for a number as soon as its facts
    /// change. Uses one of the service's Watch streams. Default: false, answers are reused as long as the service allows.
    /// </summary>
    public bool ReuseWatched { get; set; }

    /// <summary>
    /// Sends checks with the same question that are under way at the same time in one call, with the same answers. A check with
    /// nothing else under way is sent alone, as without this setting. Each question in use takes one of the service's CheckStream
    /// streams. Do not use it with a <see cref="Token"/> that depends on the caller of a check: a shared call has one token. Default:
    /// false.
    /// </summary>
    public bool ShareChecks { get; set; }

    /// <summary>Numbers in one message of a stream. Range: 1 to 8,192; default: 4,096.</summary>
    public int StreamChunkSize { get; set; } = 4_096;

    /// <summary>Maximum unanswered messages of a stream. Range: 1 to 64; default: 4.</summary>
    public int StreamWindow { get; set; } = 4;

    /// <summary>
    /// Time to wait for more numbers of a slow list before a partial chunk is sent. Range: 0 to 10 minutes; default: 5 ms.
    /// </summary>
    public TimeSpan StreamLinger { get; set; } = TimeSpan.FromMilliseconds(5);

    /// <summary>
    /// Time for which a stream retries after its connection broke, counted from the first failure without an answer since.
    /// Range: 0 (no retry) to 1 day; default: 30 s.
    /// </summary>
    public TimeSpan StreamRetryLimit { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Time limit for an answer on a stream; after it the connection counts as broken. Range: 1 ms to 10 minutes; default: 30 s.
    /// </summary>
    public TimeSpan StreamAnswerTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The clock; replace it only in tests.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>Describes every setting that is missing or out of range; empty if all are valid.</summary>
    public IReadOnlyList<string> Faults()
    {
        var faults = new List<string>();
        if (Address is not { IsAbsoluteUri: true } || (Address.Scheme != Uri.UriSchemeHttp && Address.Scheme != Uri.UriSchemeHttps))
        {
            faults.Add($"{nameof(Address)} '{Address}' must start with http:// or https://.");
        }

        else if (Address.Scheme == Uri.UriSchemeHttp && !Address.IsLoopback && (ApiKey is not null || Token is not null))
        {
            faults.Add($"{nameof(Address)}: '{Address}' is plain text to another machine; credentials require https://.");
        }

        if (ApiKey is not null && Token is not null)
        {
            faults.Add($"{nameof(ApiKey)} and {nameof(Token)} exclude each other.");
        }

        if (ApiKey is not null && (ApiKey.Length == 0 || ApiKey.Any(c => c is <= ' ' or > '~')))
        {
            // Do not print the value: it is a secret.
            faults.Add($"{nameof(ApiKey)} is empty or has invalid characters.");
        }

        if (CaFile is not null && !File.Exists(CaFile))
        {
            faults.Add($"{nameof(CaFile)}: file '{CaFile}' does not exist.");
        }

        var shortest = TimeSpan.FromMilliseconds(1);
        var longest = TimeSpan.FromMinutes(10);
        CheckTime(nameof(Timeout), Timeout, shortest, longest, "1 ms to 10 minutes");
        CheckTime(nameof(ConnectTimeout), ConnectTimeout, shortest, longest, "1 ms to 10 minutes");
        CheckTime(nameof(StreamAnswerTimeout), StreamAnswerTimeout, shortest, longest, "1 ms to 10 minutes");
        CheckTime(nameof(StreamLinger), StreamLinger, TimeSpan.Zero, longest, "0 to 10 minutes");
        CheckTime(nameof(StreamRetryLimit), StreamRetryLimit, TimeSpan.Zero, TimeSpan.FromDays(1), "0 to 1 day");
        CheckCount(nameof(Channels), Channels, 1, MaxChannels);
        CheckCount(nameof(ReuseLimit), ReuseLimit, 0, MaxReuseLimit);
        CheckCount(nameof(StreamChunkSize), StreamChunkSize, 1, MaxChunkSize);
        CheckCount(nameof(StreamWindow), StreamWindow, 1, MaxWindow);
        if (HedgeAfter is { } hedge)
        {
            CheckTime(nameof(HedgeAfter), hedge, shortest, Timeout, $"1 ms to {nameof(Timeout)}");
            if (Channels == 1)
            {
                faults.Add($"{nameof(HedgeAfter)} requires a second channel: set {nameof(Channels)} to 2 or more.");
            }
        }

        if (TimeProvider is null)
        {
            faults.Add($"{nameof(TimeProvider)} is missing.");
        }

        return faults;

        void CheckTime(string name, TimeSpan value, TimeSpan min, TimeSpan max, string range)
        {
            if (value < min || value > max)
            {
                faults.Add($"{name} is {value.TotalSeconds:0.###} s; it must be {range}.");
            }
        }

        void CheckCount(string name, int value, int min, int max)
        {
            if (value < min || value > max)
            {
                faults.Add($"{name} is {value}; it must be {min} to {max}.");
            }
        }
    }

    internal void ThrowIfFaulty()
    {
        var faults = Faults();
        if (faults.Count > 0)
        {
            throw new ArgumentException(string.Join(' ', faults));
        }
    }
}
