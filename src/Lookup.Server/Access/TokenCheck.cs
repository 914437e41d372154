using BitFaster.Caching.Lru;
using Grpc.Core;
using Lookup.Server.Errors;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Lookup.Server.Access;

/// <summary>A valid token.</summary>
/// <param name="Subject">The caller it identifies.</param>
/// <param name="Until">When it becomes invalid, in Unix milliseconds: when it expires or reaches the maximum age of tokens.</param>
/// <param name="Key">The key that signed it; see <see cref="IssuerKeys.Set.NameOf"/>.</param>
internal sealed record KnownToken(string Subject, long Until, string Key);

/// <summary>
/// Checks tokens (JWT) of one issuer: signature, issuer, audience and times. Caches valid tokens (LRU) until they expire or the issuer
/// withdraws the key that signed them.
/// </summary>
internal sealed class TokenCheck(LookupServerOptions options, TimeProvider clock, IssuerKeys keys)
{
    private const int MaxLength = 8_192;

    // How far the issuer's clock may be ahead.
    private static readonly TimeSpan MaxAhead = TimeSpan.FromMinutes(5);

    private static readonly string[] Algorithms =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = MaxLength };
    private readonly ConcurrentLru<string, KnownToken> _known = new(options.TokenCacheEntries);

    /// <summary>Finds a token that was valid before; null if it must be checked.</summary>
    /// <param name="header">The whole authorization header, so that no call copies the token.</param>
    /// <param name="now">Unix milliseconds.</param>
    internal KnownToken? Find(string header, long now) =>
        _known.TryGet(header, out var known) && now < known.Until && keys.Current?.Has(known.Key) == true ? known : null;

    /// <summary>Returns why the token that opened a stream is no longer valid; null if it is.</summary>
    /// <param name="key">The key that signed it.</param>
    internal RpcException? WhyEnded(string key) => keys.Current switch
    {
        null => RpcErrors.Unavailable(IssuerKeys.Unreadable, options.RetryAfterMs),
        var current => current.Has(key) ? null : RpcErrors.RevokedCredential(),
    };

    /// <summary>Checks a token.</summary>
    /// <exception cref="RpcException">UNAUTHENTICATED: the token is invalid. UNAVAILABLE: the issuer's keys cannot be read.</exception>
    internal async Task<KnownToken> CheckAsync(string header, CancellationToken cancellation)
    {
        var token = header[AccessControl.Bearer.Length..];
        if (token.Length > MaxLength)
        {
            throw RpcErrors.UnknownCredential();
        }

        var set = await keys.GetAsync(cancellation);
        var result = await ValidateAsync(token, set);
        if (result.Exception is SecurityTokenSignatureKeyNotFoundException)
        {
            // The issuer may have a new key.
            await keys.ReadAgainAsync(cancellation);
            if (keys.Current is { } current && !ReferenceEquals(current, set))
            {
                result = await ValidateAsync(token, current);
            }
        }

        if (!result.IsValid)
        {
            throw result.Exception switch
            {
                SecurityTokenExpiredException => RpcErrors.ExpiredCredential(),
                SecurityTokenNotYetValidException => RpcErrors.FutureCredential(),
                SecurityTokenNoExpirationException => RpcErrors.TimelessCredential(),
                _ => RpcErrors.UnknownCredential(),
            };
        }

        if (!result.Claims.TryGetValue(options.JwtSubjectClaim, out var claim) || claim is not string { Length: > 0 } subject)
        {
            throw RpcErrors.UnknownCredential();
        }

        var read = (JsonWebToken)result.SecurityToken;
        var known = new KnownToken(subject, new DateTimeOffset(EndOf(read)!.Value, TimeSpan.Zero).ToUnixTimeMilliseconds(), IssuerKeys.Set.NameOf(read.SigningKey));
        _known.AddOrUpdate(header, known);
        return known;
    }

    private Task<TokenValidationResult> ValidateAsync(string token, IssuerKeys.Set set) => _handler.ValidateTokenAsync(token, new TokenValidationParameters
    {
        ValidIssuer = options.JwtIssuer,
        ValidAudience = options.JwtAudience,
        ValidAlgorithms = Algorithms,
        IssuerSigningKeys = set.Keys,
        LifetimeValidator = (begins, _, read, _) => CheckTimes(begins, (JsonWebToken)read),
    });

    // A token expires at the maximum age at the latest, whatever its exp: otherwise a key that leaked once could sign tokens for years.
    // A token without a time of issue has no age, so it is rejected.
    private DateTime? EndOf(JsonWebToken token)
    {
        var issued = IssuedAt(token);
        if (token.ValidTo == DateTime.MinValue || issued == DateTime.MinValue)
        {
            return null;
        }

        var latest = issued.AddMinutes(options.MaxTokenMinutes);
        return token.ValidTo < latest ? token.ValidTo : latest;
    }

    private static DateTime IssuedAt(JsonWebToken token) => token.IssuedAt != DateTime.MinValue ? token.IssuedAt : token.ValidFrom;

    // True, or the reason as the exception that the library itself would throw.
    private bool CheckTimes(DateTime? begins, JsonWebToken token)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var end = EndOf(token) ?? throw new SecurityTokenNoExpirationException();
        return IssuedAt(token) > now + MaxAhead || begins > now ? throw new SecurityTokenNotYetValidException()
            : now < end ? true
            : throw new SecurityTokenExpiredException();
    }
}
