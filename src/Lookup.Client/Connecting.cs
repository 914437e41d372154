using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;

namespace Lookup.Client;

/// <summary>Creates the HTTP handler and credentials of a channel.</summary>
internal static class Connecting
{
    internal static GrpcChannelOptions ChannelOptions(LookupClientOptions options)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = options.ConnectTimeout,
            // The service allows 100 calls per connection; open another one for more.
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(10),
            SslOptions = Tls(options),
        };
        var isTls = options.Address.Scheme == Uri.UriSchemeHttps;
        return new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            Credentials = Shown(options) is { } shown
                ? ChannelCredentials.Create(isTls ? ChannelCredentials.SecureSsl : ChannelCredentials.Insecure, shown)
                : null,
            // The options reject plain text except on this machine.
            UnsafeUseInsecureChannelCallCredentials = !isTls,
        };
    }

    private static CallCredentials? Shown(LookupClientOptions options)
    {
        if (options.ApiKey is { } key)
        {
            var bearer = "Bearer " + key;
            return CallCredentials.FromInterceptor((_, metadata) =>
            {
                metadata.Add("authorization", bearer);
                return Task.CompletedTask;
            });
        }

        return options.Token is { } token
            ? CallCredentials.FromInterceptor(async (context, metadata) =>
                metadata.Add("authorization", "Bearer " + await token(context.CancellationToken)))
            : null;
    }

    private static SslClientAuthenticationOptions Tls(LookupClientOptions options)
    {
        var tls = new SslClientAuthenticationOptions();
        if (options.ClientCertificate is { } certificate)
        {
            tls.ClientCertificates = [certificate];
        }

        if (options.CaFile is { } file)
        {
            // Trust only this authority, not the others that the machine trusts.
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPemFile(file);
            tls.CertificateChainPolicy = policy;
        }

        return tls;
    }
}
