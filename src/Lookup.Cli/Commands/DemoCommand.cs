using System.CommandLine;
using Lookup.Cli.Demo;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.Server;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup demo: starts the real service on a temporary store, sends real checks and shows the answers.</summary>
internal sealed class DemoCommand : CliCommand
{
    public DemoCommand(Shell shell)
        : base(
            shell,
            "demo",
            "Starts the service on a temporary store, sends it checks, and shows each decision with its reasons.",
            "lookup demo",
            "lookup demo --json")
    {
        ExitCodeHelp = "0 every answer was as expected, 1 an answer was not, or an error, 2 usage.";
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var json = IsJson(parsed);
        var folder = Directory.CreateTempSubdirectory("lookup-demo-");
        try
        {
            var options = new LookupServerOptions { GrpcPort = 0, JsonPort = 0 };
            await using var service = await LocalService.StartAsync(options, new StoreSettings(folder.FullName, null, null) { Create = true }, Shell, LogFormat.None, ct);
            if (!json)
            {
                Shell.Console.MarkupLine($"The service runs at {service.GrpcAddress}, with an embedded store in {SafeText.Escape(folder.FullName)}.");
                Shell.Console.MarkupLine($"It gets {DemoScript.Steps.Count} questions over gRPC. Each answer names the rule that decided, with its layer and article.");
                Shell.Console.WriteLine();
            }

            using var client = new LookupClient(new LookupClientOptions { Address = service.GrpcAddress, Timeout = TimeSpan.FromSeconds(30) });
            var demo = new DemoRun(Shell, client, json);
            await demo.RunAsync(ct);
            if (demo.Failures.Count > 0)
            {
                throw new CliException($"The demo failed: {string.Join("; ", demo.Failures)}.");
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        if (!json)
        {
            WriteNext();
        }

        return ExitCodes.Ok;
    }

    private void WriteNext()
    {
        Shell.Console.MarkupLine("[green]Every answer was as expected.[/] To try it yourself, with the service in a terminal of its own:");
        foreach (var line in (string[])
            [
                "lookup serve --data ./lookup-data --create",
                "lookup record consent +31612345678 --org acme --purposes commercial --since now --evidence rec-1",
                "lookup check +31612345678 --org acme --purpose commercial",
                "lookup record objection +31612345678 --org acme",
                "lookup explain +31612345678 --org acme --purpose commercial",
                "lookup import --help",
            ])
        {
            Shell.Console.MarkupLine("  " + SafeText.Escape(line));
        }
    }
}
