using System.CommandLine;
using System.Text.Json.Nodes;
using Lookup.Cli.Options;
using Lookup.Cli.Output;

namespace Lookup.Cli.Commands;

/// <summary>lookup health: reports whether a running service answers, for container health checks.</summary>
internal sealed class HealthCommand : CliCommand
{
    private readonly ConnectionOptions _connection;

    public HealthCommand(Shell shell)
        : base(
            shell,
            "health",
            "Reports whether a running service answers checks now. Requires no credential.",
            "lookup health",
            "lookup health --address https://lookup.example.org:7500 --ca ca.crt --timeout 2")
    {
        ExitCodeHelp = "0 the service answers checks, 1 it does not or cannot be reached, 2 usage.";
        _connection = new ConnectionOptions(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        using var client = _connection.Connect(parsed);
        var serving = await client.IsServingAsync(ct);
        Shell.Output.WriteLine(
            IsJson(parsed) ? new JsonObject { ["serving"] = serving }.ToJsonString(JsonText.Options) : serving ? "SERVING" : "NOT_SERVING");
        return serving ? ExitCodes.Ok : ExitCodes.Error;
    }
}
