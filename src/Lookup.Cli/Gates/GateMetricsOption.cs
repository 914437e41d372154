using System.CommandLine;
using System.Net;

namespace Lookup.Cli.Gates;

/// <summary>The option --metrics of the gates.</summary>
internal sealed class GateMetricsOption
{
    private readonly Option<string?> _listen = new("--metrics")
    {
        Description = "IP address and port on which /metrics is served for Prometheus, for example 127.0.0.1:9464; default: not served.",
        HelpName = "IP:PORT",
    };

    public GateMetricsOption(Command command) => command.Options.Add(_listen);

    /// <summary>Serves the metrics until the result is disposed of; null if the option is not set.</summary>
    /// <exception cref="CliException">The address is invalid or in use.</exception>
    public IDisposable? Serve(ParseResult parsed, GateMetrics metrics)
    {
        if (parsed.GetValue(_listen) is not { } text)
        {
            return null;
        }

        if (!IPEndPoint.TryParse(text, out var listen) || listen.Port == 0)
        {
            throw CliException.Usage($"--metrics '{text}' is not an IP address with a port; write it like 127.0.0.1:9464.");
        }

        try
        {
            return metrics.Serve(listen);
        }
        catch (IOException exception)
        {
            throw new CliException($"--metrics {listen}: {exception.Message.TrimEnd('.')}; choose another port.", inner: exception);
        }
    }
}
