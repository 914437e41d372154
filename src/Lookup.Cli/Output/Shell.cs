using System.CommandLine;
using Spectre.Console;

namespace Lookup.Cli.Output;

/// <summary>The input and output of a command.</summary>
internal sealed class Shell
{
    public Shell(TextWriter output, TextWriter error, Stream input, TimeProvider clock, Stream? rawOutput = null)
    {
        Output = output;
        Error = error;
        Input = input;
        RawOutput = rawOutput ?? Stream.Null;
        Clock = clock;
        Console = Make(output);
        ErrorConsole = Make(error);
    }

    /// <summary>Results.</summary>
    public TextWriter Output { get; }

    /// <summary>Everything else: progress, notes, errors.</summary>
    public TextWriter Error { get; }

    public Stream Input { get; }

    /// <summary>Standard output as bytes; do not mix with <see cref="Output"/>.</summary>
    public Stream RawOutput { get; }

    public TimeProvider Clock { get; }

    /// <summary>Results, with colour on a terminal.</summary>
    public IAnsiConsole Console { get; }

    public IAnsiConsole ErrorConsole { get; }

    /// <summary>--json, for every command.</summary>
    public Option<bool> Json { get; } = new("--json")
    {
        Description = "Write JSON.",
        Recursive = true,
    };

    private static IAnsiConsole Make(TextWriter writer)
    {
        var output = new AnsiConsoleOutput(writer);
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = output,
            Ansi = output.IsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = output.IsTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = output.IsTerminal ? InteractionSupport.Detect : InteractionSupport.No,
        });
        if (!output.IsTerminal)
        {
            // Other programs read the lines, so do not wrap them.
            console.Profile.Width = 10_000;
        }

        return console;
    }
}
