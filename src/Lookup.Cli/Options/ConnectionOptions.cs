using System.CommandLine;
using Lookup.Client;

namespace Lookup.Cli.Options;

/// <summary>How to reach a running service: --address, --timeout, and what to show to it.</summary>
internal sealed class ConnectionOptions
{
    public const string DefaultAddress = "http://127.0.0.1:7500";

    private const string Variable = "LOOKUP_ADDRESS";
    private const string KeyVariable = "LOOKUP_API_KEY";

    private Option<string?> Address { get; } = new("--address")
    {
        Description = $"Address of the service; else the environment variable {Variable}, else {DefaultAddress}.",
        HelpName = "URL",
    };

    private Option<double> Timeout { get; } = new("--timeout")
    {
        Description = "Seconds that a call may take, 0.001 to 600.",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 5,
    };

    private Option<string?> ApiKey { get; } = new("--api-key")
    {
        Description = $"API key or token to show; better in the environment variable {KeyVariable}, where others on this machine do not see it.",
        HelpName = "KEY",
    };

    private Option<string?> Ca { get; } = new("--ca")
    {
        Description = "File with the certificates (PEM) that the service's must be signed by; default: those that the machine trusts.",
        HelpName = "FILE",
    };

    public ConnectionOptions(Command command)
    {
        command.Options.Add(ApiKey);
        command.Options.Add(Ca);
        command.Options.Add(Address);
        command.Options.Add(Timeout);
    }

    /// <summary>Further instances, for what each of them keeps by itself.</summary>
    public static Option<string[]> Also() => new("--also")
    {
        Description = "Address of a further instance, each of which keeps receipts of its own. Repeatable.",
        HelpName = "URL",
        DefaultValueFactory = _ => [],
    };

    /// <summary>Whether the command line names an address.</summary>
    public bool IsNamed(ParseResult parsed) => parsed.GetValue(Address) is not null;

    /// <param name="parsed">The command line.</param>
    /// <param name="configure">Changes what the command line does not say.</param>
    /// <param name="other">Another instance than the one that --address names.</param>
    public LookupClient Connect(ParseResult parsed, Func<LookupClientOptions, LookupClientOptions>? configure = null, string? other = null)
    {
        var text = other ?? parsed.GetValue(Address) ?? Environment.GetEnvironmentVariable(Variable);
        if (string.IsNullOrWhiteSpace(text))
        {
            text = DefaultAddress;
        }

        // "localhost:7500" would be taken for the scheme "localhost".
        var full = text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text;
        if (!Uri.TryCreate(full, UriKind.Absolute, out var address) || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps))
        {
            throw CliException.Usage($"--address '{text}' is no address such as {DefaultAddress}.");
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
        return faults.Count == 0 ? new LookupClient(options) : throw CliException.Usage(string.Join(' ', faults));
    }
}
