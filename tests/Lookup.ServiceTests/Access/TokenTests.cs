using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Server;
using Lookup.Server.Access;
using Lookup.ServiceTests.Server;
using Lookup.V1;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.IdentityModel.Tokens;

namespace Lookup.ServiceTests.Access;

/// <summary>Tokens (JWT) of a configured issuer as credentials.</summary>
public sealed class TokenTests : IAsyncLifetime
{
    private TestIssuer _issuer = null!;
    private GuardedServer _guarded = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private DateTimeOffset Now => _guarded.Server.Clock.GetUtcNow();

    public async ValueTask InitializeAsync()
    {
        _issuer = await TestIssuer.StartAsync();
        _guarded = await GuardedServer.StartAsync(configure: options =>
        {
            options.Credentials = null;
            options.JwtIssuer = _issuer.Address;
            options.JwtAudience = "lookup";
        });
        await _guarded.KeyAsync(
            new Credential { CredentialId = "crm", Kind = CredentialKind.Token, Subject = "service-account-crm" }, Roles.Check, GuardedServer.Own);
    }

    public async ValueTask DisposeAsync()
    {
        await _guarded.DisposeAsync();
        await _issuer.DisposeAsync();
    }

    [Fact]
    public async Task Token_InOrder_HasTheRolesAndGrantsOfItsSubject()
    {
        var token = _issuer.Token("service-account-crm", Now);
        Assert.Equal(StatusCode.OK, (await AskAsync(token)).Status);
        Assert.Equal("ORGANISATION_NOT_GRANTED", (await AskAsync(token, GuardedServer.Other)).Reason);
        await _guarded.Keeper.RevokeAsync(new RevokeCredentialRequest { CredentialId = "crm" }, Token);
        await _guarded.FollowAsync();
        Assert.Equal("CREDENTIAL_REVOKED", (await AskAsync(token)).Reason);
    }

    [Fact]
    public async Task Token_NotInOrder_IsUnauthenticated()
    {
        const string Subject = "service-account-crm";
        var secret = new SymmetricSecurityKey(new byte[32]) { KeyId = "none" };
        foreach (var (token, reason) in new[]
            {
                (_issuer.Token("somebody", Now), "CREDENTIAL_UNKNOWN"),
                (_issuer.Token(Subject, Now, audience: "other"), "CREDENTIAL_UNKNOWN"),
                (_issuer.Token(Subject, Now, issuer: "https://other.example"), "CREDENTIAL_UNKNOWN"),
                (_issuer.Token(Subject, Now, key: TestIssuer.NewKey()), "CREDENTIAL_UNKNOWN"),
                (_issuer.Token(Subject, Now, key: secret, algorithm: SecurityAlgorithms.HmacSha256), "CREDENTIAL_UNKNOWN"),
                (_issuer.Token(Subject, Now.AddHours(-1)), "CREDENTIAL_EXPIRED"),
                // Whatever it says of its end: it is too old, from the future, or does not say when it was issued.
                (_issuer.Token(Subject, Now, lifetime: TimeSpan.FromDays(3_650), issued: Now.AddMinutes(-1_441)), "CREDENTIAL_EXPIRED"),
                (_issuer.Token(Subject, Now, lifetime: TimeSpan.FromDays(3_650), issued: Now.AddMinutes(6)), "CREDENTIAL_NOT_YET_VALID"),
                (_issuer.Token(Subject, Now, lifetime: TimeSpan.FromDays(3_650), saysWhen: false), "CREDENTIAL_UNKNOWN"),
                (_issuer.Token(Subject, Now) + "x", "CREDENTIAL_UNKNOWN"),
                (Unsigned(_issuer.Token(Subject, Now)), "CREDENTIAL_UNKNOWN"),
                (new string('a', 9_000), "CREDENTIAL_UNKNOWN"),
            })
        {
            var outcome = await AskAsync(token);
            Assert.True(outcome.Status == StatusCode.Unauthenticated && outcome.Reason == reason, $"{token[..20]}... {outcome}");
        }

        // Without a signature, and saying so.
        static string Unsigned(string token) => Base64UrlEncoder.Encode("""{"alg":"none","typ":"JWT"}""") + "." + token.Split('.')[1] + ".";
    }

    [Fact]
    public async Task Token_Checked_IsKeptUntilItExpires()
    {
        var brief = _issuer.Token("service-account-crm", Now, lifetime: TimeSpan.FromSeconds(2));
        Assert.Equal(StatusCode.OK, (await AskAsync(brief)).Status);
        Assert.Equal(StatusCode.OK, (await AskAsync(brief)).Status);
        Assert.Equal(1, _issuer.KeyReads);
        using var list = new LookupService.LookupServiceClient(_guarded.As(brief)).CheckStream(cancellationToken: Token);
        await list.RequestStream.WriteAsync(new CheckStreamRequest { Open = new CheckStreamOpen { Question = Samples.Question() } }, Token);
        var end = await Assert.ThrowsAsync<RpcException>(() => list.ResponseStream.MoveNext(Token));
        Assert.Equal(StatusCode.Unauthenticated, end.StatusCode);
        Assert.Equal("CREDENTIAL_EXPIRED", (await AskAsync(brief)).Reason);
    }

