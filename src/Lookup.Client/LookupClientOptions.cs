using System.Security.Cryptography.X509Certificates;

namespace Lookup.Client;

/// <summary>How to reach the service, and how a client asks it.</summary>
public sealed record LookupClientOptions
{
    /// <summary>Most channels that a client opens.</summary>
    public const int MaxChannels = 16;

    /// <summary>Most answers that a client keeps for reuse.</summary>
    public const int MaxReuseLimit = 1_000_000;

    /// <summary>Most numbers that one message of a stream may carry.</summary>
    public const int MaxChunkSize = 8_192;

    /// <summary>Most chunks of a stream that may be under way unanswered.</summary>
    public const int MaxWindow = 64;

    /// <summary>Address of the gRPC port: http:// for plain text, https:// for TLS. Required.</summary>
    public Uri Address { get; set; } = null!;

    /// <summary>
    /// API key, or a token that does not change, sent with each call. Only over TLS, or to this machine. Default: null, none.
    /// </summary>
    public string? ApiKey { get; set; }

    /// <summary>
    /// Gives the token for a call, for example one of an OIDC provider; called for each, so it should keep its token until shortly
    /// before that expires. Not together with <see cref="ApiKey"/>. Default: null, none.
    /// </summary>
    public Func<CancellationToken, ValueTask<string>>? Token { get; set; }

    /// <summary>File with the certificates (PEM) that the service's must be signed by; default: null, those that the machine trusts.</summary>
    public string? CaFile { get; set; }

    /// <summary>Certificate with its private key to show to the service; default: null, none.</summary>
    public X509Certificate2? ClientCertificate { get; set; }

    /// <summary>How long a single call may take, its hedge included. Range: 1 ms to 10 minutes; default: 5 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long to try to reach the service. Range: 1 ms to 10 minutes; default: 5 s.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Connections to spread calls over in turn; each is made with its first call. A service takes up to 100 calls at a time on a
    /// connection, and a connection that is full gets another beside it. Lists and imports have one more of their own. Range: 1 to 16;
    /// default: 2.
    /// </summary>
    public int Channels { get; set; } = 2;

    /// <summary>
    /// Asks a second time on another channel when the first has not answered after so long: the service's 95th percentile is a
    /// good value, so that one call in twenty is asked twice. For reads only (Check, Explain, ListFacts). Range: 1 ms to
    /// <see cref="Timeout"/>, and two channels; default: null, never.
    /// </summary>
    public TimeSpan? HedgeAfter { get; set; }

    /// <summary>
    /// Answers to keep for as long as the service lets them be reused; the oldest leave first. Range: 0 (ask every time) to
    /// 1,000,000; default: 10,000.
    /// </summary>
    public int ReuseLimit { get; set; } = 10_000;

    /// <summary>
    /// Reuses answers only while a watch of its own stands and is fresh, and forgets those about a number as soon as something new is
    /// known of it. It takes one of the service's Watch streams. Default: false, answers are reused as long as the service lets them be.
    /// </summary>
    public bool ReuseWatched { get; set; }

    /// <summary>Numbers in one message of a stream. Range: 1 to 8,192; default: 4,096.</summary>
    public int StreamChunkSize { get; set; } = 4_096;

    /// <summary>Messages of a stream that may be under way unanswered. Range: 1 to 64; default: 4.</summary>
    public int StreamWindow { get; set; } = 4;

    /// <summary>
    /// How long a list that comes slowly is waited for before the numbers at hand are sent. Range: 0 to 10 minutes; default: 5 ms.
    /// </summary>
    public TimeSpan StreamLinger { get; set; } = TimeSpan.FromMilliseconds(5);

    /// <summary>
    /// How long a stream tries to go on after its connection broke, counted from the break and without any answer since.
    /// Range: 0 (a break ends the stream) to 1 day; default: 30 s.
    /// </summary>
    public TimeSpan StreamRetryLimit { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long the service may owe an answer on a stream before the connection counts as broken. Range: 1 ms to 10 minutes;
    /// default: 30 s.
    /// </summary>
    public TimeSpan StreamAnswerTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The clock; replaced in tests only.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>Every setting that is missing or out of its range, in words; none if all are in order.</summary>
    public IReadOnlyList<string> Faults()
    {
        var faults = new List<string>();
        if (Address is not { IsAbsoluteUri: true } || (Address.Scheme != Uri.UriSchemeHttp && Address.Scheme != Uri.UriSchemeHttps))
        {
            faults.Add($"{nameof(Address)} '{Address}' does not begin with http:// or https://.");
        }

        else if (Address.Scheme == Uri.UriSchemeHttp && !Address.IsLoopback && (ApiKey is not null || Token is not null))
        {
            faults.Add($"{nameof(Address)}: '{Address}' is plain text to another machine; a credential is sent over https:// only.");
        }

        if (ApiKey is not null && Token is not null)
        {
            faults.Add($"{nameof(ApiKey)} and {nameof(Token)} exclude each other.");
        }

        if (ApiKey is not null && (ApiKey.Length == 0 || ApiKey.Any(c => c is <= ' ' or > '~')))
        {
            // What it holds is not told: it is a secret.
            faults.Add($"{nameof(ApiKey)} is empty or holds characters that no key has.");
        }

        if (CaFile is not null && !File.Exists(CaFile))
        {
            faults.Add($"{nameof(CaFile)}: there is no file {CaFile}.");
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
                faults.Add($"{nameof(HedgeAfter)} needs a second channel: set {nameof(Channels)} to 2 or more.");
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
                faults.Add($"{name} is {value.TotalSeconds:0.###} s; the range is {range}.");
            }
        }

        void CheckCount(string name, int value, int min, int max)
        {
            if (value < min || value > max)
            {
                faults.Add($"{name} is {value}; the range is {min} to {max}.");
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
