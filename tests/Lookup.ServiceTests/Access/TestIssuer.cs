using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Lookup.ServiceTests.Access;

/// <summary>An OpenID provider of our own on a loopback port: its configuration, its keys, and tokens signed with them.</summary>
internal sealed class TestIssuer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private RsaSecurityKey _key = NewKey();

    private TestIssuer(WebApplication app) => _app = app;

    internal string Address => _app.Urls.First();

    /// <summary>How often its keys were asked for.</summary>
    internal int KeyReads { get; private set; }

    internal static async Task<TestIssuer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        var issuer = new TestIssuer(app);
        app.MapGet("/.well-known/openid-configuration", () => Results.Text(
            $$"""{"issuer":"{{issuer.Address}}","jwks_uri":"{{issuer.Address}}/keys"}""", "application/json"));
        app.MapGet("/keys", () =>
        {
            issuer.KeyReads++;
            if (issuer.IsAway)
            {
                return Results.StatusCode(StatusCodes.Status503ServiceUnavailable);
            }

            var key = issuer._key.Rsa.ExportParameters(false);
            return Results.Text(
                $$"""{"keys":[{"kty":"RSA","use":"sig","kid":"{{issuer._key.KeyId}}","n":"{{Base64UrlEncoder.Encode(key.Modulus)}}","e":"{{Base64UrlEncoder.Encode(key.Exponent)}}"}]}""",
                "application/json");
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        return issuer;
    }

    /// <summary>Signs with another key from now on, and knows the one before no longer.</summary>
    internal void ReplaceKey() => _key = NewKey();

    /// <summary>From now on its keys cannot be read.</summary>
    internal bool IsAway { get; set; }

    internal static RsaSecurityKey NewKey() => new(RSA.Create(2048)) { KeyId = Guid.NewGuid().ToString("n") };

    /// <summary>A token, in order where nothing is said.</summary>
    internal string Token(
        string subject, DateTimeOffset now, string audience = "lookup", TimeSpan? lifetime = null, string? issuer = null, SecurityKey? key = null,
        string algorithm = SecurityAlgorithms.RsaSha256, DateTimeOffset? issued = null, bool saysWhen = true) => new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(
            new SecurityTokenDescriptor
            {
                Issuer = issuer ?? Address,
                Audience = audience,
                Claims = new Dictionary<string, object> { ["sub"] = subject },
                IssuedAt = saysWhen ? (issued ?? now).UtcDateTime : null,
                Expires = (now + (lifetime ?? TimeSpan.FromMinutes(5))).UtcDateTime,
                SigningCredentials = new SigningCredentials(key ?? _key, algorithm),
            });

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
