using System.CommandLine;
using Lookup.Server;

namespace Lookup.Cli.Options;

/// <summary>Whether a service asks for credentials.</summary>
internal enum CredentialRule : byte
{
    /// <summary>It does.</summary>
    Required,
    /// <summary>It does not: on loopback addresses only.</summary>
    None,
}

/// <summary>How a service guards itself.</summary>
internal sealed class SecurityOptions
{
    private readonly Option<CredentialRule?> _credentials = new("--credentials")
    {
        Description = "Whether callers must show a credential: required, or none (on a loopback address only, and the default there without proxy, TLS and tokens).",
        HelpName = "RULE",
    };

    private readonly Option<string?> _certificate = new("--tls-cert")
    {
        Description = "File with the service's certificate and those between it and its authority (PEM). Read again when it changes.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _key = new("--tls-key") { Description = "File with the private key of --tls-cert (PEM).", HelpName = "FILE" };
    private readonly Option<string?> _clientCa = new("--client-ca")
    {
        Description = "File with the certificates (PEM) of the authority that signs client certificates: they are credentials, too.",
        HelpName = "FILE",
    };

    private readonly Option<bool> _proxy = new("--behind-proxy")
    {
        Description = "A proxy that callers trust ends TLS, and nobody else reaches the service: plain text on any address. Credentials are required, on a loopback address too.",
    };

    private readonly Option<string?> _issuer = new("--jwt-issuer") { Description = "Issuer of tokens (JWT): they are credentials, too.", HelpName = "URL" };
    private readonly Option<string?> _audience = new("--jwt-audience") { Description = "What the audience of tokens must be.", HelpName = "TEXT" };
    private readonly Option<string?> _subject = new("--jwt-subject-claim") { Description = "The claim of a token that says who it is; default: sub.", HelpName = "CLAIM" };

    public SecurityOptions(Command command)
    {
        foreach (var option in (Option[])[_credentials, _certificate, _key, _clientCa, _proxy, _issuer, _audience, _subject])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Sets what the command line says.</summary>
    public void Apply(ParseResult parsed, LookupServerOptions options)
    {
        options.TlsCertificateFile = parsed.GetValue(_certificate);
        options.TlsKeyFile = parsed.GetValue(_key);
        options.ClientCaFile = parsed.GetValue(_clientCa);
        options.BehindProxy = parsed.GetValue(_proxy);
        options.JwtIssuer = parsed.GetValue(_issuer);
        options.JwtAudience = parsed.GetValue(_audience);
        options.JwtSubjectClaim = parsed.GetValue(_subject) ?? options.JwtSubjectClaim;
        if (parsed.GetValue(_credentials) is { } rule)
        {
            options.Credentials = rule == CredentialRule.Required;
        }
    }
}
