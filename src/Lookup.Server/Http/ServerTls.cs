using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Http;

/// <summary>
/// Loads the service's certificate and the client certificate authority from files. New connections re-read them, at most once a
/// second; a change applies to later connections. Invalid files leave the previous ones in use.
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

    /// <summary>Logs changed files and their errors.</summary>
    internal ILogger? Log { get; set; }

    /// <summary>Reads the files.</summary>
    /// <returns>Null if no files are configured.</returns>
    /// <exception cref="ServerSettingsException">The files are invalid.</exception>
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
            throw new ServerSettingsException([FaultOf(options, e)]);
        }
    }

    // The runtime names neither the file nor the option.
    private static string FaultOf(LookupServerOptions options, Exception whole)
    {
        foreach (var (option, path, fits) in (ReadOnlySpan<(string, string?, Func<string, bool>)>)[
            ("--tls-cert", options.TlsCertificateFile, static text => text.Contains("-BEGIN CERTIFICATE-", StringComparison.Ordinal)),
            ("--tls-key", options.TlsKeyFile, static text => text.Contains("PRIVATE KEY-", StringComparison.Ordinal)),
            ("--client-ca", options.ClientCaFile, static text => text.Contains("-BEGIN CERTIFICATE-", StringComparison.Ordinal))])
        {
            try
            {
                if (path is not null && !fits(File.ReadAllText(path)))
                {
                    return $"{option} '{path}' is not a PEM file with a {(option == "--tls-key" ? "private key" : "certificate")}.";
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                return $"{option} '{path}' cannot be read: {(File.Exists(path) ? "check its permissions" : "the file does not exist")}.";
            }
        }

        return $"--tls-cert '{options.TlsCertificateFile}' and --tls-key '{options.TlsKeyFile}' cannot be used: {whole.Message.TrimEnd('.')}.";
    }

    /// <summary>When the service's certificate, or one of its chain, expires: nothing can connect after that.</summary>
    internal DateTimeOffset Expires => Refreshed().Expires;

    /// <summary>When the last certificate of the client authority expires; null without one.</summary>
    internal DateTimeOffset? ClientsExpire => Refreshed().ClientsExpire;

    /// <summary>Returns the TLS options of a new connection.</summary>
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
                    Log?.LogInformation("The TLS files have changed; new connections use them.");
                }
            }
            catch (Exception e) when (IsOfFiles(e))
            {
                // Also happens while only one of two files is replaced.
                Log?.LogWarning("The TLS files have changed and are invalid; the previous ones stay in use: {Error}", e.Message);
            }

            return _current;
        }
    }

    private static bool IsOfFiles(Exception e) => e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;

    // Compares contents, because the times of files and links are not reliable.
    private string Read() => string.Join('\0', new[] { _options.TlsCertificateFile, _options.TlsKeyFile, _options.ClientCaFile }
        .Select(path => path is null ? "" : File.ReadAllText(path)));

    private Endpoints Make()
    {
        var certificate = X509Certificate2.CreateFromPemFile(_options.TlsCertificateFile!, _options.TlsKeyFile);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_options.TlsCertificateFile!);
        var context = SslStreamCertificateContext.Create(certificate, chain, offline: true);
        var clients = new X509Certificate2Collection();
        if (_options.ClientCaFile is { } authority)
        {
            clients.ImportFromPemFile(authority);
        }

        return new Endpoints(
            Make(context, SslApplicationProtocol.Http11),
            Make(context, SslApplicationProtocol.Http2),
            chain.Append(certificate).Min(one => new DateTimeOffset(one.NotAfter)),
            clients.Max(one => (DateTimeOffset?)one.NotAfter));
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
            // A caller without a certificate may use another credential.
            tls.RemoteCertificateValidationCallback = (_, _, _, errors) => errors is SslPolicyErrors.None or SslPolicyErrors.RemoteCertificateNotAvailable;
        }

        return tls;
    }

    // Each endpoint has its own options: Kestrel fills in the protocols of the first endpoint that uses them, and the other one would
    // offer its clients a protocol that it does not support.
    private sealed record Endpoints(SslServerAuthenticationOptions Http1, SslServerAuthenticationOptions Http2, DateTimeOffset Expires, DateTimeOffset? ClientsExpire);
}
