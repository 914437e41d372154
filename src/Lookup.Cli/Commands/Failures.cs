using System.CommandLine;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Core.Regimes;
using Lookup.Core.Trail;
using Lookup.Redis;
using Lookup.Redis.Imports;
using Lookup.Redis.Maintenance;
using Lookup.Server;

namespace Lookup.Cli.Commands;

/// <summary>Turns an exception into one sentence that says what to do.</summary>
internal static partial class Failures
{
    /// <summary>Environment variable; "1" prints the exception's stack trace.</summary>
    private const string TraceVariable = "LOOKUP_TRACE";

    // EPIPE, which .NET uses as the HResult.
    private const int BrokenPipe = 32;

    // The option or argument that sets each request field.
    private static readonly Dictionary<string, string> OptionOfField = new()
    {
        ["number"] = "NUMBER",
        ["default_region"] = "--region",
        ["question.organisation"] = "--org",
        ["question.product_group"] = "--group",
        ["question.purpose"] = "--purpose",
        ["question.requested_at"] = "--requested-at",
        ["what_if.call_time"] = "--at",
        ["what_if.known_at"] = "--known-at",
        ["consistency.at_least_as_fresh"] = "--token",
        ["reserve.duration"] = "--reserve",
        ["resume_token"] = "--from",
        ["snapshot_date"] = "--snapshot",
        ["expected_numbers"] = "--expect",
        ["max_change_percent"] = "--max-change",
        ["register"] = "REGISTER",
        ["organisation.switched_off_layers"] = "--without",
        ["organisation.sector"] = "--sector",
        ["organisation.name"] = "NAME",
    };

    // Advice in the words of the API, or none, and what it means on the command line.
    private static readonly (string Said, string Advice)[] OnTheCommandLine =
    [
        ("or state the region", "or set --region, for example --region NL"),
        ("ListRegisters lists them", "'lookup register list' lists them"),
        ("LAYER_CODE and LAYER_POLICY", "code and policy"),
        ("no key file is named.", "no key file is named: set it, or name a file with --key-file; 'lookup init --key-file' creates one."),
        ("ListCredentials lists them", "'lookup key list' lists them"),
        ("There is no import with this id in this store.", "There is no import with this id in this store; 'lookup imports' lists them."),
        ("is in use by another process.", "is in use by another process: stop the service that has it open, or ask that service without --data."),
    ];

    // The option of 'serve' for each setting with a different name.
    private static readonly Dictionary<string, string> OptionOfSetting = new()
    {
        [nameof(LookupServerOptions.Address)] = "--listen",
        [nameof(LookupServerOptions.GrpcPort)] = "--listen",
        [nameof(LookupServerOptions.JsonPort)] = "--json-port",
        [nameof(LookupServerOptions.Credentials)] = "--credentials",
        [nameof(LookupServerOptions.ClientCaFile)] = "--client-ca",
        [nameof(LookupServerOptions.JwtIssuer)] = "--jwt-issuer",
        [nameof(LookupServerOptions.JwtAudience)] = "--jwt-audience",
        [nameof(LookupServerOptions.TraceEndpoint)] = "--trace-endpoint",
    };

