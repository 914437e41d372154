using System.CommandLine;
using Lookup.Client;

namespace Lookup.Cli.Options;

/// <summary>How to reach a running service: --address and --timeout.</summary>
internal sealed class ConnectionOptions
{
    public const string DefaultAddress = "http://127.0.0.1:7500";

    private const string Variable = "LOOKUP_ADDRESS";

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

    public ConnectionOptions(Command command)
    {
        command.Options.Add(Address);
        command.Options.Add(Timeout);
    }

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
        var options = new LookupClientOptions { Address = address, Timeout = TimeSpan.FromSeconds(seconds) };
        return new LookupClient(configure is null ? options : configure(options));
    }
}
