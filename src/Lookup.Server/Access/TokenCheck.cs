using BitFaster.Caching.Lru;
using Grpc.Core;
using Lookup.Server.Errors;
using Lookup.Server.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Lookup.Server.Access;

/// <summary>A token that is in order.</summary>
/// <param name="Subject">Who it speaks of.</param>
/// <param name="Until">When it expires, in Unix milliseconds.</param>
internal sealed record KnownToken(string Subject, long Until);

/// <summary>
/// Checks tokens (JWT) of one issuer: signature, issuer, audience and times. Its keys come from its OpenID configuration and are
/// read again as they change. Tokens in order are kept until they expire, the least used leaving first.
/// </summary>
internal sealed class TokenCheck : IDisposable
{
    private const int MaxLength = 8_192;

    // Who floods the service with made-up keys makes it ask the issuer no more often.
    private static readonly TimeSpan RefreshPause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan IssuerLimit = TimeSpan.FromSeconds(5);

    private static readonly string[] Algorithms =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = MaxLength };
    private readonly HttpClient _http = new() { Timeout = IssuerLimit };
    private readonly ConfigurationManager<OpenIdConnectConfiguration> _issuer;
    private readonly ConcurrentLru<string, KnownToken> _known;
    private readonly LookupServerOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger<TokenCheck> _log;

    public TokenCheck(LookupServerOptions options, TimeProvider clock, ILogger<TokenCheck> log)
    {
        _options = options;
        _clock = clock;
        _log = log;
        _known = new ConcurrentLru<string, KnownToken>(options.TokenCacheEntries);
        var address = options.JwtIssuer!.TrimEnd('/') + "/.well-known/openid-configuration";
        _issuer = new ConfigurationManager<OpenIdConnectConfiguration>(
            address,
            new OpenIdConnectConfigurationRetriever(),
            new HttpDocumentRetriever(_http) { RequireHttps = !new Uri(address).IsLoopback })
        { RefreshInterval = RefreshPause };
    }

    /// <summary>A token that was found in order before; null where it must be checked.</summary>
    /// <param name="header">The authorization header with it, so that nothing is copied for each call.</param>
    /// <param name="now">Unix milliseconds.</param>
    internal KnownToken? Find(string header, long now) => _known.TryGet(header, out var known) && now < known.Until ? known : null;

    /// <summary>Checks a token.</summary>
    /// <exception cref="RpcException">UNAUTHENTICATED: it is not in order. UNAVAILABLE: the issuer's keys are not known.</exception>
    internal async Task<KnownToken> CheckAsync(string header, CancellationToken cancellation)
    {
        var token = header[AccessControl.Bearer.Length..];
        if (token.Length > MaxLength)
        {
            throw Refusals.UnknownCredential();
        }

        OpenIdConnectConfiguration issuer;
        try
        {
            issuer = await _issuer.GetConfigurationAsync(cancellation);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            _log.LogWarning("The keys of the issuer of tokens cannot be read: {Error}", e.GetBaseException().Message);
            throw Refusals.Unavailable("The keys of the issuer of tokens cannot be read.", _options.RetryAfterMs);
        }

        var result = await _handler.ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidIssuer = _options.JwtIssuer,
            ValidAudience = _options.JwtAudience,
            ValidAlgorithms = Algorithms,
            IssuerSigningKeys = issuer.SigningKeys,
            LifetimeValidator = (begins, ends, _, _) => ends is { } end && IsNow(begins, end),
        });
        if (!result.IsValid)
        {
            if (result.Exception is SecurityTokenSignatureKeyNotFoundException)
            {
                // The issuer may have a new key; the next token finds it.
                _issuer.RequestRefresh();
            }

            throw result.Exception is SecurityTokenInvalidLifetimeException ? Refusals.ExpiredCredential() : Refusals.UnknownCredential();
        }

        if (!result.Claims.TryGetValue(_options.JwtSubjectClaim, out var claim) || claim is not string { Length: > 0 } subject)
        {
            throw Refusals.UnknownCredential();
        }

        var known = new KnownToken(subject, new DateTimeOffset(result.SecurityToken.ValidTo, TimeSpan.Zero).ToUnixTimeMilliseconds());
        _known.AddOrUpdate(header, known);
        return known;
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private bool IsNow(DateTime? begins, DateTime ends)
    {
        var now = _clock.GetUtcNow().UtcDateTime;
        return now < ends && (begins is null || begins <= now);
    }
}
