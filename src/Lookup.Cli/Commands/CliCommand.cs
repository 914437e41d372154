using System.CommandLine;
using Lookup.Cli.Output;

namespace Lookup.Cli.Commands;

/// <summary>A command with examples in its help.</summary>
internal abstract class CliCommand : Command
{
    protected CliCommand(Shell shell, string name, string description, params string[] examples)
        : base(name, description)
    {
        Shell = shell;
        Examples = examples;
        SetAction((parsed, ct) => RunAsync(parsed, ct));
    }

    /// <summary>Valid command lines, shown in the help.</summary>
    public IReadOnlyList<string> Examples { get; }

    /// <summary>The meaning of each exit code, shown in the help.</summary>
    public string ExitCodeHelp { get; protected init; } = "0 success, 1 error, 2 usage.";

    protected Shell Shell { get; }

    /// <summary>Whether --json is set.</summary>
    protected bool IsJson(ParseResult parsed) => parsed.GetValue(Shell.Json);

    /// <summary>Runs the command and returns its exit code.</summary>
    protected abstract Task<int> RunAsync(ParseResult parsed, CancellationToken ct);
}
