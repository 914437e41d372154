using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Lookup.Client;
using Lookup.Core.Access;
using Lookup.Server;
using Lookup.ServiceTests.Server;
using Lookup.V1;

namespace Lookup.ServiceTests.Access;

/// <summary>The service over TLS, with client certificates, and when it refuses to start without.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly Certificates _files = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task Check_OverTls_IsAnsweredToClientLibraryToolAndJson()
    {
        _files.WriteServer();
        await using var guarded = await GuardedServer.StartAsync(configure: Tls);
        var key = await guarded.KeyAsync("dialer", Roles.Check, GuardedServer.Own);
        Assert.Equal("https", guarded.Server.Host.GrpcAddress.Scheme);
        Assert.Equal(CheckState.Answered, await StateAsync(guarded, new LookupClientOptions { ApiKey = key, CaFile = _files.AuthorityFile }));
        // The machine does not know the authority.
        Assert.NotEqual(CheckState.Answered, await StateAsync(guarded, new LookupClientOptions { ApiKey = key }));

        var run = await CliRun.Async(
            "check", "+31612345678", "--org", "acme", "--purpose", "commercial", "--address", guarded.Server.Host.GrpcAddress.ToString(),
            "--ca", _files.AuthorityFile, "--api-key", key);
        Assert.True(run.ExitCode == Lookup.Cli.ExitCodes.Deny, run.Error);

        var untrusted = await CliRun.Async("org", "list", "--address", guarded.Server.Host.GrpcAddress.ToString(), "--api-key", key);
        Assert.Contains("is not trusted", untrusted.Error, StringComparison.Ordinal);

        using var handler = new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = Policy() } };
        using var http = new HttpClient(handler) { BaseAddress = guarded.Server.Host.JsonAddress };
        var check = AnyCall.Methods.Single(method => method.Name == "Check");
        Assert.Equal(Grpc.Core.StatusCode.OK, (await AnyCall.JsonAsync(http, check, Samples.Check(AccessRpcs.Known), key)).Status);
    }

    [Fact]
    public async Task Files_Changed_CountForNewConnectionsAndBrokenOnesDoNot()
    {
        var first = _files.WriteServer();
        var clock = new SteppingClock();
        await using var guarded = await GuardedServer.StartAsync(configure: Tls, clock: clock);
        Assert.Equal(first, await SerialAsync(guarded));

        var whole = await File.ReadAllTextAsync(_files.ServerFile, Token);
        await File.WriteAllTextAsync(_files.ServerFile, "no certificate", Token);
        clock.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal(first, await SerialAsync(guarded));
        Assert.Contains("are invalid; the previous ones stay in use", guarded.Server.Log.All, StringComparison.Ordinal);

        var second = _files.WriteServer();
        clock.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal(second, await SerialAsync(guarded));
        Assert.NotEqual(first, second);
        Assert.DoesNotContain(whole, guarded.Server.Log.All, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Endpoints_WhicheverIsUsedFirst_OfferTheProtocolThatTheySpeak(bool grpcFirst)
    {
        _files.WriteServer();
        var clock = new SteppingClock();
        await using var guarded = await GuardedServer.StartAsync(configure: Tls, clock: clock);
        var ports = new[]
        {
            (guarded.Server.Host.GrpcAddress.Port, Speaks: SslApplicationProtocol.Http2),
            (guarded.Server.Host.JsonAddress.Port, Speaks: SslApplicationProtocol.Http11),
        };
        for (var round = 0; round < 2; round++)
        {
            foreach (var (port, speaks) in grpcFirst ? ports : ports.Reverse())
            {
                // A client that offers both, as curl does, gets the one; a client that offers none is let in, as a probe is.
                Assert.Equal(speaks, (await HandshakeAsync(port, SslApplicationProtocol.Http2, SslApplicationProtocol.Http11)).Protocol);
                Assert.Equal(speaks, (await HandshakeAsync(port, speaks)).Protocol);
                Assert.Equal(default, (await HandshakeAsync(port)).Protocol);
            }

            // The same with the files of a renewed certificate.
            _files.WriteServer();
            clock.Advance(TimeSpan.FromSeconds(1.1));
        }
    }

    [Fact]
    public async Task ClientCertificate_OfTheAuthority_IsACredentialByAnyOfItsNames()
    {
        _files.WriteServer();
        await using var guarded = await GuardedServer.StartAsync(configure: options =>
        {
            Tls(options);
            options.ClientCaFile = _files.AuthorityFile;
        });
        foreach (var (id, subject) in new[] { ("by-uri", "spiffe://example.org/dialer"), ("by-dns", "dialer.example.org"), ("by-name", "dialer") })
        {
            await guarded.KeyAsync(
                new Credential { CredentialId = id, Kind = CredentialKind.Certificate, Subject = subject }, Roles.Check, GuardedServer.Own);
        }

        var key = await guarded.KeyAsync("key", Roles.Check, GuardedServer.Own);
        using var uri = _files.Client("nobody", uri: "spiffe://example.org/dialer");
        using var dns = _files.Client("nobody", dns: "dialer.example.org");
        using var name = _files.Client("dialer");
        using var unknown = _files.Client("unknown");
        using var others = new Certificates();
        using var foreign = others.Client("dialer");
        Assert.Equal(CheckState.Answered, await StateAsync(guarded, Shown(uri)));
        Assert.Equal(CheckState.Answered, await StateAsync(guarded, Shown(dns)));
        Assert.Equal(CheckState.Answered, await StateAsync(guarded, Shown(name)));
        Assert.Equal(CheckState.Refused, await StateAsync(guarded, Shown(unknown)));
        // It is refused once the client takes the connection to be made, or before.
        Assert.Contains(await StateAsync(guarded, Shown(foreign)), (CheckState[])[CheckState.Unavailable, CheckState.Broken]);
        Assert.Equal(CheckState.Refused, await StateAsync(guarded, Shown(null)));
        Assert.Equal(CheckState.Answered, await StateAsync(guarded, Shown(null) with { ApiKey = key }));

        // Over the connection that it was evaluated for, too.
        using var client = new LookupClient(Shown(name) with { Address = guarded.Server.Host.GrpcAddress });
        Assert.Equal(CheckState.Answered, (await client.CheckAsync(Samples.NewNumber(), Samples.Question(), cancellationToken: Token)).State);
        await guarded.Keeper.RevokeAsync(new RevokeCredentialRequest { CredentialId = "by-name" }, Token);
        await guarded.FollowAsync();
        Assert.Equal(CheckState.Refused, (await client.CheckAsync(Samples.NewNumber(), Samples.Question(), cancellationToken: Token)).State);
    }

    [Theory]
    [InlineData("serve --listen 0.0.0.0:0", "can be reached from other machines, so TLS is required. Set --tls-cert")]
    [InlineData("serve --listen 0.0.0.0:0 --behind-proxy --credentials none", "so credentials are required")]
    [InlineData("serve --behind-proxy --credentials none", "required behind a proxy, also on a loopback address")]
    [InlineData("serve --fake --behind-proxy", "A fake service has no credentials")]
    [InlineData("serve --tls-cert none.pem", "must be set together")]
    [InlineData("serve --listen 127.0.0.1:0 --tls-cert none.pem --tls-key none.key", "--tls-cert 'none.pem' cannot be read: the file does not exist.")]
    [InlineData("serve --client-ca ca.pem", "client certificates need TLS")]
    [InlineData("serve --jwt-issuer http://issuer.example --jwt-audience x", "is not an https:// address")]
    [InlineData("serve --jwt-issuer https://issuer.example", "must be set together")]
    [InlineData("serve --fake --credentials required", "A fake service has no credentials")]
    public async Task Serve_NotGuarded_DoesNotStart(string line, string expected)
    {
        string[] store = line.Contains("--fake", StringComparison.Ordinal) ? [] : ["--data", _files.Temp.PathOf("data")];
        var run = await CliRun.Async([.. line.Split(' '), .. store]);
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_NotLoopbackWithTlsOrProxy_AskForCredentials()
    {
        var tls = new LookupServerOptions { Address = "0.0.0.0", TlsCertificateFile = "a", TlsKeyFile = "b" };
        var proxy = new LookupServerOptions { Address = "0.0.0.0", BehindProxy = true };
        Assert.All([tls, proxy], options => Assert.Empty(options.Faults()));
        Assert.All([tls, proxy], options => Assert.True(options.AsksCredentials));
        Assert.False(new LookupServerOptions().AsksCredentials);
    }

    [Fact]
    public void Options_OnLoopback_AskForCredentialsUnlessNothingIsInFrontOfThem()
    {
        LookupServerOptions[] asking =
        [
            new() { BehindProxy = true },
            new() { Address = "::1", BehindProxy = true },
            new() { TlsCertificateFile = "a", TlsKeyFile = "b" },
            new() { TlsCertificateFile = "a", TlsKeyFile = "b", ClientCaFile = "c" },
            new() { JwtIssuer = "https://issuer.example", JwtAudience = "lookup" },
            new() { Credentials = true },
        ];
        Assert.All(asking, options => Assert.True(options.AsksCredentials));
        Assert.All(asking, options => Assert.Empty(options.Faults()));

        // Who asks for TLS on this machine without credentials says so.
        var plain = new LookupServerOptions { TlsCertificateFile = "a", TlsKeyFile = "b", Credentials = false };
        Assert.False(plain.AsksCredentials);
        Assert.Empty(plain.Faults());
        Assert.Contains(new LookupServerOptions { BehindProxy = true, Credentials = false }.Faults(), fault => fault.StartsWith("Credentials:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task BehindProxy_OnLoopback_LetsNobodyInWithoutACredential()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), o => o.BehindProxy = true);
        using var content = new StringContent("{\"number\":\"+31612345678\"}", System.Text.Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync("/v1/facts:list", content, Token);
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, response.StatusCode);
        var refused = await Assert.ThrowsAsync<Grpc.Core.RpcException>(async () => await server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber())));
        Assert.Equal(Grpc.Core.StatusCode.Unauthenticated, refused.StatusCode);
    }

    private LookupClientOptions Shown(X509Certificate2? certificate) => new() { CaFile = _files.AuthorityFile, ClientCertificate = certificate };

    private static async Task<CheckState> StateAsync(GuardedServer guarded, LookupClientOptions options)
    {
        using var client = new LookupClient(options with { Address = guarded.Server.Host.GrpcAddress });
        return (await client.CheckAsync(Samples.NewNumber(), Samples.Question(), cancellationToken: Token)).State;
    }

    private async Task<string> SerialAsync(GuardedServer guarded) =>
        (await HandshakeAsync(guarded.Server.Host.GrpcAddress.Port, SslApplicationProtocol.Http2)).Serial;

    private async Task<(string Serial, SslApplicationProtocol Protocol)> HandshakeAsync(int port, params SslApplicationProtocol[] offered)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync("127.0.0.1", port, Token);
        await using var tls = new SslStream(tcp.GetStream());
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = "127.0.0.1",
                ApplicationProtocols = offered.Length > 0 ? [.. offered] : null,
                CertificateChainPolicy = Policy(),
            },
            Token);
        return (((X509Certificate2)tls.RemoteCertificate!).SerialNumber, tls.NegotiatedApplicationProtocol);
    }

    private X509ChainPolicy Policy()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(_files.AuthorityFile);
        return policy;
    }

    private void Tls(LookupServerOptions options) => (options.TlsCertificateFile, options.TlsKeyFile) = (_files.ServerFile, _files.ServerKeyFile);
}