    [Fact]
    public async Task Token_OfTenYears_CountsForADay()
    {
        var clock = new SteppedClock();
        await using var guarded = await GuardedServer.StartAsync(clock: clock, configure: UseIssuer);
        await guarded.KeyAsync(
            new Credential { CredentialId = "crm", Kind = CredentialKind.Token, Subject = "service-account-crm" }, Roles.Check, GuardedServer.Own);
        var token = _issuer.Token("service-account-crm", clock.GetUtcNow(), lifetime: TimeSpan.FromDays(3_650));
        Assert.Equal(StatusCode.OK, (await AskAsync(token, guarded: guarded)).Status);
        clock.Advance(TimeSpan.FromHours(23));
        await guarded.FollowAsync();
        Assert.Equal(StatusCode.OK, (await AskAsync(token, guarded: guarded)).Status);
        clock.Advance(TimeSpan.FromHours(2));
        await guarded.FollowAsync();
        Assert.Equal("CREDENTIAL_EXPIRED", (await AskAsync(token, guarded: guarded)).Reason);
    }

    [Fact]
    public async Task Issuer_WithdrawsItsKey_EndsTokensAndStreamsSignedWithIt()
    {
        var before = _issuer.Token("service-account-crm", Now, lifetime: TimeSpan.FromDays(3_650));
        Assert.Equal(StatusCode.OK, (await AskAsync(before)).Status);
        using var list = new LookupService.LookupServiceClient(_guarded.As(before)).CheckStream(cancellationToken: Token);
        await list.RequestStream.WriteAsync(new CheckStreamRequest { Open = new CheckStreamOpen { Question = Samples.Question() } }, Token);
        await list.ResponseHeadersAsync;

        _issuer.ReplaceKey();
        // As is done every five minutes.
        await _guarded.Server.Host.FollowIssuerAsync();
        Assert.Equal("CREDENTIAL_UNKNOWN", (await AskAsync(before)).Reason);
        var end = await Assert.ThrowsAsync<RpcException>(() => list.ResponseStream.MoveNext(Token));
        Assert.Equal(StatusCode.Unauthenticated, end.StatusCode);
        Assert.Equal(StatusCode.OK, (await AskAsync(_issuer.Token("service-account-crm", Now))).Status);
    }

    [Fact]
    public async Task Issuer_AwayForAnHour_ItsKeysCountNoLonger()
    {
        var clock = new SteppingClock();
        using var keys = new IssuerKeys(
            new LookupServerOptions { JwtIssuer = _issuer.Address, JwtAudience = "lookup" }, clock, NullLogger<IssuerKeys>.Instance);
        var read = await keys.GetAsync(Token);
        await keys.FollowAsync();
        Assert.Same(read, keys.Current);
        _issuer.IsAway = true;
        clock.Advance(TimeSpan.FromMinutes(50));
        await keys.FollowAsync();
        Assert.Same(read, keys.Current);
        clock.Advance(TimeSpan.FromMinutes(11));
        await keys.FollowAsync();
        Assert.Null(keys.Current);
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(async () => await keys.GetAsync(Token))).StatusCode);
        _issuer.IsAway = false;
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.NotEmpty((await keys.GetAsync(Token)).Keys);
    }

    [Fact]
    public async Task Keys_ThatNobodyKnows_AskTheIssuerOnceInTenSeconds()
    {
        Assert.Equal(StatusCode.OK, (await AskAsync(_issuer.Token("service-account-crm", Now))).Status);
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("CREDENTIAL_UNKNOWN", (await AskAsync(_issuer.Token("service-account-crm", Now, key: TestIssuer.NewKey()))).Reason);
        }

        // A loaded machine may take longer than ten seconds for them.
        Assert.InRange(_issuer.KeyReads, 1, 10);
    }

    [Fact]
    public async Task Issuer_Away_IsUnavailableAndKeysGoOn()
    {
        await using var guarded = await GuardedServer.StartAsync(configure: options =>
        {
            options.JwtIssuer = "http://127.0.0.1:9";
            options.JwtAudience = "lookup";
        });
        var key = await guarded.KeyAsync("dialer", Roles.Check, GuardedServer.Own);
        Assert.Equal(StatusCode.Unavailable, (await AskAsync(_issuer.Token("service-account-crm", Now), guarded: guarded)).Status);
        Assert.Equal(StatusCode.OK, (await AskAsync(key, guarded: guarded)).Status);
    }

    private void UseIssuer(LookupServerOptions options) => (options.JwtIssuer, options.JwtAudience) = (_issuer.Address, "lookup");

    private Task<Outcome> AskAsync(string token, string organisation = GuardedServer.Own, GuardedServer? guarded = null) => AnyCall.GrpcAsync(
        (guarded ?? _guarded).Server.Invoker,
        AnyCall.Methods.Single(method => method.Name == "Check"),
        [Samples.Check(AccessRpcs.Known, organisation)],
        token);
}