    /// <summary>Describes the errors of the command line.</summary>
    public static string Describe(ParseResult parsed)
    {
        // Report only the first unknown word: further errors usually follow from it.
        if (parsed.UnmatchedTokens is [var word, ..])
        {
            var command = parsed.CommandResult.Command;
            var isOption = word.StartsWith('-');
            IEnumerable<string> known = isOption ? OptionsOf(parsed.CommandResult).Select(option => option.Name) : command.Subcommands.Select(sub => sub.Name).Append("help");
            var meant = Spelling.Closest(word, known);
            return (isOption ? "Unknown option" : command.Subcommands.Count > 0 ? "Unknown command" : "Unexpected argument")
                + $" '{word}'" + (meant is null ? "." : $"; did you mean '{meant}'?");
        }

        List<string> missing =
        [
            .. parsed.CommandResult.Command.Arguments.Where(argument => argument.Arity.MinimumNumberOfValues > 0 && parsed.GetResult(argument) is not { Tokens.Count: > 0 }).Select(argument => argument.Name),
            .. OptionsOf(parsed.CommandResult).Where(option => option.Required && parsed.GetResult(option) is not { Implicit: false }).Select(option => option.Name),
        ];
        var others = parsed.Errors.Select(error => error.Message).Where(text => !IsMissing().IsMatch(text)).Select(Sentence).Distinct().ToList();
        return others.Count > 0 ? string.Join(' ', others)
            : missing.Count > 1 ? $"{string.Join(", ", missing[..^1])} and {missing[^1]} are missing."
            : missing.Count == 1 ? $"{missing[0]} is missing."
            : string.Join(' ', parsed.Errors.Select(error => Sentence(error.Message)).Distinct());

        string Sentence(string text)
        {
            if (Repeated().Match(text) is { Success: true } repeated)
            {
                return $"{repeated.Groups[1].Value} is set {repeated.Groups[2].Value} times; set it once.";
            }

            var found = Unparsed().Match(text);
            var option = OptionsOf(parsed.CommandResult).FirstOrDefault(option => option.Name == found.Groups[2].Value);
            var type = option is null ? null : Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType;
            return type is { IsEnum: true }
                ? $"{option!.Name} '{found.Groups[1].Value}' is not valid; use one of {string.Join(", ", Enum.GetNames(type).Select(name => name.ToLowerInvariant()))}."
                : NotANumber().Replace(text, "$2 '$1' is not a number").Trim().TrimEnd('.') + ".";
        }
    }

    /// <summary>Returns the option that took the name of another option for its value; null if none did.</summary>
    public static string? WithoutValue(ParseResult parsed)
    {
        var known = OptionsOf(parsed.CommandResult).SelectMany(option => option.Aliases.Append(option.Name)).ToHashSet(StringComparer.Ordinal);
        return OptionsOf(parsed.CommandResult).FirstOrDefault(option =>
            parsed.GetResult(option) is { Implicit: false } result && result.Tokens.Any(token => known.Contains(token.Value)))?.Name;
    }

