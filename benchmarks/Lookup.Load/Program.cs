using System.CommandLine;
using Lookup.Load.Commands;
using Lookup.Load.Streams;

// A command that is stopped ends its children first.
var stopLimit = TimeSpan.FromSeconds(30);

var echo = new Command("echo", "The service that the streams are compared with.") { Hidden = true };
var echoStore = new Option<string?>("--store");
var echoAnswer = new Option<string?>("--answer");
echo.Options.Add(echoStore);
echo.Options.Add(echoAnswer);
echo.SetAction((parsed, _) => EchoService.RunAsync(parsed.GetValue(echoStore), parsed.GetValue(echoAnswer)));
var saturate = new Command("saturate", "The client that saturates the service.") { Hidden = true };
var saturateArguments = new Argument<string[]>("arguments");
saturate.Arguments.Add(saturateArguments);
saturate.SetAction((parsed, _) => Saturator.RunAsync(parsed.GetRequiredValue(saturateArguments)));
var root = new RootCommand("Measures the service beside what it is compared with, in one run. benchmarks/README.md explains the commands.")
{
    new FirstLoadCommand(),
    new CheckCommand(),
    new StreamCommand(),
    new ShareCommand(),
    new ReceiptsCommand(),
    new ShadowCommand(),
    new GrowthCommand(),
    new FuzzCommand(),
    new DialerCommand(),
    new ImportCommand(),
    new FiguresCommand(),
    new OverloadCommand(),
    new RegisterSwitchCommand(),
    new ScrubCommand(),
    new ChaosCommand(),
    new EffectCommand(),
    new RebuildCommand(),
    new ReserveCommand(),
    new AuditCommand(),
    echo,
    saturate,
};
try
{
    return await root.Parse(args).InvokeAsync(
        new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = stopLimit });
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("Stopped.");
    return 130;
}
catch (Exception e)
{
    Console.Error.WriteLine(e);
    return 1;
}
