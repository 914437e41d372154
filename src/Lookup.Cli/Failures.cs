using System.CommandLine;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Server.Hosting;

namespace Lookup.Cli;

/// <summary>Turns what ends a command into a sentence that names what to do.</summary>
internal static partial class Failures
{
    /// <summary>Set to show where an error comes from.</summary>
    private const string TraceVariable = "LOOKUP_TRACE";

    // EPIPE: .NET passes the system's number on.
    private const int BrokenPipe = 32;

    /// <summary>What is wrong with the command line.</summary>
    public static string Describe(ParseResult parsed) =>
        string.Join(' ', parsed.Errors
            .Where(error => parsed.UnmatchedTokens.Count == 0 || error.Message != "Required command was not provided.")
            .Select(error => NotANumber().Replace(error.Message, "$2 '$1' is no number").Trim().TrimEnd('.') + ".")
            .Distinct());

    /// <summary>Writes the sentence and returns the exit code.</summary>
    public static int Report(Shell shell, ParseResult parsed, Exception exception)
    {
        var (message, exitCode) = exception switch
        {
            CliException own => (own.Message, own.ExitCode),
            LookupException lookup => (Describe(lookup), ExitCodes.Error),
            StoreUnavailableException store => (Describe(store), ExitCodes.Error),
            ServerSettingsException settings => (string.Join(' ', settings.Faults), ExitCodes.Usage),
            NumberKeyException or RegimeException or ImportException or KeyChangeException or ReceiptException => (exception.Message, ExitCodes.Error),
            OperationCanceledException => ("Stopped.", ExitCodes.Interrupted),
            IOException { HResult: BrokenPipe } => ("The program that read the output has ended.", ExitCodes.Error),
            IOException or UnauthorizedAccessException => (exception.Message, ExitCodes.Error),
            _ => ($"This should not have happened ({exception.GetType().Name}: {FirstLine(exception.Message)}): please report it with the output of {TraceVariable}=1.", ExitCodes.Error),
        };
        // A key in the wrong place must not end up in a log.
        message = Key().Replace(message, "lk_***");
        if (exitCode == ExitCodes.Usage && message.Length > 0)
        {
            message += $" See 'lookup {CommandPath(parsed)}--help'.";
        }

        if (parsed.GetValue(shell.Json))
        {
            shell.Error.WriteLine(new JsonObject { ["error"] = message, ["exit_code"] = exitCode }.ToJsonString(JsonText.Options));
        }
        else
        {
            shell.ErrorConsole.Write(new Spectre.Console.Text("lookup: ", new Spectre.Console.Style(Spectre.Console.Color.Red)));
            shell.Error.WriteLine(SafeText.Printable(message));
        }

        if (Environment.GetEnvironmentVariable(TraceVariable) == "1")
        {
            shell.Error.WriteLine(exception);
        }

        return exitCode;
    }

    private static string Describe(LookupException exception)
    {
        if (exception.Fields.Count > 0)
        {
            return "The service refused it: " + string.Join("; ", exception.Fields.Select(field => $"{field.Field}: {field.Description.TrimEnd('.')}")) + ".";
        }

        var message = exception.Message.TrimEnd('.') + ".";
        return exception.Status == Grpc.Core.StatusCode.Unavailable && exception.RetryAfter is null
            ? message + " Start one with 'lookup serve', or name its address with --address."
            : exception.IsTransient ? message + " Try again." : message;
    }

    private static string Describe(StoreUnavailableException exception) => exception.Message.TrimEnd('.') + "." + exception.Fault switch
    {
        StoreFault.NotInitialised => " Set it up with 'lookup init', if it should be a new one.",
        StoreFault.WrongKey => " Name the key that it was set up with, with --key-file; a store in a folder has it in number.key there: put that back, too.",
        StoreFault.Unreachable or StoreFault.Timeout => " Look at its address, its credentials and its log.",
        StoreFault.Settings => " 'lookup doctor' says how to mend it.",
        _ => "",
    };

    private static string CommandPath(ParseResult parsed)
    {
        var path = "";
        for (var command = parsed.CommandResult; command.Parent is System.CommandLine.Parsing.CommandResult parent; command = parent)
        {
            path = command.Command.Name + " " + path;
        }

        return path;
    }

    [GeneratedRegex(@"^Cannot parse argument '(.*)' for option '(.*)' as expected type 'System\.(?:Double|Int32|Int64)'\.?$", RegexOptions.Singleline)]
    private static partial Regex NotANumber();

    [GeneratedRegex("lk_[^\\s']*_[0-9a-fA-F]{8,}")]
    private static partial Regex Key();

    private static string FirstLine(string text) => text.Split('\n', 2)[0].TrimEnd('\r', '.');
}
