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

    /// <summary>Command lines that work, for the help.</summary>
    public IReadOnlyList<string> Examples { get; }

    /// <summary>What the exit code says, for the help.</summary>
    public string ExitCodeHelp { get; protected init; } = "0 done, 1 error, 2 usage.";

    protected Shell Shell { get; }

    /// <summary>Whether JSON is asked for.</summary>
    protected bool IsJson(ParseResult parsed) => parsed.GetValue(Shell.Json);

    /// <summary>Does it; returns the exit code.</summary>
    protected abstract Task<int> RunAsync(ParseResult parsed, CancellationToken ct);
}
