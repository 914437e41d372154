using System.CommandLine;
using Lookup.Client;

namespace Lookup.Cli.Options;

/// <summary>Options to reach a running service: --address, --timeout, --api-key and --ca.</summary>
internal sealed class ConnectionOptions
{
    public const string DefaultAddress = "http://127.0.0.1:7500";

    private const string Variable = "LOOKUP_ADDRESS";
    private const string KeyVariable = "LOOKUP_API_KEY";

    private Option<string?> Address { get; } = new("--address")
    {
        Description = $"Address of the service; default: the environment variable {Variable}, else {DefaultAddress}.",
        HelpName = "URL",
    };

    private Option<double> Timeout { get; }

    private Option<string?> ApiKey { get; } = new("--api-key")
    {
        Description = $"API key or token. Prefer the environment variable {KeyVariable}: other users of this machine can see command lines.",
        HelpName = "KEY",
    };

    private Option<string?> Ca { get; } = new("--ca")
    {
        Description = "PEM file with the CA certificates for the service; default: those that the machine trusts.",
        HelpName = "FILE",
    };

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="timeout">Default of --timeout in seconds.</param>
    public ConnectionOptions(Command command, double timeout = 5)
    {
        Timeout = new("--timeout")
        {
            Description = "Time limit for a call in seconds, 0.001 to 600.",
            HelpName = "SECONDS",
            DefaultValueFactory = _ => timeout,
        };
        command.Options.Add(ApiKey);
        command.Options.Add(Ca);
        command.Options.Add(Address);
        command.Options.Add(Timeout);
    }

    /// <summary>Creates --also: further instances, each of which stores its own receipts.</summary>
    public static Option<string[]> Also() => new("--also")
    {
        Description = "Address of another instance; each instance stores its own receipts. Repeatable.",
        HelpName = "URL",
        DefaultValueFactory = _ => [],
    };

    /// <summary>Whether the command line names an address.</summary>
    public bool IsNamed(ParseResult parsed) => parsed.GetValue(Address) is not null;

    /// <summary>Creates a client from the command line.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="configure">Sets options that have no command-line option.</param>
    /// <param name="other">Address that replaces --address.</param>
    public LookupClient Connect(ParseResult parsed, Func<LookupClientOptions, LookupClientOptions>? configure = null, string? other = null)
    {
        var text = other ?? parsed.GetValue(Address) ?? Environment.GetEnvironmentVariable(Variable);
        if (string.IsNullOrWhiteSpace(text))
        {
            text = DefaultAddress;
        }

        // "localhost:7500" would parse as the scheme "localhost".
        var full = text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text;
        if (!Uri.TryCreate(full, UriKind.Absolute, out var address) || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps))
        {
            throw CliException.Usage($"--address '{text}' is not an http:// or https:// address; write it like {DefaultAddress}.");
        }

        var seconds = parsed.GetWithin(Timeout, 0.001, 600, "seconds");
        var options = new LookupClientOptions
        {
            Address = address,
            Timeout = TimeSpan.FromSeconds(seconds),
            ApiKey = parsed.GetValue(ApiKey) ?? (Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } key ? key : null),
            CaFile = parsed.GetValue(Ca),
        };
        options = configure is null ? options : configure(options);
        var faults = options.Faults();
        return faults.Count == 0 ? new LookupClient(options) : throw CliException.Usage(string.Join(' ', faults).Replace($"{nameof(options.CaFile)}:", "--ca:", StringComparison.Ordinal));
    }
}
