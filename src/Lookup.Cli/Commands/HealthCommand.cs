using System.CommandLine;
using System.Text.Json.Nodes;
using Lookup.Cli.Options;
using Lookup.Cli.Output;

namespace Lookup.Cli.Commands;

/// <summary>lookup health: whether a running service answers, for health checks of containers.</summary>
internal sealed class HealthCommand : CliCommand
{
    private readonly ConnectionOptions _connection;

    public HealthCommand(Shell shell)
        : base(
            shell,
            "health",
            "Asks a running service whether it answers checks now. It needs no credential.",
            "lookup health",
            "lookup health --address https://lookup.example.org:7500 --ca ca.crt --timeout 2")
    {
        ExitCodeHelp = "0 it serves, 1 it does not, or is not reached, 2 usage.";
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
