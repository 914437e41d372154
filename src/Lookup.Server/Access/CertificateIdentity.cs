using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;

namespace Lookup.Server.Access;

/// <summary>The identity in a client certificate.</summary>
/// <param name="Names">URIs and DNS names of the subject alternative names, then the common name.</param>
/// <param name="Until">When the certificate expires, in Unix milliseconds.</param>
internal sealed record CertificateIdentity(IReadOnlyList<string> Names, long Until)
{
    private const string AlternativeNames = "2.5.29.17";
    private const string CommonName = "2.5.4.3";

    // Choices of GeneralName, RFC 5280 4.2.1.6.
    private static readonly Asn1Tag Dns = new(TagClass.ContextSpecific, 2);
    private static readonly Asn1Tag Uri = new(TagClass.ContextSpecific, 6);

    internal static CertificateIdentity Of(X509Certificate2 certificate)
    {
        var names = new List<string>();
        if (certificate.Extensions.FirstOrDefault(one => one.Oid?.Value == AlternativeNames) is { } extension)
        {
            var values = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
            var dns = new List<string>();
            while (values.HasData)
            {
                var tag = values.PeekTag();
                if (tag.HasSameClassAndValue(Uri))
                {
                    names.Add(values.ReadCharacterString(UniversalTagNumber.IA5String, Uri));
                }
                else if (tag.HasSameClassAndValue(Dns))
                {
                    dns.Add(values.ReadCharacterString(UniversalTagNumber.IA5String, Dns));
                }
                else
                {
                    values.ReadEncodedValue();
                }
            }

            names.AddRange(dns);
        }

        foreach (var part in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            if (!part.HasMultipleElements && part.GetSingleElementType().Value == CommonName && part.GetSingleElementValue() is { } name)
            {
                names.Add(name);
            }
        }

        return new CertificateIdentity(names, new DateTimeOffset(certificate.NotAfter.ToUniversalTime()).ToUnixTimeMilliseconds());
    }
}