    /// <summary>Writes the message and returns the exit code.</summary>
    public static int Report(Shell shell, ParseResult parsed, Exception exception)
    {
        var (message, exitCode) = exception switch
        {
            CliException own => (own.Message, own.ExitCode),
            LookupException lookup => Describe(lookup, parsed),
            StoreUnavailableException store => (Describe(store), ExitCodes.Error),
            ServerSettingsException settings => (string.Join(' ', settings.Faults.Select(AsOption)), ExitCodes.Usage),
            EncryptionKeyException or RegimeException or ImportException or KeyRotationException or ReceiptException or TrailException => (exception.Message, ExitCodes.Error),
            OperationCanceledException => ("Stopped.", ExitCodes.Interrupted),
            IOException { HResult: BrokenPipe } => ("The program that read the output has ended.", ExitCodes.Error),
            DirectoryNotFoundException when Quoted().Match(exception.Message) is { Success: true } path =>
                ($"The folder of '{path.Groups[1].Value}' does not exist: create it, or name another.", ExitCodes.Error),
            IOException or UnauthorizedAccessException => (exception.Message, ExitCodes.Error),
            _ => ($"Unexpected error ({exception.GetType().Name}: {FirstLine(exception.Message)}): please report it with the output of {TraceVariable}=1.", ExitCodes.Error),
        };
        message = OnTheCommandLine.Aggregate(message, (text, hint) => text.Replace(hint.Said, hint.Advice, StringComparison.Ordinal));
        // A key given as the wrong argument must not reach a log.
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

    // A fault starts with the name of its setting.
    private static string AsOption(string fault)
    {
        if (Together().Match(fault) is { Success: true } both)
        {
            return both.Groups[1].Value + " must be set together" + fault[both.Length..];
        }

        var name = fault.Split(':', 2)[0];
        fault = fault.Replace($" ({OptionOfSetting.GetValueOrDefault(name)})", "", StringComparison.Ordinal).Replace("is also GrpcPort", "is also the port of --listen", StringComparison.Ordinal);
        return OptionOfSetting.TryGetValue(name, out var option) ? option + fault[name.Length..]
            : LookupServerOptions.Settings.Any(setting => setting.Name == name) ? "--set " + fault
            : fault;
    }

    private static (string Message, int ExitCode) Describe(LookupException exception, ParseResult parsed)
    {
        if (exception.Fields.Count > 0)
        {
            var names = exception.Fields.Select(field => OptionFor(field.Field, parsed)).ToList();
            var what = string.Join("; ", exception.Fields.Zip(names, (field, name) => $"{name ?? field.Field}: {field.Description.TrimEnd('.')}")) + ".";
            return names.Contains(null) ? ("The service rejected the request: " + what, ExitCodes.Error) : (what, ExitCodes.Usage);
        }

        var message = exception.Message.TrimEnd('.') + ".";
        var cause = (exception.InnerException as Grpc.Core.RpcException)?.Status.DebugException?.GetBaseException();
        return (message + (cause switch
        {
            SocketException or TimeoutException => " Start one with 'lookup serve', or set its address with --address.",
            AuthenticationException when exception.Message.Contains("does not use TLS", StringComparison.Ordinal) => "",
            AuthenticationException => " Name its CA certificates with --ca.",
            _ when exception.Status == Grpc.Core.StatusCode.Unauthenticated => " Set LOOKUP_API_KEY, or use --api-key.",
            _ when exception.IsTransient => " Retry later.",
            _ => "",
        }), ExitCodes.Error);
    }

    // The command's option or argument that set a field; null if there is none.
    private static string? OptionFor(string field, ParseResult parsed)
    {
        const string Open = "open.";
        field = field.StartsWith(Open, StringComparison.Ordinal) ? field[Open.Length..] : field;
        field = field.Split('[')[0];
        return OptionOfField.TryGetValue(field, out var name)
            && (OptionsOf(parsed.CommandResult).Any(option => option.Name == name) || parsed.CommandResult.Command.Arguments.Any(argument => argument.Name == name))
            ? name
            : null;
    }

    private static IEnumerable<Option> OptionsOf(System.CommandLine.Parsing.CommandResult result)
    {
        for (var command = result; command is not null; command = command.Parent as System.CommandLine.Parsing.CommandResult)
        {
            foreach (var option in command.Command.Options.Where(option => command == result || option.Recursive))
            {
                yield return option;
            }
        }
    }

    private static string Describe(StoreUnavailableException exception) => exception.Message.TrimEnd('.') + "." + exception.Fault switch
    {
        StoreFault.NotInitialised => " If it should be a new store, create it with 'lookup init'.",
        StoreFault.WrongKey => " Name the key it was created with, using --key-file; for an embedded store, restore number.key in its folder.",
        StoreFault.Unreachable or StoreFault.Timeout => " Check its address, its credentials and its log.",
        StoreFault.Settings => " 'lookup doctor' shows how to fix it.",
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

    [GeneratedRegex(@"^Cannot parse argument '(.*)' for option '(.*)' as expected type 'System\.(?:Nullable`1\[System\.)?(?:Double|Int32|Int64)\]?'\.?$", RegexOptions.Singleline)]
    private static partial Regex NotANumber();

    [GeneratedRegex(@"^Cannot parse argument '(.*?)' for option '(--[\w-]+)'", RegexOptions.Singleline)]
    private static partial Regex Unparsed();

    [GeneratedRegex(@"^Option '(--[\w-]+)' expects a single argument but (\d+) were provided")]
    private static partial Regex Repeated();

    [GeneratedRegex(@"^(Option '--[\w-]+' is required|Required argument '.*' missing for command)")]
    private static partial Regex IsMissing();

    [GeneratedRegex(@"^\w+ and \w+ must be set together \((--[\w-]+ and --[\w-]+)\)")]
    private static partial Regex Together();

    [GeneratedRegex("'([^']+)'")]
    private static partial Regex Quoted();

    [GeneratedRegex("lk_[^\\s']*_[0-9a-fA-F]{8,}")]
    private static partial Regex Key();

    private static string FirstLine(string text) => text.Split('\n', 2)[0].TrimEnd('\r', '.');
}
