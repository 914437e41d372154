using BitFaster.Caching.Lru;
using Grpc.Core;
using Lookup.Server.Errors;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Lookup.Server.Access;

/// <summary>A token that is in order.</summary>
/// <param name="Subject">Who it speaks of.</param>
/// <param name="Until">When it no longer counts, in Unix milliseconds: when it expires, or reaches the age that no token may have.</param>
/// <param name="Key">The key that signed it, see <see cref="IssuerKeys.Set.NameOf"/>.</param>
internal sealed record KnownToken(string Subject, long Until, string Key);

/// <summary>
/// Checks tokens (JWT) of one issuer: signature, issuer, audience and times. Tokens in order are kept, the least used leaving first, for as long as
/// they count and the issuer has the key that signed them.
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

    /// <summary>A token that was found in order before; null where it must be checked.</summary>
    /// <param name="header">The authorization header with it, so that nothing is copied for each call.</param>
    /// <param name="now">Unix milliseconds.</param>
    internal KnownToken? Find(string header, long now) =>
        _known.TryGet(header, out var known) && now < known.Until && keys.Current?.Has(known.Key) == true ? known : null;

    /// <summary>Returns why a token that a stream was opened with no longer counts; null if it does.</summary>
    /// <param name="key">The key that signed it.</param>
    internal RpcException? WhyEnded(string key) => keys.Current switch
    {
        null => RpcErrors.Unavailable("The keys of the issuer of tokens cannot be read.", options.RetryAfterMs),
        var current => current.Has(key) ? null : RpcErrors.RevokedCredential(),
    };

    /// <summary>Checks a token.</summary>
    /// <exception cref="RpcException">UNAUTHENTICATED: it is not in order. UNAVAILABLE: the issuer's keys are not known.</exception>
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
            throw result.Exception is SecurityTokenInvalidLifetimeException ? RpcErrors.ExpiredCredential() : RpcErrors.UnknownCredential();
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
        LifetimeValidator = (begins, _, read, _) => read is JsonWebToken one && EndOf(one) is { } end && IsNow(begins, end),
    });

    // Whatever a token says of its end, it counts no longer than the longest time that one may: otherwise a key that leaked once makes
    // tokens for years. One that does not say when it was issued has no such time.
    private DateTime? EndOf(JsonWebToken token)
    {
        var issued = token.IssuedAt != DateTime.MinValue ? token.IssuedAt : token.ValidFrom;
        if (token.ValidTo == DateTime.MinValue || issued == DateTime.MinValue || issued > clock.GetUtcNow().UtcDateTime + MaxAhead)
        {
            return null;
        }

        var latest = issued.AddMinutes(options.MaxTokenMinutes);
        return token.ValidTo < latest ? token.ValidTo : latest;
    }

    private bool IsNow(DateTime? begins, DateTime ends)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        return now < ends && (begins is null || begins <= now);
    }
}
