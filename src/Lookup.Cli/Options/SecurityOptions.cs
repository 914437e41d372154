using System.CommandLine;
using Lookup.Server;

namespace Lookup.Cli.Options;

/// <summary>Whether a service requires credentials.</summary>
internal enum CredentialRule : byte
{
    /// <summary>Every caller must present a credential.</summary>
    Required,
    /// <summary>No credential is required; loopback addresses only.</summary>
    None,
}

/// <summary>Options for credentials, TLS and tokens of a service.</summary>
internal sealed class SecurityOptions
{
    private readonly Option<CredentialRule?> _credentials = new("--credentials")
    {
        Description = "Credentials of callers: required, or none (loopback addresses only; the default there without proxy, TLS and tokens).",
        HelpName = "RULE",
    };

    private readonly Option<string?> _certificate = new("--tls-cert")
    {
        Description = "PEM file with the service's certificate chain. Reloaded when it changes.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _key = new("--tls-key") { Description = "PEM file with the private key of --tls-cert.", HelpName = "FILE" };
    private readonly Option<string?> _clientCa = new("--client-ca")
    {
        Description = "PEM file with the CA certificates for client certificates, which are then accepted as credentials.",
        HelpName = "FILE",
    };

    private readonly Option<bool> _proxy = new("--behind-proxy")
    {
        Description = "A trusted proxy terminates TLS and only it can reach the service: allow plain text on any address. Credentials are always required.",
    };

    private readonly Option<string?> _issuer = new("--jwt-issuer") { Description = "Issuer of tokens (JWT), which are then accepted as credentials.", HelpName = "URL" };
    private readonly Option<string?> _audience = new("--jwt-audience") { Description = "Required audience of tokens.", HelpName = "TEXT" };
    private readonly Option<string?> _subject = new("--jwt-subject-claim") { Description = "Token claim that identifies the caller; default: sub.", HelpName = "CLAIM" };

    public SecurityOptions(Command command)
    {
        foreach (var option in (Option[])[_credentials, _certificate, _key, _clientCa, _proxy, _issuer, _audience, _subject])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Applies the command line to the service's options.</summary>
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
