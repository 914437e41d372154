using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Lookup.ServiceTests.Access;

/// <summary>An authority that signs certificates for servers and clients, with files for both.</summary>
internal sealed class Certificates : IDisposable
{
    private readonly X509Certificate2 _authority;

    internal Certificates()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        _authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        AuthorityFile = Temp.Write("ca.pem", _authority.ExportCertificatePem());
    }

    internal TempFolder Temp { get; } = new();

    internal string AuthorityFile { get; }

    internal string ServerFile => Temp.PathOf("server.pem");

    internal string ServerKeyFile => Temp.PathOf("server.key");

    /// <summary>Writes a new certificate for 127.0.0.1 and its key.</summary>
    /// <returns>Its serial number.</returns>
    internal string WriteServer()
    {
        using var certificate = Sign("CN=127.0.0.1", names => names.AddIpAddress(System.Net.IPAddress.Loopback));
        using var key = certificate.GetECDsaPrivateKey()!;
        Temp.Write("server.pem", certificate.ExportCertificatePem());
        Temp.Write("server.key", key.ExportPkcs8PrivateKeyPem());
        return certificate.SerialNumber;
    }

    /// <summary>A certificate with a common name, and a URI and a DNS name where they are given.</summary>
    internal X509Certificate2 Client(string commonName, string? uri = null, string? dns = null) => Sign("CN=" + commonName, names =>
    {
        if (uri is not null)
        {
            names.AddUri(new Uri(uri));
        }

        if (dns is not null)
        {
            names.AddDnsName(dns);
        }

        names.AddEmailAddress("someone@example.org");
    });

    public void Dispose()
    {
        _authority.Dispose();
        Temp.Dispose();
    }

    private X509Certificate2 Sign(string name, Action<SubjectAlternativeNameBuilder> addNames)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        addNames(names);
        request.CertificateExtensions.Add(names.Build());
        using var signed = request.Create(
            _authority, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(20), RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }
}
