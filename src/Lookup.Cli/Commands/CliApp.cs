using System.CommandLine;
using System.CommandLine.Help;
using Lookup.Cli.Output;

namespace Lookup.Cli.Commands;

/// <summary>Runs the tool's commands and turns every exception into one sentence and an exit code.</summary>
internal static class CliApp
{
    /// <summary>Longer than any command needs to stop at a point from which it can resume.</summary>
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(30);

    /// <summary>Runs a command line; returns its exit code, see <see cref="ExitCodes"/>.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, Shell shell, CancellationToken ct)
    {
        // Many tools accept "help COMMAND".
        arguments = arguments is ["help", ..] ? [.. arguments.Skip(1), "--help"] : arguments;
        var parsed = Build(shell).Parse(arguments);
        if (parsed.CommandResult.Command.Subcommands.Count > 0 && parsed.UnmatchedTokens.Count == 0 && parsed.Errors.Count > 0 && parsed.Action is not ExamplesHelp)
        {
            // A command group without a subcommand: show its help.
            var shown = await RunAsync([.. arguments, "--help"], shell, ct);
            return shown == ExitCodes.Ok ? ExitCodes.Usage : shown;
        }

        if (parsed.Action is not ExamplesHelp && Failures.WithoutValue(parsed) is { } option)
        {
            return Failures.Report(shell, parsed, CliException.Usage($"{option} has no value."));
        }

        if (parsed.Errors.Count > 0 && parsed.Action is not ExamplesHelp)
        {
            return Failures.Report(shell, parsed, CliException.Usage(Failures.Describe(parsed)));
        }

        try
        {
            return await parsed.InvokeAsync(
                new InvocationConfiguration
                {
                    Output = shell.Output,
                    Error = shell.Error,
                    EnableDefaultExceptionHandler = false,
                    ProcessTerminationTimeout = StopLimit,
                },
                ct);
        }
        catch (Exception exception)
        {
            return Failures.Report(shell, parsed, exception);
        }
    }

    /// <summary>All commands.</summary>
    public static RootCommand Build(Shell shell)
    {
        var root = new RootCommand("Decides whether an organisation may call a phone number, for a purpose, now.")
        {
            new DemoCommand(shell),
            new ServeCommand(shell),
            new InitCommand(shell),
            new CheckCommand(shell),
            new ExplainCommand(shell),
            new RecordCommand(shell),
            new OutcomeCommand(shell),
            new FactsCommand(shell),
            new BlocksCommand(shell),
            new UnblockCommand(shell),
            new EraseCommand(shell),
            new RetentionCommand(shell),
            new DossierCommand(shell),
            new EvidenceCommand(shell),
            new ImportCommand(shell),
            new ImportsCommand(shell),
            new RevertCommand(shell),
            new ScrubCommand(shell),
            new PreviewCommand(shell),
            new ImpactCommand(shell),
            new AuditCommand(shell),
            new ReportCommand(shell),
            new WatchCommand(shell),
            new AgiCommand(shell),
            new SipCommand(shell),
            new KeyCommand(shell),
            new GrantCommand(shell),
            new OrgCommand(shell),
            new PlanCommand(shell),
            new ApplyCommand(shell),
            new RegisterCommand(shell),
            new RegimesCommand(shell),
            new ReceiptCommand(shell),
            new UsageCommand(shell),
            new TrailCommand(shell),
            new RebuildCommand(shell),
            new RekeyCommand(shell),
            new DoctorCommand(shell),
            new HealthCommand(shell),
            new BenchCommand(shell),
        };
        root.Options.Add(shell.Json);
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new ExamplesHelp((HelpAction)help.Action!);
        return root;
    }
}
