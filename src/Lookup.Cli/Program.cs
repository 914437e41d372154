using Lookup.Cli;
using Lookup.Cli.Output;

return await CliApp.RunAsync(
    args, new Shell(Console.Out, Console.Error, Console.OpenStandardInput(), TimeProvider.System, Console.OpenStandardOutput()), CancellationToken.None);
