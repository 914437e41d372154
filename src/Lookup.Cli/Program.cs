using System.Text;
using Lookup.Cli;
using Lookup.Cli.Commands;
using Lookup.Cli.Output;
using Lookup.Core.Clocks;
using Lookup.Embedded;

// With a lower limit the code that reports failures could not be loaded either.
if (OpenFileLimit.Fault(OpenFileLimit.NeededByProgram) is { } fault)
{
    Console.Error.WriteLine($"lookup: {fault}");
    return ExitCodes.Error;
}

PrivateFiles.Use();
var raw = StandardOutput.Open();
var output = Console.IsOutputRedirected ? TextWriter.Synchronized(new StreamWriter(raw, new UTF8Encoding(false)) { AutoFlush = true }) : Console.Out;
return await CliApp.RunAsync(args, new Shell(output, Console.Error, Console.OpenStandardInput(), BootTimeClock.Instance, raw), CancellationToken.None);
