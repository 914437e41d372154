using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Hosting;

/// <summary>
/// The service's certificate, and the authority of client certificates, from files. They are read again with the connections,
/// once a second at most, and what changed counts for those that follow; files that cannot be used change nothing.
/// </summary>
internal sealed class ServerTls
{
    private static readonly TimeSpan LookPause = TimeSpan.FromSeconds(1);

    private readonly LookupServerOptions _options;
    private readonly TimeProvider _clock;
    private readonly Lock _gate = new();
    private Endpoints _current;
    private string _content;
    private long _looked;

    private ServerTls(LookupServerOptions options, TimeProvider clock)
    {
        _options = options;
        _clock = clock;
        _content = Read();
        _current = Make();
        _looked = clock.GetTimestamp();
    }

    /// <summary>Takes what is wrong with files that have changed.</summary>
    internal ILogger? Log { get; set; }

    /// <summary>Reads the files.</summary>
    /// <returns>Null where none are named.</returns>
    /// <exception cref="ServerSettingsException">They cannot be used.</exception>
    internal static ServerTls? Load(LookupServerOptions options, TimeProvider clock)
    {
        if (options.TlsCertificateFile is null)
        {
            return null;
        }

        try
        {
            return new ServerTls(options, clock);
        }
        catch (Exception e) when (IsOfFiles(e))
        {
            throw new ServerSettingsException([$"The files of TLS cannot be used: {e.Message}"]);
        }
    }

    /// <summary>Returns the TLS options of a connection that begins now.</summary>
    /// <param name="protocols">The protocol of the endpoint: Http1 or Http2.</param>
    internal SslServerAuthenticationOptions Current(HttpProtocols protocols)
    {
        var current = Refreshed();
        return protocols == HttpProtocols.Http2 ? current.Http2 : current.Http1;
    }

    private Endpoints Refreshed()
    {
        lock (_gate)
        {
            if (_clock.GetElapsedTime(_looked) < LookPause)
            {
                return _current;
            }

            _looked = _clock.GetTimestamp();
            try
            {
                var content = Read();
                if (content != _content)
                {
                    _current = Make();
                    _content = content;
                    Log?.LogInformation("The files of TLS have changed; new connections use them.");
                }
            }
            catch (Exception e) when (IsOfFiles(e))
            {
                // Also while one of them is replaced and the other not yet.
                Log?.LogWarning("The files of TLS have changed and cannot be used; those before stay: {Error}", e.Message);
            }

            return _current;
        }
    }

    private static bool IsOfFiles(Exception e) => e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;

    // Contents tell what times of files and links do not.
    private string Read() => string.Join('\0', new[] { _options.TlsCertificateFile, _options.TlsKeyFile, _options.ClientCaFile }
        .Select(path => path is null ? "" : File.ReadAllText(path)));

    private Endpoints Make()
    {
        var certificate = X509Certificate2.CreateFromPemFile(_options.TlsCertificateFile!, _options.TlsKeyFile);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_options.TlsCertificateFile!);
        var context = SslStreamCertificateContext.Create(certificate, chain, offline: true);
        return new Endpoints(Make(context, SslApplicationProtocol.Http11), Make(context, SslApplicationProtocol.Http2));
    }

    private SslServerAuthenticationOptions Make(SslStreamCertificateContext certificate, SslApplicationProtocol protocol)
    {
        var tls = new SslServerAuthenticationOptions { ServerCertificateContext = certificate, ApplicationProtocols = [protocol] };
        if (_options.ClientCaFile is { } authority)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPemFile(authority);
            tls.CertificateChainPolicy = policy;
            tls.ClientCertificateRequired = true;
            // Who has none may show another credential.
            tls.RemoteCertificateValidationCallback = (_, _, _, errors) => errors is SslPolicyErrors.None or SslPolicyErrors.RemoteCertificateNotAvailable;
        }

        return tls;
    }

    // Options of its own for each endpoint: Kestrel fills in the protocols of the endpoint that uses them first, and the other one
    // would then offer its clients a protocol that it does not speak.
    private sealed record Endpoints(SslServerAuthenticationOptions Http1, SslServerAuthenticationOptions Http2);
}
