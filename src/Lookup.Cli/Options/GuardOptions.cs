using System.CommandLine;
using Lookup.Server.Hosting;

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
internal sealed class GuardOptions
{
    private readonly Option<CredentialRule?> _credentials = new("--credentials")
    {
        Description = "Whether callers must show a credential: required, or none (only on a loopback address, where it is the default).",
        HelpName = "RULE",
    };

    public GuardOptions(Command command)
    {
        command.Options.Add(_credentials);
    }

    /// <summary>Sets what the command line says.</summary>
    public void Apply(ParseResult parsed, LookupServerOptions options)
    {
        if (parsed.GetValue(_credentials) is { } rule)
        {
            options.Credentials = rule == CredentialRule.Required;
        }
    }
}
