using Lookup.Cli;
using Lookup.Cli.Output;
using Lookup.Core.Clocks;
using Lookup.Embedded;

// With fewer files even what reports a failure could not be loaded.
if (OpenFileLimit.Fault(OpenFileLimit.NeededByProgram) is { } fault)
{
    Console.Error.WriteLine($"lookup: {fault}");
    return ExitCodes.Error;
}

PrivateFiles.Use();
return await CliApp.RunAsync(
    args, new Shell(Console.Out, Console.Error, Console.OpenStandardInput(), BootTimeClock.Instance, Console.OpenStandardOutput()), CancellationToken.None);
