using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Lookup.Cli.Commands;

/// <summary>Prints the standard help, then the command's examples and exit codes.</summary>
internal sealed class ExamplesHelp(HelpAction usual) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        usual.Invoke(parseResult);
        if (parseResult.CommandResult.Command is CliCommand { Examples.Count: > 0 } command)
        {
            var output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Examples:");
            foreach (var example in command.Examples)
            {
                output.WriteLine("  " + example);
            }

            output.WriteLine();
            output.WriteLine("Exit codes:");
            output.WriteLine("  " + command.ExitCodeHelp);
            output.WriteLine();
        }

        return ExitCodes.Ok;
    }
}
